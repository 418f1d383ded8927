"""Make a tiny run, and a model of it, with an earlier version of the code; and what both answer.

    git worktree add /tmp/earlier REVISION
    PYTHONPATH=/tmp/earlier/src python tests/data/earlier/make.py tests/data/earlier/REVISION

It uses only what every version so far has: the command line, and `saywhere.load`. The run keeps
what is needed to open and to resume it, without its manifest and its quarantine.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

KEPT = ("config.toml", "run.json", "metrics.jsonl", "metrics.csv", "checkpoints/best")
PROMPT = "one small lesion, upper left"
TINY = """
[data]
manifest = "MANIFEST"
size = 32
channels = 1
[text]
train_prompts = "prompt"
evaluate_prompts = "prompt"
[network]
name = "unet"
width = 2
[fusion]
start = "default"
[train]
epochs = 2
batch_size = 2
precision = "32-true"
threads = 1
device = "cpu"
"""
PROMPTS = (PROMPT, "one large lesion, right", "one round lesion, lower left", "two lesions, left")


def picture(number: int) -> np.ndarray:
    """A grey ramp with a bright square, (32, 32) uint8."""
    image = np.tile(np.arange(32, dtype=np.uint8) * 3, (32, 1))
    image[4 + number : 12 + number, 5:14] = 220
    return image


def write_manifest(folder: Path) -> Path:
    """Eight images of a bright square, six to train and two to validate."""
    from PIL import Image

    rows = []
    for number in range(8):
        image = picture(number)
        Image.fromarray(image).save(folder / f"{number}.png")
        Image.fromarray(((image == 220) * 255).astype(np.uint8)).save(folder / f"{number}_mask.png")
        split = "train" if number < 6 else "val"
        row = {"id": str(number), "image": f"{number}.png", "mask": f"{number}_mask.png"}
        rows.append(row | {"prompt": PROMPTS[number % len(PROMPTS)], "split": split})
    manifest = folder / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return manifest


def saywhere(*arguments: object) -> None:
    """Run a command of the version that Python finds."""
    subprocess.run([sys.executable, "-m", "saywhere", *map(str, arguments)], check=True)


def answer(folder: Path) -> list[list[float]]:
    """The probability of each pixel, to six digits, as the version that Python finds gives it."""
    from saywhere import load

    probability = load(folder).segment(picture(2), PROMPT).probability
    rounded: list[list[float]] = probability.astype(float).round(6).tolist()
    return rounded


def main(target: Path) -> None:
    """Write target/run, target/model where the version has models, and target/answers.json."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        recipe = TINY.replace("MANIFEST", str(write_manifest(folder)))
        (folder / "tiny.toml").write_text(recipe, encoding="utf-8")
        saywhere("train", folder / "tiny.toml", "--out", folder / "run")
        answers = {"run": answer(folder / "run")}
        for name in KEPT:
            source, copy = folder / "run" / name, target / "run" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy)(source, copy)
        try:
            saywhere("models", "push", folder / "run", target / "model")
            answers["model"] = answer(target / "model")
        except subprocess.CalledProcessError:
            print("this version makes no models")
    (target / "answers.json").write_text(json.dumps(answers), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
