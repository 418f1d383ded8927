"""A training on DICOM films has the very tensors of one on PNG copies of the same films."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("pydicom")

import dicom_file
from saywhere.data.checks import check
from saywhere.data.dataset import Dataset
from saywhere.data.decoded_cache import open_store
from saywhere.data.manifest import Manifest, read_manifest

SHAPE = (60, 44)


def films() -> dict[str, tuple[dict[str, Any], Callable[[np.ndarray], np.ndarray]]]:
    """Name → (tags, what a viewer shows of the stored values), worked out by hand."""
    return {
        "plain": ({}, lambda stored: stored),
        "inverted": ({"PhotometricInterpretation": "MONOCHROME1"}, lambda stored: 255 - stored),
        # DICOM PS3.3 C.11.2.1.2.1: of centre 128 and width 256, 0 is black and 255 white.
        "windowed": ({"WindowCenter": 128, "WindowWidth": 256}, lambda stored: stored),
        "colour": ({}, lambda stored: stored),
    }


def twins(folder: Path) -> tuple[Manifest, Manifest]:
    rng = np.random.default_rng(0)
    lines: dict[str, list[str]] = {"dcm": [], "png": []}
    for name, (tags, shown) in films().items():
        shape = (*SHAPE, 3) if name == "colour" else SHAPE
        stored = rng.integers(0, 256, shape, np.uint8)
        (folder / f"{name}.dcm").write_bytes(dicom_file.file(stored, **tags))
        Image.fromarray(shown(stored)).save(folder / f"{name}.png")
        mask = np.zeros(SHAPE, np.uint8)
        mask[10:30, 5:25] = 255
        Image.fromarray(mask).save(folder / f"{name}-mask.png")
        for ending, of_it in lines.items():
            row = {"id": name, "image": f"{name}.{ending}", "mask": f"{name}-mask.png"}
            of_it.append(json.dumps(row | {"prompt": "spot", "split": "train"}) + "\n")
    for ending, of_it in lines.items():
        (folder / f"{ending}.jsonl").write_text("".join(of_it))
    return read_manifest(folder / "dcm.jsonl"), read_manifest(folder / "png.jsonl")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("fit", ["squash", "pad"])
def test_the_decoded_stores_are_equal_to_the_byte(tmp_path: Path, channels: int, fit: Any) -> None:
    of_dicom, of_png = (
        open_store(manifest.rows, 32, channels, tmp_path / "stores", fit=fit)
        for manifest in twins(tmp_path)
    )
    assert torch.equal(of_dicom.images, of_png.images)
    assert torch.equal(of_dicom.masks, of_png.masks)
    assert of_dicom.images.float().std() > 10


def test_the_cases_are_equal_and_the_check_is_clean(tmp_path: Path) -> None:
    dicom, png = twins(tmp_path)
    assert check(dicom).faults == check(png).faults == []
    cases = [Dataset(manifest.path, split="train", size=32) for manifest in (dicom, png)]
    for first, second in zip(*cases, strict=True):
        assert torch.equal(first["image"], second["image"])
        assert torch.equal(first["mask"], second["mask"])
