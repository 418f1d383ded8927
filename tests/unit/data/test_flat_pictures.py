"""A picture of one value is told of by `check` and by a training; an empty lossy mask says why."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from saywhere.cli.check import summarise
from saywhere.data.checks import check
from saywhere.data.flat_pictures import flat_pictures
from saywhere.data.manifest import read_manifest
from saywhere.io.pseudonyms import Pseudonyms

MASK = np.zeros((20, 20), np.uint8)
MASK[2:8, 3:9] = 255


def manifest_of(folder: Path, **pictures: np.ndarray) -> Path:
    Image.fromarray(MASK).save(folder / "mask.png")
    rows = []
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(folder / f"{name}.tif")
        rows.append({"id": name, "image": f"{name}.tif", "mask": "mask.png", "prompt": "a spot"})
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "manifest.jsonl"


def test_a_constant_float_picture_is_told_of_and_stays(tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)
    flat = np.full((20, 20), 7.5, np.float32)
    manifest = read_manifest(manifest_of(tmp_path, ramp=ramp, flat=flat))
    report = check(manifest)
    [warning] = flat_pictures(report)
    assert warning.startswith("1 row has an image of one value in all pixels (the first: flat)")
    assert warning in summarise(manifest, report, tmp_path / "faults.jsonl")["warnings"]
    assert "flat)" not in flat_pictures(report, Pseudonyms(b"k" * 16))[0]
    assert flat_pictures(check(read_manifest(manifest_of(tmp_path, ramp=ramp)))) == []


def test_an_empty_mask_that_was_stored_with_loss_says_that_0_and_1_look_so(tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)
    path = manifest_of(tmp_path, ramp=ramp)
    Image.fromarray(MASK // 255).save(tmp_path / "mask.webp", quality=50)
    path.write_text(path.read_text().replace("mask.png", "mask.webp"))
    [fault] = check(read_manifest(path)).faults
    assert fault.kind == "empty_mask"
    assert "with loss, a mask of 0 and 1 is stored so as well" in fault.reason
