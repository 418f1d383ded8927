"""A frozen table is read as its folder was, value for value."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import table_files
from saywhere.errors import UnreadableFile
from saywhere.experiments.frozen import freeze, places, read, tables_in
from saywhere.experiments.results import read_cell, read_results


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A table of two labels and two seeds, with values that a careless format would change."""
    place = tmp_path / "results" / "toy"
    place.mkdir(parents=True)
    dice = np.array([0.1 + 0.2, 1.0, 0.0, 1 / 3])
    cells = [table_files.cell(label, seed, dice) for label in ("image", "text") for seed in (0, 1)]
    cells[1]["config"]["train"]["seed"] = 1
    cells[2]["mosaic"] = None
    cells[3]["summary"]["note"] = 'a, "b"\nc — ä'
    for cell in cells:
        for number, case in enumerate(cell["cases"]):
            case["id"] = '=1+1, "x"' if number == 0 else case["id"]
            case["true_positive"] = number  # an int stays an int
    return table_files.written(place, cells)


def test_what_is_read_is_what_the_folder_held(folder: Path) -> None:
    before = read_results(folder)
    cells = {path.stem: path.read_text() for path in folder.glob("*-seed*.json")}
    freeze(folder)
    shutil.rmtree(folder)
    assert json.dumps(read_results(folder)) == json.dumps(before)
    for name, text in cells.items():
        cell = read_cell(folder / f"{name}.json")
        assert json.dumps(cell) == json.dumps(json.loads(text))  # types and order of keys, too


def test_equal_content_gives_equal_bytes(folder: Path) -> None:
    freeze(folder)
    first = [path.read_bytes() for path in places(folder)]
    freeze(folder)
    assert [path.read_bytes() for path in places(folder)] == first


def test_cells_that_came_later_join_those_that_are_frozen(folder: Path) -> None:
    freeze(folder)
    shutil.rmtree(folder)
    folder.mkdir()
    later = table_files.cell("text", 2, np.array([0.5]))
    (folder / "text-seed2.json").write_text(json.dumps(later))
    seeds = [cell["seed"] for cell in read_results(folder).results["text"]]
    assert seeds == [0, 1, 2]
    assert tables_in(folder.parent) == ["toy"]


def test_a_damaged_file_is_said(folder: Path) -> None:
    freeze(folder)
    _, cases = places(folder)
    content = gzip.decompress(cases.read_bytes())
    cases.write_bytes(gzip.compress(content.replace(b"0.0", b"zero", 1), mtime=0))
    with pytest.raises(UnreadableFile, match=r"damaged .*toy\.json.*bring both files back"):
        read(folder)
