"""The README's picture, from a phantom demo: python benchmarks/pages/figure.py runs/demo/run
docs/images/three_prompts.png
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from saywhere.io.images import read_image, read_mask, write_image
from saywhere.io.overlay import overlay, panel


def main(run: Path, out: Path) -> None:
    """One image, three prompts: what the words look like to the network, and the three masks."""
    folder = run / "evaluation" / "pictures"
    asked = json.loads((run / "evaluation" / "pictures.json").read_text())["prompts"][0]
    image = read_image(folder / asked["image"])
    pictures, captions = [image], ["the image"]
    for answer in asked["answers"]:
        pictures += [
            read_image(folder / answer["pseudo_image"]),
            overlay(image, read_mask(folder / answer["prediction"])),
        ]
        captions += [f"“{answer['prompt']}”", f"the answer, Dice {answer['dice']:.2f}"]
    write_image(out, panel([_enlarged(picture) for picture in pictures], captions))


def _enlarged(picture: np.ndarray) -> np.ndarray:
    """Three times as large, pixel by pixel: phantoms are small."""
    return picture.repeat(3, axis=0).repeat(3, axis=1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
