from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from saywhere.data.checks import check
from saywhere.data.manifest import read_manifest
from saywhere.datasets.inverted import inverted_masks

SIDE = 60
CORNERS = {"top left": (2, 2), "bottom right": (42, 42), "top right": (2, 42)}


def lesion(place: str, size: int = 14) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), bool)
    row, column = CORNERS[place]
    mask[row : row + size, column : column + size] = True
    return mask


def written(folder: Path, masks: list[tuple[str, np.ndarray]]) -> Path:
    """A manifest of masks with sentences that name the places of what they show."""
    rows = []
    for number, (place, mask) in enumerate(masks):
        picture = np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        Image.fromarray(picture).save(folder / f"{number}.jpg")
        Image.fromarray(mask).save(folder / f"{number}.png")
        sentence = f"one lesion, located in {place} of the image"
        row = {"id": f"n{number}", "image": f"{number}.jpg", "mask": f"{number}.png"}
        rows.append(json.dumps(row | {"prompt": sentence}) + "\n")
    (folder / "manifest.jsonl").write_text("".join(rows))
    return folder / "manifest.jsonl"


def warned(manifest: Path) -> list[str]:
    report = check(read_manifest(manifest))
    assert report.faults == []
    return inverted_masks(report)


SOUND = [(place, lesion(place)) for place in CORNERS] * 10


def test_masks_of_mostly_foreground_are_told_of_and_stay(tmp_path: Path) -> None:
    assert warned(written(tmp_path, SOUND[:4])) == []
    masks = [*SOUND[:2], ("top left", ~lesion("top left")), ("top left", lesion("top left") | True)]
    assert warned(written(tmp_path, masks)) == [
        "2 masks have more than 90% foreground: inverted? background is 0 (the first: n2, n3)"
    ]


def test_a_complement_that_fits_the_sentence_better_is_told_of(tmp_path: Path) -> None:
    large = ~lesion("top left", 30)
    assert 0.5 < large.mean() < 0.9
    # One with a sentence that fits its mask by the box around it, one that fits neither.
    others = [("bottom right", large), ("top right", large)]
    assert warned(written(tmp_path, [*SOUND, ("top left", large), *others])) == [
        "1 mask has a background that fits the sentence better than the foreground: inverted? "
        "background is 0 (the first: n30)"
    ]


def test_without_a_rule_of_the_set_sentences_say_nothing(tmp_path: Path) -> None:
    large = ("top left", ~lesion("top left", 30))
    assert warned(written(tmp_path, [*SOUND[:12], large])) == []
    shuffled = [(place, lesion("top left")) for place, _ in SOUND]
    assert warned(written(tmp_path, [*shuffled, large])) == []
