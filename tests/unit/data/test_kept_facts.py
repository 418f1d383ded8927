"""A second check of the same files decodes none of them, and finds the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from saywhere.data import kept_facts
from saywhere.data.file_checks import Facts, gather
from saywhere.data.kept_facts import gather_once
from saywhere.io.cache import clear
from saywhere.io.framing import Framing

FRAMING = Framing(16)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Path], list[Path]]:
    """Three images and two masks; the third image is no picture."""
    monkeypatch.setenv("SAYWHERE_CACHE", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    images = [tmp_path / f"{name}.png" for name in "abc"]
    masks = [tmp_path / f"mask_{name}.png" for name in "ab"]
    for path in images[:2]:
        Image.fromarray(random.integers(0, 256, (20, 24), np.uint8)).save(path)
    for path in masks:
        Image.fromarray(255 * random.integers(0, 2, (20, 24)).astype(np.uint8)).save(path)
    images[2].write_bytes(b"no picture")
    return images, masks


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are decoded from now on."""
    paths: list[Path] = []

    def counting(images: Any, masks: Any, progress: Any = None, framing: Any = None) -> Any:
        images, masks = list(images), list(masks)
        paths.extend([*images, *masks])
        return gather(images, masks, progress, framing)

    monkeypatch.setattr(kept_facts, "gather", counting)
    return paths


def test_only_faulty_files_are_decoded_again(
    files: tuple[list[Path], list[Path]], decoded: list[Path]
) -> None:
    first = gather_once(*files, FRAMING)
    assert first == gather(*files, framing=FRAMING)
    assert len(decoded) == 5
    assert gather_once(*files, FRAMING) == first
    assert decoded[5:] == [files[0][2]]


def test_a_file_that_changed_is_decoded(
    files: tuple[list[Path], list[Path]], decoded: list[Path]
) -> None:
    gather_once(*files, FRAMING)
    Image.fromarray(np.zeros((7, 9), np.uint8)).save(files[0][0])
    of_images, _ = gather_once(*files, FRAMING)
    assert of_images[files[0][0]].size == (7, 9)
    assert len(decoded) == 10


def test_another_size_of_the_network_is_another_check(
    files: tuple[list[Path], list[Path]], decoded: list[Path]
) -> None:
    gather_once(*files, FRAMING)
    gather_once(*files, Framing(8))
    gather_once(*files, None)
    assert len(decoded) == 15


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"facts": 3}', "a flipped number"])
def test_damaged_facts_are_found_anew(
    files: tuple[list[Path], list[Path]], decoded: list[Path], damage: str, tmp_path: Path
) -> None:
    first = gather_once(*files, FRAMING)
    (place,) = (tmp_path / "cache").rglob("facts.json")
    text = place.read_text(encoding="utf-8")
    place.write_text(text.replace("24", "25") if "flipped" in damage else damage, encoding="utf-8")
    assert gather_once(*files, FRAMING) == first
    assert len(decoded) == 10


def test_every_fact_is_kept_as_it_was(tmp_path: Path) -> None:
    facts = [
        Facts("truncated", "image: cut", (3, 4), "ab", 6),
        Facts(size=(5, 6), foreground=0.25, is_around=True, n_lesions=3, n_vanishing=2),
        Facts(is_emptied=True),
    ]
    kept_facts._write(tmp_path / "facts.json", facts)
    assert kept_facts._read(tmp_path / "facts.json", 3) == facts
    assert kept_facts._read(tmp_path / "facts.json", 4) is None
    assert json.loads((tmp_path / "facts.json").read_text())["sha256"]


def test_facts_are_cleared_with_the_cache(files: tuple[list[Path], list[Path]]) -> None:
    gather_once(*files, FRAMING)
    assert [entry.what for entry in clear()[0]] == ["what a check found of a data set's files"]
