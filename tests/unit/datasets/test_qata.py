from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from saywhere.data.checks import check
from saywhere.data.manifest import read_manifest
from saywhere.datasets.qata import prepare_qata
from saywhere.errors import ManifestError, MissingExtra, MissingFile, UnreadableFile, counted

SPLITS = {
    "train": ["covid_1", "covid_2", "sub-S03047_ses-E07985"],
    "val": ["covid_4"],
    "test": ["covid_5", "covid_6"],
}
SENTENCE = "unilateral pulmonary infection, one infected area, lower left lung, {}."


def write_workbook(path: Path, *rows: tuple[str | None, ...]) -> None:
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.active.append(row)
    workbook.save(path)


@pytest.fixture
def source(
    tmp_path: Path, draw_image: Callable[..., None], draw_mask: Callable[[Path], None]
) -> Path:
    folder = tmp_path / "download"
    for split, stems in SPLITS.items():
        part = (
            folder
            / "QaTa-COV19"
            / "QaTa-COV19-v2"
            / ("Test Set" if split == "test" else "Train Set")
        )
        for stem in stems:
            draw_image(part / "Images" / f"{stem}.png", "L")
            draw_mask(part / "Ground-truths" / f"mask_{stem}.png")
    trained = SPLITS["train"] + SPLITS["val"]
    (folder / "texts").mkdir()
    write_workbook(
        folder / "texts" / "Train_text_for_Covid19.xlsx",
        ("Image", "Description"),
        *[(f"mask_{s}.png", SENTENCE.format(s)) for s in trained],
    )
    write_workbook(
        folder / "texts" / "Test_text_for_Covid19.xlsx",
        ("Image", "Description"),
        *[(f"{s}.png", SENTENCE.format(s)) for s in SPLITS["test"]],
    )
    write_workbook(
        folder / "texts" / "Train_ID.xlsx",
        ("Image",),
        *[(f"mask_{s}.png",) for s in SPLITS["train"]],
        (None,),
    )
    write_workbook(
        folder / "texts" / "Val_ID.xlsx", ("Image",), *[(f"mask_{s}.png",) for s in SPLITS["val"]]
    )
    return folder


def test_the_published_layout_becomes_a_clean_manifest(source: Path, tmp_path: Path) -> None:
    prepared = prepare_qata(source, tmp_path / "set")
    manifest = read_manifest(tmp_path / "set")
    assert [(row.split, row.id) for row in manifest.rows] == [
        (split, stem) for split, stems in SPLITS.items() for stem in stems
    ]
    assert {row.id: row.prompts["text"] for row in manifest.rows} == {
        row.id: (SENTENCE.format(row.id),) for row in manifest.rows
    }
    assert prepared.warnings == [
        f"{counted(n, 'row')} of split {s}; {p:,} were published"
        for s, n, p in (("train", 3, 5716), ("val", 1, 1429), ("test", 2, 2113))
    ]
    assert check(manifest).faults == []
    assert (manifest.rows[0].frame, manifest.rows[0].oracle) == ("image", True)


@pytest.mark.parametrize(
    ("removed", "message"),
    [
        ("QaTa-COV19", "no 'Train Set', 'Test Set' in .*; found there: texts/: unpack QaTa-COV19"),
        (
            "QaTa-COV19/QaTa-COV19-v2/Test Set",
            "no 'Test Set' in .*; found there: QaTa-COV19/, texts/: unpack QaTa-COV19",
        ),
        (
            "QaTa-COV19/QaTa-COV19-v2/Test Set/Ground-truths",
            "no 'Ground-truths' in .*Test Set or .*; found there: Images/: unpack QaTa-COV19",
        ),
        (
            "texts",
            "no 'Train_text_for_Covid19.xlsx', .* in .*; "
            "found there: QaTa-COV19/: put LViT's four workbooks",
        ),
    ],
)
def test_half_a_layout_says_what_was_looked_for_what_was_found_and_what_to_do(
    source: Path, tmp_path: Path, removed: str, message: str
) -> None:
    shutil.rmtree(source / removed)
    with pytest.raises(MissingFile, match=message):
        prepare_qata(source, tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_a_missing_workbook_is_named(source: Path, tmp_path: Path) -> None:
    (source / "texts" / "Val_ID.xlsx").unlink()
    with pytest.raises(MissingFile, match=r"no 'Val_ID\.xlsx' in"):
        prepare_qata(source, tmp_path / "set")


def test_without_openpyxl_the_extra_is_named(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(
        MissingExtra,
        match=r"reading Excel workbooks needs openpyxl: pip install 'saywhere\[prepare\]'",
    ):
        prepare_qata(source, tmp_path / "set")


def test_what_is_no_workbook_or_lacks_a_column_is_named(source: Path, tmp_path: Path) -> None:
    write_workbook(source / "texts" / "Val_ID.xlsx", ("Name",), ("a",))
    with pytest.raises(ManifestError, match=r"no column Image in .*Val_ID\.xlsx; found Name"):
        prepare_qata(source, tmp_path / "set")
    (source / "texts" / "Val_ID.xlsx").write_bytes(b"Image\n")
    with pytest.raises(UnreadableFile, match=r"no workbook that can be read .* in .*Val_ID\.xlsx"):
        prepare_qata(source, tmp_path / "set")


def test_a_case_without_a_sentence_is_left_out_and_counted(source: Path, tmp_path: Path) -> None:
    write_workbook(
        source / "texts" / "Val_ID.xlsx", ("Image",), ("mask_covid_4.png",), ("mask_covid_9.png",)
    )
    assert (
        "1 listed case has no sentence and is left out (the first: covid_9)"
        in prepare_qata(source, tmp_path / "set").warnings
    )
