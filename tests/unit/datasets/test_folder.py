from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from saywhere.data.checks import check
from saywhere.data.manifest import read_manifest
from saywhere.datasets.folder import prepare_folder
from saywhere.errors import ManifestError, MissingFile, UsageError

Draw = Callable[[Path], None]
Form = Literal["NFC", "NFD"]


def test_images_and_masks_of_equal_names_are_split_exactly(
    tmp_path: Path, draw_image: Draw, draw_mask: Draw
) -> None:
    for number in range(40):
        draw_image(tmp_path / f"mine/images/case {number}.jpg")
        draw_mask(tmp_path / f"mine/masks/case {number}.png")
    draw_image(tmp_path / "mine/images/alone.jpg")
    prepared = prepare_folder(tmp_path / "mine", tmp_path / "set")
    rows = read_manifest(tmp_path / "set").rows
    assert len(rows) == 40
    assert prepared.counts == {"train": 32, "val": 4, "test": 4}
    assert "1 of 41 listed cases lacks an image or a mask" in prepared.warnings[0]
    assert "saywhere describe" in prepared.warnings[-1]


@pytest.mark.parametrize("column", ["group", "patient"])
def test_groups_are_split_whole_and_by_shares(
    column: str, tmp_path: Path, draw_image: Draw, draw_mask: Draw
) -> None:
    rows: list[dict[str, object]] = []
    for number in range(20):
        draw_image(tmp_path / f"mine/images/{number}.png")
        draw_mask(tmp_path / f"mine/masks/{number}.png")
        rows.append({"id": f"{number}", "prompt": "polyp", column: f"patient {number // 2}"})
    (tmp_path / "mine/annotations.jsonl").write_text(lines(*rows))
    prepared = prepare_folder(tmp_path / "mine", tmp_path / "set")
    assert prepared.counts == {"train": 16, "val": 2, "test": 2}
    assert prepared.warnings == [
        "the split was drawn by group, 80 : 10 : 10, seed 0: train 8, val 1, test 1 groups"
    ]
    manifest = read_manifest(tmp_path / "set")
    assert len({(row.group, row.split) for row in manifest.rows}) == 10
    assert check(manifest).faults == []
    other = prepare_folder(tmp_path / "mine", tmp_path / "other", seed=1)
    assert other.counts == prepared.counts
    splits = [row.split for row in manifest.rows]
    assert [row.split for row in read_manifest(tmp_path / "other").rows] != splits


def test_an_image_without_a_group_is_a_group_of_its_own(mine: Path, tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"id": "a", "group": "g"}, {"id": "b", "group": "g"}]
    (mine / "annotations.jsonl").write_text(lines(*rows, {"id": "c"}))
    prepare_folder(mine, tmp_path / "set")
    a, b, c = read_manifest(tmp_path / "set").rows
    assert a.split == b.split != c.split


def test_a_split_that_is_there_is_kept(tmp_path: Path, draw_image: Draw, draw_mask: Draw) -> None:
    for split in ("train", "test"):
        draw_image(tmp_path / f"mine/{split}/images/{split}.png")
        draw_mask(tmp_path / f"mine/{split}/masks/{split}.png")
    prepared = prepare_folder(tmp_path / "mine", tmp_path / "set")
    assert [(row.id, row.split) for row in read_manifest(tmp_path / "set").rows] == [
        ("train", "train"),
        ("test", "test"),
    ]
    assert "there is no folder val" in prepared.warnings


def test_half_a_layout_is_said(tmp_path: Path, draw_image: Draw) -> None:
    draw_image(tmp_path / "mine/images/a.png")
    with pytest.raises(MissingFile, match=r"no 'masks' in .*: put images into images/"):
        prepare_folder(tmp_path / "mine", tmp_path / "set")


@pytest.fixture
def mine(tmp_path: Path, draw_image: Draw, draw_mask: Draw) -> Path:
    for name in "abc":
        draw_image(tmp_path / f"mine/images/{name}.png")
        draw_mask(tmp_path / f"mine/masks/{name}.png")
    return tmp_path / "mine"


