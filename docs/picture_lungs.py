"""The README's picture: one chest film, three prompts, three masks.

    saywhere train configs/lungs.toml --out runs/lungs
    python docs/picture_lungs.py runs/lungs ../shared/data/lungs/annotations.jsonl

Writes docs/images/lungs.png, and the figures of its caption to
benchmarks/results/lungs_picture.json; `python benchmarks/pages/tables.py` puts them into the pages.
The film is the normal one whose mean Dice is the median of the test split's: neither the best nor
the worst. Films: Jaeger et al. 2014, doi:10.3978/j.issn.2223-4292.2014.11.20; masks: Stirenko et
al. 2018.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import saywhere
from saywhere.data.manifest import read_manifest
from saywhere.data.manifest_row import Row
from saywhere.inference.segmenter import Segmenter
from saywhere.io.files import write_json
from saywhere.io.images import read_image, read_mask
from saywhere.io.overlay import overlay
from saywhere.metrics.functional import dice
from saywhere.metrics.statistics import bootstrap_mean
from saywhere.runs.directory import Run

DOCS = Path(__file__).resolve().parent
PICTURE = DOCS / "images" / "lungs.png"
RESULT = DOCS.parent / "benchmarks" / "results" / "lungs_picture.json"
LEVEL = "image"
"""The prompts that speak of the image's sides."""
NORMAL = "_0"
"""How the name of a film without tuberculosis ends."""
TILE_PX, BAND_PX, GAP_PX, FONT_PX = 216, 42, 6, 13
BAND = (24, 26, 30)
"""A dark band reads well on a light and on a dark page."""
INK = (240, 240, 240)
LEGEND = (
    "Above: the answer.\n\nBelow: the pseudo-image,\nwhat the prompt looks\nlike to the network."
)


class Answer(NamedTuple):
    """What the model answers to one row of the film."""

    prompt: str
    image: np.ndarray
    """uint8 (height, width, 1)"""
    mask: np.ndarray
    """bool (height, width)"""
    pseudo_image: np.ndarray
    """float32 (height, width, 3) in [0, 1]"""
    dice: float


def main(run: Path, manifest: Path) -> dict[str, Any]:
    """Draw the picture, and write down what its caption says.

    Args:
        run: a run that was trained with `configs/lungs.toml`.
        manifest: that of `lungs`; its test split is measured.
    Returns:
        What is written to `RESULT`.
    """
    segmenter = saywhere.load(run)
    rows = read_manifest(manifest).split("test")
    scores = {row.id: _dice(segmenter, row) for row in rows}
    film = _median_film(rows, scores)
    answers = [_answer(segmenter, row, scores[row.id]) for row in rows if row.group == film]
    PICTURE.parent.mkdir(exist_ok=True)
    _draw(answers).save(PICTURE, optimize=True)
    facts = {
        "command": "python docs/picture_lungs.py RUN MANIFEST",
        "train": "saywhere train configs/lungs.toml",
        "shown": {answer.prompt: answer.dice for answer in answers},
        "test": vars(bootstrap_mean(list(scores.values()), 2000, 0)),
        "n": len(rows),
        "films": len({row.group for row in rows}),
        "seconds": Run(run).facts()["seconds"],
    }
    write_json(RESULT, facts)
    return facts


def _median_film(rows: Sequence[Row], scores: dict[str, float]) -> str:
    """The normal film in the middle of all, by the mean Dice of its three rows."""
    films: dict[str, list[float]] = {}
    for row in rows:
        if row.group and row.group.endswith(NORMAL):
            films.setdefault(row.group, []).append(scores[row.id])
    ordered = sorted(films, key=lambda film: float(np.mean(films[film])))
    return ordered[len(ordered) // 2]


def _dice(segmenter: Segmenter, row: Row) -> float:
    assert row.mask is not None
    return dice(segmenter.segment(row.image, row.prompts[LEVEL][0]).mask, read_mask(row.mask))


def _answer(segmenter: Segmenter, row: Row, score: float) -> Answer:
    prompt = row.prompts[LEVEL][0]
    result = segmenter.segment(row.image, prompt)
    assert result.pseudo_image is not None
    return Answer(prompt, read_image(row.image, 1), result.mask, result.pseudo_image, score)


def _draw(answers: list[Answer]) -> Image.Image:
    """Two rows: the film with each mask, and below what each prompt looks like to the network.

    The space between the tiles is transparent, so that the page's own colour shows.
    """
    height_px = TILE_PX + BAND_PX
    size = ((len(answers) + 1) * (TILE_PX + GAP_PX) - GAP_PX, 2 * height_px + GAP_PX)
    canvas = Image.new("RGBA", size, (0, 0, 0, 0))
    canvas.paste(_tile(answers[0].image, "the film"), (0, 0))
    canvas.paste(_legend(), (0, height_px + GAP_PX))
    for number, answer in enumerate(answers, start=1):
        left = number * (TILE_PX + GAP_PX)
        text = f"“{answer.prompt}”\nDice {answer.dice:.2f}"
        pseudo = np.rint(255 * answer.pseudo_image).astype(np.uint8)
        canvas.paste(_tile(overlay(answer.image, answer.mask), text), (left, 0))
        canvas.paste(_tile(pseudo, "pseudo-image"), (left, height_px + GAP_PX))
    return canvas


def _tile(pixels: np.ndarray, text: str) -> Image.Image:
    """Pixels uint8 (height, width, 1 or 3), with text in a dark band below."""
    tile = Image.new("RGB", (TILE_PX, TILE_PX + BAND_PX), BAND)
    picture = Image.fromarray(np.repeat(pixels, 3 // pixels.shape[-1], axis=-1))
    tile.paste(picture.resize((TILE_PX, TILE_PX), Image.Resampling.BICUBIC), (0, 0))
    return _written(tile, text, TILE_PX + BAND_PX // 2)


def _legend() -> Image.Image:
    tile = Image.new("RGB", (TILE_PX, TILE_PX + BAND_PX), BAND)
    return _written(tile, LEGEND, (TILE_PX + BAND_PX) // 2)


def _written(tile: Image.Image, text: str, middle_px: int) -> Image.Image:
    """The tile with lines of text around this height."""
    font = ImageFont.load_default(FONT_PX)
    place = (TILE_PX // 2, middle_px)
    ImageDraw.Draw(tile).multiline_text(
        place, text, fill=INK, font=font, anchor="mm", align="center"
    )
    return tile


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), Path(sys.argv[2])))
