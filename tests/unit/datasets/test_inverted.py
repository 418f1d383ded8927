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


def test_a_set_that_is_inverted_throughout_is_told_of_without_any_rule(tmp_path: Path) -> None:
    inverted = [(place, ~lesion(place, 16)) for place in CORNERS]
    large = [("top left", ~lesion("top left", 30)) for _ in range(4)]
    told = warned(written(tmp_path, [*large, *SOUND[:3]]))
    assert told == [
        "4 masks have a foreground that lies around the background, as most of the set: inverted? "
        "background is 0 (the first: n0, n1, n2)"
    ]
    assert [text[:30] for text in warned(written(tmp_path, inverted))] == [
        "3 masks have more than 90% for"
    ]


def test_what_is_meant_is_not_called_inverted(tmp_path: Path) -> None:
    """Small lesions, lungs, a lesion that fills most of its picture, and one label among others."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    lungs = (np.hypot((rows - 30) / 2, columns - 15) < 11) | (
        np.hypot((rows - 30) / 2, columns - 45) < 11
    )
    filling = np.hypot(rows - 29.5, columns - 29.5) < 29
    speck = np.zeros((SIDE, SIDE), bool)
    speck[30, 30] = True
    quarter = (rows < 30) & (columns < 30)
    for mask in (lungs, filling, speck, quarter):
        assert warned(written(tmp_path, [("top left", mask)] * 5)) == []
