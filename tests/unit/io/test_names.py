from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from saywhere.io.names import comparable, located

COMPOSED = unicodedata.normalize("NFC", "Müller é.png")
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)


def test_two_spellings_of_one_name_compare_alike() -> None:
    assert COMPOSED != DECOMPOSED
    assert comparable(DECOMPOSED) == comparable(COMPOSED) == COMPOSED
    assert comparable("上.png") == "上.png"


@pytest.mark.parametrize(
    ("stored", "written"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED), (COMPOSED, COMPOSED)]
)
def test_a_file_is_found_by_either_spelling(tmp_path: Path, stored: str, written: str) -> None:
    folder = tmp_path / unicodedata.normalize("NFD", "Bilder ö")
    folder.mkdir()
    (folder / stored).write_bytes(b"")
    assert located(folder, written) == folder / stored
    assert located(tmp_path, f"Bilder ö/{written}") == folder / stored
    assert located(tmp_path, f"Bilder ö\\{written}") == folder / stored
    assert located(tmp_path, str(tmp_path / "Bilder ö" / written)) == folder / stored


def test_windows_separators_are_read_where_no_file_has_them_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"")
    assert located(tmp_path, "images\\a.png") == tmp_path / "images" / "a.png"
    (tmp_path / "images\\a.png").write_bytes(b"")
    assert located(tmp_path, "images\\a.png") == tmp_path / "images\\a.png"


def test_what_is_not_there_or_not_clear_stays_as_it_was_written(tmp_path: Path) -> None:
    for written in ("none.png", "keins ü.png", "C:\\none\\a.png", "a\0ü", "ü" * 5000):
        assert located(tmp_path, written) == tmp_path / written
    for name in (DECOMPOSED, COMPOSED):
        (tmp_path / name).write_bytes(b"")
    assert located(tmp_path, DECOMPOSED) == tmp_path / DECOMPOSED