def lines(*rows: dict[str, object]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_text_split_and_further_columns_come_from_the_annotations(
    mine: Path, tmp_path: Path
) -> None:
    rows: list[dict[str, object]] = [
        {
            "id": "n1",
            "image": "images/a.png",
            "mask": "masks/a.png",
            "split": "test",
            "prompts": {"p0": "", "p9": ["one", "two"]},
            "group": "g",
            "oracle": True,
        },
        {"id": "n2", "image": "b.png", "split": "train", "prompt": "left", "site": 7},
    ]
    (mine / "annotations.jsonl").write_text(lines(*rows))
    prepared = prepare_folder(mine, tmp_path / "set")
    first, second = read_manifest(tmp_path / "set").rows
    assert (first.id, first.split, first.prompts, first.group, first.oracle) == (
        "a",
        "test",
        {"p0": ("",), "p9": ("one", "two")},
        "g",
        True,
    )
    assert (second.id, second.split, second.prompts, second.extra) == (
        "b",
        "train",
        {"prompt": ("left",)},
        {"site": 7},
    )
    assert prepared.warnings == [
        "1 image is not listed in the table and is left out (the first: c)",
        "of 2 rows none is in split val: a training would choose its best epoch on its own "
        "training images; a table beside the images may name the splits (column split)",
    ]
    assert prepared.set_aside == []


def test_text_comes_from_a_csv_and_without_a_split_it_is_drawn(mine: Path, tmp_path: Path) -> None:
    (mine / "texts.csv").write_text(
        "image;prompt\na.png;upper left\nb.png;lower right\nc.png;center\nd.png;nowhere\n"
    )
    (mine / "sites.csv").write_text("case,site\na,7\n")  # says nothing
    (mine / "measurements.csv").write_bytes(
        "Größe;Ort\n7;oben\n".encode("latin-1")
    )  # nor does this
    prepared = prepare_folder(mine, tmp_path / "set")
    rows = read_manifest(tmp_path / "set").rows
    assert {row.id: row.prompts["prompt"] for row in rows} == {
        "a": ("upper left",),
        "b": ("lower right",),
        "c": ("center",),
    }
    # Of three images no split is empty.
    assert {row.split for row in rows} == {"train", "val", "test"}
    assert prepared.warnings == [
        "1 of 4 listed cases lacks an image or a mask and is left out (the first: d)"
    ]


def test_a_name_of_two_folders_gets_the_text_of_its_split(
    tmp_path: Path, draw_image: Draw, draw_mask: Draw
) -> None:
    for split in ("train", "val", "test"):
        draw_image(tmp_path / f"mine/{split}/images/1.png")
        draw_mask(tmp_path / f"mine/{split}/masks/1.png")
    (tmp_path / "mine/texts.csv").write_text(
        "id,split,prompt\n"
        + "".join(f"1,{split},of {split}\n" for split in ("test", "val", "train"))
    )
    prepared = prepare_folder(tmp_path / "mine", tmp_path / "set")
    assert {row.split: row.prompts["prompt"] for row in read_manifest(tmp_path / "set").rows} == {
        s: (f"of {s}",) for s in ("train", "val", "test")
    }
    assert prepared.warnings == []


def test_one_table_without_splits_serves_all_folders(
    tmp_path: Path, draw_image: Draw, draw_mask: Draw
) -> None:
    for split, stem in (("train", "a"), ("val", "b"), ("test", "c")):
        draw_image(tmp_path / f"mine/{split}/images/{stem}.png")
        draw_mask(tmp_path / f"mine/{split}/masks/{stem}.png")
    (tmp_path / "mine/texts.csv").write_text(
        "id,prompt\n" + "".join(f"{stem},the {stem}\n" for stem in "cbad")
    )
    prepared = prepare_folder(tmp_path / "mine", tmp_path / "set")
    rows = read_manifest(tmp_path / "set").rows
    assert {row.id: (row.split, row.prompts["prompt"]) for row in rows} == {
        s: (split, (f"the {s}",)) for s, split in zip("abc", ("train", "val", "test"))
    }
    assert prepared.warnings == ["1 of 4 listed cases are in no folder (the first: d)"]


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        (
            {"a.csv": "image,prompt\na.png,x\n", "annotations.jsonl": "{}"},
            UsageError,
            r"several tables \(a.csv, annotations.jsonl\) in .*mine; one annotations",
        ),
        (
            {"a.csv": "image,prompt\na.png,x\na.jpg,y\n"},
            ManifestError,
            r"a second row of 'a' in .*a\.csv, row 3, column image; one row an image",
        ),
        (
            {"a.csv": "name,prompt\na.png,x\n"},
            ManifestError,
            r"no id in .*a\.csv, row 2, column id",
        ),
        (
            {"a.csv": "image,split,prompt\na.png,val,x\nb.png,,y\n"},
            ManifestError,
            r"no split, while other rows have one in .*a\.csv, row 3",
        ),
        ({"annotations.jsonl": "{"}, ManifestError, r"not valid JSON .*annotations\.jsonl, row 1"),
    ],
)
def test_a_table_that_cannot_be_taken_is_named(
    mine: Path, tmp_path: Path, files: dict[str, str], error: type[Exception], message: str
) -> None:
    for name, content in files.items():
        (mine / name).write_text(content)
    with pytest.raises(error, match=message):
        prepare_folder(mine, tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_every_file_that_is_not_read_is_listed_with_the_reason(mine: Path, tmp_path: Path) -> None:
    (mine / "images/d.dcm").write_bytes(b"")
    (mine / "images/e.psd").write_bytes(b"GIF89a")
    (mine / "masks/d.nii.gz").write_bytes(b"")
    (mine / "masks/f.png").write_bytes((mine / "masks/a.png").read_bytes())
    prepared = prepare_folder(mine, tmp_path / "set")
    images, masks = mine / "images", mine / "masks"
    assert prepared.warnings[:-1] == [
        f"1 file is skipped in {images}; its name says DICOM, its content does not: export it "
        "again (d.dcm)",
        f"1 file is skipped in {images}; its format is not read: convert it to PNG (e.psd)",
        f"1 file is skipped in {masks}; its name says NIfTI, its content does not: export it "
        "again (d.nii.gz)",
        "1 mask has no image and is left out (the first: f)",
    ]
    assert [file.path.name for file in prepared.skipped] == ["d.dcm", "e.psd", "d.nii.gz"]


def test_a_folder_of_nothing_that_is_read_says_why(tmp_path: Path, draw_mask: Draw) -> None:
    draw_mask(tmp_path / "mine/masks/a.png")
    (tmp_path / "mine/images").mkdir()
    (tmp_path / "mine/images/a.dcm").write_bytes(b"")
    with pytest.raises(MissingFile, match=r"no 'images/\*' .*its name says DICOM.*\(a.dcm\)"):
        prepare_folder(tmp_path / "mine", tmp_path / "set")


def test_folds_hold_whole_groups_and_the_first_is_tested(
    tmp_path: Path, draw_image: Draw, draw_mask: Draw
) -> None:
    rows: list[dict[str, object]] = []
    for number in range(20):
        draw_image(tmp_path / f"mine/images/{number}.png")
        draw_mask(tmp_path / f"mine/masks/{number}.png")
        rows.append({"id": f"{number}", "prompt": "polyp", "patient": f"patient {number // 2}"})
    (tmp_path / "mine/annotations.jsonl").write_text(lines(*rows))
    prepared = prepare_folder(tmp_path / "mine", tmp_path / "set", folds=5)
    manifest = read_manifest(tmp_path / "set")
    assert len({(row.group, row.extra["fold"]) for row in manifest.rows}) == 10
    assert [row.extra["fold"] for row in manifest.rows].count(3) == 4
    assert prepared.counts == {"train": 12, "val": 4, "test": 4}
    assert {row.extra["fold"] for row in manifest.rows if row.split == "test"} == {1}
    assert prepared.warnings == [
        "5 folds were drawn by group, seed 0: fold 1 is split test, fold 2 val; data.fold chooses "
        "another"
    ]
    with pytest.raises(UsageError, match="--folds 11 of 10 groups"):
        prepare_folder(tmp_path / "mine", tmp_path / "set", folds=11)


def test_folds_beside_a_split_are_refused(
    tmp_path: Path, draw_image: Draw, draw_mask: Draw
) -> None:
    draw_image(tmp_path / "mine/train/images/a.png")
    draw_mask(tmp_path / "mine/train/masks/a.png")
    with pytest.raises(UsageError, match="--folds of a set that has a split of its own"):
        prepare_folder(tmp_path / "mine", tmp_path / "set", folds=5)


@pytest.mark.parametrize("forms", [("NFC", "NFD", "NFC"), ("NFD", "NFC", "NFC"), ("NFC",) * 3])
def test_a_macs_spelling_of_a_name_joins_image_mask_and_table(
    tmp_path: Path, draw_image: Draw, draw_mask: Draw, forms: tuple[Form, Form, Form]
) -> None:
    image, mask, table = (unicodedata.normalize(form, "Müller") for form in forms)
    draw_image(tmp_path / f"mine/images/{image}.png")
    draw_mask(tmp_path / f"mine/masks/{mask}.png")
    row = lines({"image": f"images\\{table}.png", "prompt": "polyp", "split": "train"})
    (tmp_path / "mine/annotations.jsonl").write_text(row)
    prepare_folder(tmp_path / "mine", tmp_path / "set")
    (read,) = read_manifest(tmp_path / "set").rows
    assert read.prompts["prompt"] in ("polyp", ("polyp",))
    assert read.id == "Müller"
    assert check(read_manifest(tmp_path / "set")).faults == []
