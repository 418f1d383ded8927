from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from saywhere.data.checks import check
from saywhere.data.manifest import read_manifest
from saywhere.datasets import SETS
from saywhere.errors import ManifestError, MissingFile

PARTS = {"Train": ["a", "b"], "Val": ["c"], "Test": ["d"]}


def write_book(
    path: Path, rows: list[tuple[str, ...]], header: tuple[str, ...] = ("Image", "Description")
) -> None:
    book = openpyxl.Workbook()
    for row in [header, *rows]:
        book.active.append(row)
    book.save(path)


@pytest.fixture(params=["mosmed", "monuseg"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def source(
    tmp_path: Path, draw_image: Callable[..., None], draw_mask: Callable[[Path], None]
) -> Path:
    """MosMedData+'s names: the masks carry a prefix, the workbooks names of their own."""
    folder = tmp_path / "download/LViT"
    for part, stems in PARTS.items():
        for stem in stems:
            draw_image(folder / f"{part}_Folder/img/{stem}.png")
            draw_mask(folder / f"{part}_Folder/labelcol/mask_{stem}.png")
    write_book(
        folder / "Train_text_MosMedData+ 1.xlsx",
        [(f"mask_{stem}.png", f"infection of {stem}") for stem in "abc"],
    )
    write_book(folder / "Test_text_MosMedData+.xlsx", [("d.png", "infection of d")])
    write_book(folder / "Train_ID.xlsx", [("a.png",)], ("Image",))
    return tmp_path / "download"


def test_folders_and_workbooks_become_a_clean_manifest(
    name: str, source: Path, tmp_path: Path
) -> None:
    prepared = SETS[name].prepare(source, tmp_path / "set", None)
    manifest = read_manifest(tmp_path / "set")
    assert [(row.split, row.id) for row in manifest.rows] == [
        ("train", "a"),
        ("train", "b"),
        ("val", "c"),
        ("test", "d"),
    ]
    assert [row.prompts["text"] for row in manifest.rows] == [
        (f"infection of {stem}",) for stem in "abcd"
    ]
    assert any("were published" in warning for warning in prepared.warnings)
    is_told = any("whose left and right" in warning for warning in prepared.warnings)
    assert is_told is (name == "mosmed")
    assert check(manifest).faults == []
    assert all(row.oracle for row in manifest.rows)


def test_a_case_without_a_sentence_is_left_out_and_counted(
    name: str, source: Path, tmp_path: Path, draw_image: Callable[..., None]
) -> None:
    (source / "LViT/Test_text_MosMedData+.xlsx").unlink()
    prepared = SETS[name].prepare(source, tmp_path / "set", None)
    assert prepared.counts.get("test", 0) == 0
    assert (
        "1 case of split test has no sentence and is left out (the first: d)" in prepared.warnings
    )


def test_no_workbook_and_half_a_layout_are_said(name: str, source: Path, tmp_path: Path) -> None:
    for book in (source / "LViT").glob("*_text*.xlsx"):
        book.unlink()
    with pytest.raises(MissingFile, match=r"no '\*_text\*.xlsx' in .*: put LViT's workbooks"):
        SETS[name].prepare(source, tmp_path / "set", None)
    (source / "LViT/Val_Folder/labelcol").rename(source / "LViT/Val_Folder/labels")
    write_book(source / "LViT/x_text.xlsx", [("a.png", "a")])
    with pytest.raises(MissingFile, match=r"no 'labelcol' in .*Val_Folder"):
        SETS[name].prepare(source, tmp_path / "set", None)


@pytest.fixture
def numbered(
    tmp_path: Path, draw_image: Callable[..., None], draw_mask: Callable[[Path], None]
) -> Path:
    """Images called 1.png in all three splits."""
    folder = tmp_path / "numbered"
    for part in PARTS:
        draw_image(folder / f"{part}_Folder/img/1.png")
        draw_mask(folder / f"{part}_Folder/labelcol/1.png")
    return folder


@pytest.mark.parametrize("place", ["{part}_text.xlsx", "{part}_Folder/texts.xlsx"])
def test_a_name_of_three_splits_gets_the_sentence_of_its_own(
    name: str, place: str, numbered: Path, tmp_path: Path
) -> None:
    for part in PARTS:
        write_book(numbered / place.format(part=part), [("1.png", f"of {part}")])
    SETS[name].prepare(numbered, tmp_path / "set", None)
    rows = read_manifest(tmp_path / "set").rows
    assert {row.split: row.prompts["text"] for row in rows} == {
        part.lower(): (f"of {part}",) for part in PARTS
    }


def test_a_sentence_that_may_be_of_two_cases_is_refused(
    name: str, numbered: Path, tmp_path: Path
) -> None:
    write_book(numbered / "Train_text.xlsx", [("1.png", "of train, or of val?")])
    write_book(numbered / "Test_text.xlsx", [("1.png", "of test")])
    with pytest.raises(
        ManifestError,
        match=r"images named '1' in val and in another split.* in .*T\w+_text\.xlsx; .*: "
        r"name the workbooks so \(Val_text\.xlsx\)",
    ):
        SETS[name].prepare(numbered, tmp_path / "set", None)


def test_two_sentences_of_one_case_are_refused(name: str, source: Path, tmp_path: Path) -> None:
    write_book(source / "LViT/other_text.xlsx", [("a.png", "said otherwise")])
    SETS[name].prepare(source, tmp_path / "set", None)  # Train's own workbook comes first
    assert read_manifest(tmp_path / "set").rows[0].prompts["text"] == ("infection of a",)
    write_book(source / "LViT/Train_more.xlsx", [("a.png", "said otherwise")])
    with pytest.raises(
        ManifestError,
        match=r"another sentence of 'a' in .*Train_\w+.*; one a case of train: "
        "keep one of the workbooks",
    ):
        SETS[name].prepare(source, tmp_path / "set", None)
    write_book(source / "LViT/Train_more.xlsx", [("a.png", "one"), ("mask_a.png", "two")])
    with pytest.raises(
        ManifestError, match=r"two sentences of 'a' in .*Train_more\.xlsx; one row an image"
    ):
        SETS[name].prepare(source, tmp_path / "set", None)
