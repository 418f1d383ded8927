"""A cell's folder is its own, private, and found again."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from saywhere.config import Config
from saywhere.experiments import scratch
from saywhere.experiments.grid import Cell
from saywhere.experiments.scratch import sweep, workplace
from saywhere.runs.run_facts import versions

CELL = Cell("text", 0, Config())
needs_locks = pytest.mark.skipif(sys.platform == "win32", reason="needs flock")


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def place_of(cell: Cell) -> Path:
    with workplace(cell) as folder:
        return folder


def interrupted(cell: Cell) -> Path:
    """The folder that somebody who is told to stop leaves, with a run begun."""
    try:
        with workplace(cell) as folder:
            (folder / "run").mkdir()
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        return folder


@needs_locks
def test_who_is_interrupted_finds_it_again_and_who_ends_removes_it(tmp_path: Path) -> None:
    left = interrupted(CELL)
    with workplace(CELL) as folder:
        assert folder == left
        assert (folder / "run").is_dir()
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not list(tmp_path.iterdir())


def test_a_failure_removes_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), workplace(CELL) as folder:
        (folder / "nowhere/run").mkdir()
    assert not list(tmp_path.iterdir())


@needs_locks
def test_another_cell_another_version_and_another_working_directory_have_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [
        place_of(CELL),
        place_of(Cell("image", 0, Config())),
        place_of(Cell("text", 0, Config().replace(**{"train.epochs": 7}))),
    ]
    another = replace(versions(), saywhere="another")
    monkeypatch.setattr(scratch, "versions", lambda: another)
    places.append(place_of(CELL))
    monkeypatch.chdir(tmp_path)
    places.append(place_of(CELL))
    assert len(set(places)) == 5


@needs_locks
def test_two_at_one_cell_are_in_each_others_way_nowhere(tmp_path: Path) -> None:
    with workplace(CELL) as one:
        with workplace(CELL) as other:
            assert other != one
            assert other.stat().st_mode & 0o777 == 0o700
        assert (
            interrupted(CELL) != one
        )  # the second one's leftover could never be found again: it is removed
        assert list(tmp_path.iterdir()) == [one]


@needs_locks
@pytest.mark.parametrize("kind", ["open to others", "a link", "a file"])
def test_what_somebody_else_put_there_is_not_used(tmp_path: Path, kind: str) -> None:
    wanted = place_of(CELL)
    if kind == "open to others":
        wanted.mkdir()
        wanted.chmod(0o777)
    elif kind == "a link":
        (tmp_path / "elsewhere").mkdir(0o700)
        wanted.symlink_to(tmp_path / "elsewhere")
    else:
        wanted.touch()
    assert place_of(CELL) != wanted
    assert os.path.lexists(wanted)


@needs_locks
def test_a_removal_that_is_cut_short_leaves_no_run_to_go_on_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Killed before the first file is gone.
    monkeypatch.setattr(scratch.shutil, "rmtree", lambda *_, **__: None)
    with workplace(CELL) as folder:
        (folder / "run").mkdir()
    assert folder.is_dir()
    assert not (folder / "run").exists()


def aged(folder: Path, days: float) -> Path:
    """As if nothing in it had been written for so long."""
    then = time.time() - days * 86_400
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (then, then))
    return folder


@needs_locks
def test_what_was_left_a_week_ago_is_swept_and_what_is_younger_stays(tmp_path: Path) -> None:
    old = aged(interrupted(CELL), 7.1)
    young = aged(interrupted(Cell("young", 0, Config())), 6.9)
    slow = aged(interrupted(Cell("slow", 0, Config())), 30)
    (slow / "run/metrics.csv").touch()  # a long training that was killed just now
    os.utime(slow / "run", (0, 0))
    strange = tmp_path / "saywhere-cells"
    strange.mkdir(0o700)
    aged(strange, 30)
    sweep()
    assert {*tmp_path.iterdir()} == {young, slow, strange}
    assert not old.exists()


@needs_locks
def test_a_folder_at_work_is_not_swept_however_old_it_is() -> None:
    with workplace(CELL) as one, workplace(CELL) as other:
        for folder in (one, other):
            aged(folder, 30)
        sweep()
        assert one.is_dir()
        assert other.is_dir()


@needs_locks
@pytest.mark.parametrize("kind", ["open to others", "a link", "a file"])
def test_what_somebody_else_put_there_is_not_swept(tmp_path: Path, kind: str) -> None:
    place, elsewhere = tmp_path / "saywhere-cell-0", tmp_path / "elsewhere"
    elsewhere.mkdir(0o700)
    aged(elsewhere, 30)
    if kind == "open to others":
        place.mkdir()
        place.chmod(0o777)
    elif kind == "a link":
        place.symlink_to(elsewhere)
    else:
        place.touch()
    os.utime(place, (0, 0), follow_symlinks=False)
    sweep()
    assert os.path.lexists(place)
    assert elsewhere.is_dir()
