"""Sentences of a manifest that contradict their masks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from saywhere.data.manifest import read_manifest
from saywhere.datasets.sentences import Doubt, doubts


def make_set(folder: Path, n: int, **columns: Any) -> Path:
    """n rows with a square on one side, each named rightly but for the first."""
    rows = []
    for number in range(n):
        side = "right" if number % 2 else "left"
        mask = np.zeros((40, 40), np.uint8)
        left = 28 if side == "right" else 4
        mask[10 + number % 5 : 20, left : left + 6 + number % 3] = 255
        Image.fromarray(mask).save(folder / f"{number}.png")
        spoken = {"left": "right", "right": "left"}[side] if number == 0 else side
        if columns.get("frame") == "patient":
            spoken = {"left": "right", "right": "left"}[spoken]
        row = {"id": f"r{number}", "image": f"{number}.png", "mask": f"{number}.png"}
        prompts = {"a": f"polyp, {spoken}", "b": [f"the {spoken} polyp", f"a polyp, {spoken}"]}
        rows.append(row | {"prompts": prompts} | columns)
    path = folder / "manifest.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def wrong(path: Path) -> list[Doubt]:
    return doubts(read_manifest(path))


def test_the_wrong_sentence_is_listed_once_with_all_that_say_the_same(tmp_path: Path) -> None:
    [doubt] = wrong(make_set(tmp_path, 60))
    assert (doubt.id, doubt.kind, doubt.claimed, doubt.shown) == ("r0", "side", "right", "left")
    assert doubt.score >= 0.9
    assert doubt.n_sentences == 3
    assert doubt.sentence == "polyp, right"
    assert doubt.to_json()["row"] == 1


def test_the_patients_sides_are_judged_on_mirrored_masks(tmp_path: Path) -> None:
    [doubt] = wrong(make_set(tmp_path, 60, frame="patient"))
    assert (doubt.id, doubt.claimed, doubt.shown) == ("r0", "left", "right")


def test_a_mirrored_film_shows_the_patients_sides_as_they_are(tmp_path: Path) -> None:
    of_image = wrong(make_set(tmp_path, 60, frame="image"))
    mirrored = make_set(tmp_path, 60, frame="image")
    rows = [json.loads(line) for line in mirrored.read_text().splitlines()]
    text = [json.dumps(row | {"frame": "patient", "orientation": "R\\F"}) + "\n" for row in rows]
    mirrored.write_text("".join(text))
    assert [doubt.id for doubt in wrong(mirrored)] == [doubt.id for doubt in of_image] == ["r0"]


def test_rows_without_a_mask_are_passed_over(tmp_path: Path) -> None:
    path = make_set(tmp_path, 60)
    (tmp_path / "0.png").write_bytes(b"no image")
    assert wrong(path) == []
