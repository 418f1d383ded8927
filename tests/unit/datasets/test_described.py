"""A manifest with sentences from its masks is a manifest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from saywhere.data.manifest import read_manifest, write_manifest
from saywhere.datasets.described import LEVEL, describe_manifest
from saywhere.errors import ConfigError, UsageError
from saywhere.io.images import write_image, write_mask


def nothing(done: int) -> None:
    pass


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two rows with masks, one of them empty, and one without a mask."""
    folder = tmp_path / "set"
    mask = np.zeros((40, 40), bool)
    mask[2:12, 2:12] = True
    for name, pixels in (("a", mask), ("b", np.zeros_like(mask))):
        write_mask(folder / f"masks/{name}.png", pixels)
    for name in "abc":
        write_image(
            folder / f"images/{name}.png",
            np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8),
        )
    rows = [
        {
            "id": name,
            "image": f"images/{name}.png",
            "mask": f"masks/{name}.png",
            "split": "train",
            "site": 7,
        }
        for name in "ab"
    ]
    write_manifest(
        folder / "manifest.jsonl",
        [
            *rows,
            {"id": "c", "image": "images/c.png", "split": "train", "prompts": {"p": ["x", "y"]}},
        ],
    )
    return folder / "manifest.jsonl"


def test_what_was_said_stays_and_the_new_level_is_marked_as_oracle_text(
    source: Path, tmp_path: Path
) -> None:
    to = tmp_path / "elsewhere/described.jsonl"
    _, faults = describe_manifest(read_manifest(source), to, "polyp", None, nothing)
    described = read_manifest(to)
    assert faults == []
    assert [row.prompts.get(LEVEL) for row in described.rows] == [
        ("one medium round polyp, located in top left of the image",),
        ("no polyp",),
        None,
    ]
    assert [row.oracle for row in described.rows] == [True, True, None]
    assert described.rows[2].prompts == {"p": ("x", "y")}
    assert described.rows[0].extra == {"site": 7}
    assert [row.image.resolve() for row in described.rows] == [
        row.image.resolve() for row in read_manifest(source).rows
    ]


def test_a_mask_that_cannot_be_read_is_told_and_its_row_is_kept(
    source: Path, tmp_path: Path
) -> None:
    (source.parent / "masks/a.png").write_bytes(b"no picture")
    _, faults = describe_manifest(
        read_manifest(source), tmp_path / "new.jsonl", "polyp", None, nothing
    )
    assert len(faults) == 1
    assert "row 1 is not described" in faults[0]
    assert len(read_manifest(tmp_path / "new.jsonl").rows) == 3


def test_a_label_map_is_not_described_as_empty(source: Path, tmp_path: Path) -> None:
    labels = np.zeros((40, 40), np.uint8)
    labels[2:12, 2:12] = 1
    labels[20:30, 2:12] = 2
    write_image(source.parent / "masks/a.png", labels)
    _, (fault,) = describe_manifest(
        read_manifest(source), tmp_path / "new.jsonl", "polyp", None, nothing
    )
    assert "row 1 is not described: 3 values (0: 1,400 px, 1: 100 px, 2: 100 px)" in fault
    assert LEVEL not in read_manifest(tmp_path / "new.jsonl").rows[0].prompts


def test_the_manifest_itself_is_never_overwritten(source: Path) -> None:
    before = source.read_bytes()
    with pytest.raises(UsageError, match="--to is the manifest itself"):
        describe_manifest(read_manifest(source), source, "polyp", None, nothing)
    assert source.read_bytes() == before


def test_an_unknown_level_is_refused_with_the_nearest(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no prompts 'q'"):
        describe_manifest(read_manifest(source), tmp_path / "new.jsonl", "polyp", "q", nothing)


def test_lines_are_plain_json(source: Path, tmp_path: Path) -> None:
    describe_manifest(read_manifest(source), tmp_path / "new.jsonl", "polyp", None, nothing)
    first = json.loads((tmp_path / "new.jsonl").read_text().splitlines()[0])
    assert first["image"] == "set/images/a.png"
