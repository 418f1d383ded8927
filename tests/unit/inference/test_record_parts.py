"""Records of several machines come into one list, whenever one of them was killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from saywhere.inference import record_parts
from saywhere.inference.ledger import NAME, Ledger, files_in
from small_run import rows_of, write_rows


def line(stem: str, **more: Any) -> dict[str, Any]:
    return {"stem": stem, "mask": f"{stem}-mask.png", **more}


def put(folder: Path, part: tuple[str, bytes]) -> None:
    (folder / record_parts.FOLDER).mkdir(exist_ok=True)
    (folder / record_parts.FOLDER / part[0]).write_bytes(part[1])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two earlier lines, which share a file."""
    shared = {"labels": "ab-labels.json"}
    write_rows(tmp_path / NAME, [line("a", **shared), line("b", **shared)])
    return tmp_path


def test_a_new_line_replaces_the_earlier_one_and_what_both_shared_is_forgotten(
    folder: Path,
) -> None:
    put(folder, record_parts.begun(3, [("a", ["ab-labels.json"])]))
    put(folder, record_parts.done(3, [line("a", area_px=5)]))
    lines = Ledger(folder).lines
    assert lines["a"] == line("a", area_px=5)
    assert lines["b"] == line("b")


def test_killed_between_begin_and_end_there_is_no_line_beside_a_file_that_is_not_its_own(
    folder: Path,
) -> None:
    put(folder, record_parts.begun(3, [("a", [])]))
    assert list(Ledger(folder).lines) == ["b"]
    assert files_in(folder) >= {"b-mask.png"}


def test_parts_end_with_the_list_that_took_them_in(folder: Path) -> None:
    put(folder, record_parts.done(1, [line("c")]))
    put(folder, record_parts.done(0, [line("d")]))
    ledger = Ledger(folder)
    ledger.write(list(ledger.lines.values()))
    assert not (folder / record_parts.FOLDER).exists()
    assert [row["stem"] for row in rows_of(folder / NAME)] == ["a", "b", "d", "c"]
    assert Ledger(folder).lines == ledger.lines


def test_a_kill_while_parts_are_removed_changes_nothing(folder: Path) -> None:
    put(folder, record_parts.begun(0, [("a", [])]))
    put(folder, record_parts.done(0, [line("a", area_px=7)]))
    ledger = Ledger(folder)
    whole = dict(ledger.lines)
    write_rows(folder / NAME, list(whole.values()))  # and then it is killed
    assert Ledger(folder).lines == whole
