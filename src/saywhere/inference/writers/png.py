"""PNG files: mask, probability, overlay and pseudo-image, at the image's own size."""

from __future__ import annotations

import numpy as np

from saywhere.inference.answer import Answer
from saywhere.inference.writers.writer import Paths, Writer
from saywhere.io import images
from saywhere.io.overlay import captioned


def write(answer: Answer, paths: Paths) -> list[str]:
    """Write an answer as PNG files.

    Args:
        answer: The mask becomes 0 and 255, the probability and the pseudo-image 0 to 255. The
            overlay has the prompt in a strip below it.
        paths: Where each part goes.

    Returns:
        The parts that were written; no "pseudo" for an image-only model.

    Raises:
        NotWritable: Where the folder takes no file.
    """
    pictures = {
        "probability": _to_bytes(answer.probability)[..., None],
        "overlay": captioned(answer.overlay(), answer.prompt or "(no words)"),
    }
    if answer.pseudo_image is not None:
        pictures["pseudo"] = _to_bytes(answer.pseudo_image)
    images.write_mask(paths["mask"], answer.mask)
    for part, picture in pictures.items():
        images.write_image(paths[part], picture)
    return ["mask", *pictures]


def _to_bytes(values: np.ndarray) -> np.ndarray:
    """[0, 1] → 0 to 255."""
    return (values * 255).round().astype(np.uint8)


PARTS = ("mask", "probability", "pseudo", "overlay")
WRITER = Writer({part: f"-{part}.png" for part in PARTS}, write)
