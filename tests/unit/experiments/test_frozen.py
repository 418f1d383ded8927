"""A frozen table is read as its folder was, value for value."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import table_files
from saywhere.errors import MissingFile, UnreadableFile
from saywhere.experiments.frozen import freeze, is_table, places, read, tables_in, thaw
from saywhere.experiments.frozen_document import FORMAT
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


def test_no_cell_of_the_sheet_is_a_formula(folder: Path) -> None:
    freeze(folder)
    sheet = gzip.decompress(places(folder)[1].read_bytes()).decode()
    assert "\"'=1+1, " in sheet
    assert '"=1' not in sheet


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


def test_a_thawed_table_is_what_was_frozen(folder: Path) -> None:
    before = {path.name: json.loads(path.read_text()) for path in folder.glob("*.json")}
    freeze(folder)
    shutil.rmtree(folder)
    assert len(thaw(folder).cells) == 4
    after = {path.name: json.loads(path.read_text()) for path in folder.glob("*.json")}
    assert json.dumps(after, sort_keys=True) == json.dumps(before, sort_keys=True)


def test_a_thaw_writes_over_no_other_result(folder: Path) -> None:
    freeze(folder)
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "text-seed1.json").write_text("{}")
    with pytest.raises(UnreadableFile, match=r"text-seed1\.json.*move this file away"):
        thaw(folder)
    assert [path.name for path in folder.iterdir()] == ["text-seed1.json"]


def test_there_is_nothing_to_thaw_or_freeze(folder: Path) -> None:
    with pytest.raises(MissingFile, match=r"no frozen table other.*there is none"):
        thaw(folder.with_name("other"))
    with pytest.raises(MissingFile, match=r"no table\.json"):
        freeze(folder.with_name("other"))


@pytest.mark.parametrize("ending", ["", ".json", ".csv.gz"])
def test_a_frozen_table_is_found_by_its_folder_and_its_files(folder: Path, ending: str) -> None:
    before = read_results(folder)
    freeze(folder)
    shutil.rmtree(folder)
    path = folder.with_name(f"toy{ending}")
    assert is_table(path)
    assert read_results(path).results == before.results
    assert not is_table(folder.with_name(f"other{ending}"))


def test_the_two_files_must_be_of_one_writing(folder: Path) -> None:
    freeze(folder)
    rest, cases = places(folder)
    assert json.loads(rest.read_text())["sha256"] == hashlib.sha256(cases.read_bytes()).hexdigest()
    cases.write_bytes(gzip.compress(gzip.decompress(cases.read_bytes()), 1))  # the same numbers
    with pytest.raises(UnreadableFile, match=r"sha256 of the \.csv\.gz is not the one"):
        read(folder)


def test_a_table_of_before_has_no_digest_and_is_read(folder: Path) -> None:
    before = read_results(folder)
    freeze(folder)
    shutil.rmtree(folder)
    rest, _ = places(folder)
    document = json.loads(rest.read_text())
    del document["sha256"]
    rest.write_text(json.dumps(document))
    assert read_results(folder) == before


def test_a_table_of_a_later_format_is_said_to_be_one(folder: Path) -> None:
    freeze(folder)
    rest, _ = places(folder)
    later = FORMAT + 1
    rest.write_text(json.dumps(json.loads(rest.read_text()) | {"format": later}))
    with pytest.raises(UnreadableFile, match=f"format {later}, written by a newer Saywhere"):
        read(folder)


def counted(folder: Path, numbers: list[tuple[int, int, int]]) -> None:
    """Give the cases of all cells counts of pixels, and Dice and IoU as an evaluation rounds."""
    for path in folder.glob("*-seed*.json"):
        cell = json.loads(path.read_text())
        for case, (hit, extra, missed) in zip(cell["cases"], numbers):
            case |= {"true_positive": hit, "false_positive": extra, "false_negative": missed}
            area = 2 * hit + extra + missed
            case["dice"] = round(float(f"{2 * hit / area if area else 1.0:.6g}"), 5)
            union = hit + extra + missed
            case["iou"] = round(float(f"{hit / union if union else 1.0:.6g}"), 5)
        path.write_text(json.dumps(cell))


NUMBERS = [(7, 2, 1), (0, 0, 0), (0, 3, 0), (1003, 17, 5)]


def columns_of(folder: Path) -> list[str]:
    sheet = gzip.decompress(places(folder)[1].read_bytes()).decode()
    return sheet.splitlines()[0].split(",")


def test_what_follows_from_the_counts_is_left_out_and_comes_back(folder: Path) -> None:
    counted(folder, NUMBERS)
    before = {path.stem: path.read_text() for path in folder.glob("*-seed*.json")}
    freeze(folder)
    shutil.rmtree(folder)
    assert {"dice", "iou"}.isdisjoint(columns_of(folder))
    for name, text in before.items():
        assert json.dumps(read_cell(folder / f"{name}.json")) == text


def test_a_value_that_does_not_follow_keeps_its_column(folder: Path) -> None:
    counted(folder, NUMBERS)
    path = min(folder.glob("*-seed*.json"))
    cell = json.loads(path.read_text())
    # Half a pixel more: of another source than the counts.
    cell["cases"][0]["iou"] = 0.70001
    path.write_text(json.dumps(cell))
    freeze(folder)
    assert "iou" in columns_of(folder)
    assert "dice" not in columns_of(folder)
    assert read_cell(path)["cases"][0]["iou"] == 0.70001


def test_a_table_of_format_1_is_read(folder: Path) -> None:
    before = read_results(folder)
    freeze(folder)
    shutil.rmtree(folder)
    rest, _ = places(folder)
    document = json.loads(rest.read_text())
    # These cases have no counts that fit, so that nothing was left out.
    assert document.pop("derived") == []
    rest.write_text(json.dumps(document | {"format": 1}))
    assert read_results(folder) == before


def test_a_cell_file_beside_a_frozen_cell_counts_and_is_named(folder: Path) -> None:
    freeze(folder)
    for path in folder.glob("image-*.json"):
        path.unlink()
    place = folder / "text-seed1.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"command": "again"}))
    table = read_results(folder)
    assert table.replaced == ["text-seed0.json", "text-seed1.json"]
    assert [cell["command"] for cell in table.results["text"]][1] == "again"
    assert freeze(folder).cells["text-seed1"]["command"] == "again"


@pytest.fixture
def program(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """benchmarks/measure/freeze.py, at work on the fixture's results."""
    place = Path(__file__).parents[3] / "benchmarks/measure/freeze.py"
    spec = importlib.util.spec_from_file_location("freeze", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "RESULTS", folder.parent)
    return module


def test_the_program_freezes_and_thaws(
    program: ModuleType,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = sorted(path.name for path in folder.iterdir())
    for arguments in (["--all"], ["--again"], ["toy"]):
        monkeypatch.setattr(sys, "argv", ["freeze.py", *arguments])
        program.main()
        assert capsys.readouterr().out == "toy: 4 cells\n"
        assert not folder.exists()
    monkeypatch.setattr(sys, "argv", ["freeze.py", "--thaw", "toy"])
    program.main()
    assert sorted(path.name for path in folder.iterdir()) == before
    assert not any(place.exists() for place in places(folder))
    with pytest.raises(SystemExit):
        program.main()
    assert "no frozen table toy" in capsys.readouterr().err
