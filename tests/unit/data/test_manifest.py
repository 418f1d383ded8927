from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from saywhere.data.manifest import Manifest, read_manifest, subset, write_manifest
from saywhere.errors import ManifestError, MissingFile
from saywhere.io.limits import MAX_FIELD_CHARS

DATA = Path("../shared/data")
ROW = {
    "id": "a",
    "image": "images/a.png",
    "mask": "masks/a.png",
    "prompt": "one polyp",
    "split": "train",
}


def read(folder: Path, content: str | bytes, name: str = "m.jsonl") -> Manifest:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return read_manifest(path)


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_every_column_of_the_contract_arrives(tmp_path: Path) -> None:
    row = {
        "id": 7,
        "image": "i/a.png",
        "mask": "m/a.png",
        "split": "test",
        "prompts": {"p0": "", "p7": ["one", "two"]},
    }
    further = {
        "group": "patient 3",
        "frame": "patient",
        "oracle": True,
        "source": "clinic",
        "original_size": [640, 480],
    }
    (read_row,) = read(tmp_path, lines(row | further)).rows
    assert read_row.id == "7"
    assert (read_row.image, read_row.mask) == (tmp_path / "i/a.png", tmp_path / "m/a.png")
    assert read_row.prompts == {"p0": ("",), "p7": ("one", "two")}
    assert (read_row.split, read_row.group, read_row.frame, read_row.oracle, read_row.number) == (
        "test",
        "patient 3",
        "patient",
        True,
        1,
    )
    assert read_row.extra == {"source": "clinic", "original_size": [640, 480]}


def test_a_prompt_column_is_a_level_of_that_name_and_patient_means_group(tmp_path: Path) -> None:
    manifest = read(tmp_path, lines(ROW | {"patient": 12, "prompts": {"p6": "there"}}))
    assert manifest.rows[0].prompts == {"p6": ("there",), "prompt": ("one polyp",)}
    assert manifest.levels == ["p6", "prompt"]
    assert manifest.rows[0].group == "12"


def test_a_row_takes_the_place_of_one_before_it_and_of_no_other(tmp_path: Path) -> None:
    rows = [
        {"id": name, "image": "a.png", "replaces": old}
        for name, old in (("a", "a"), ("b", "e"), ("c", "a"), ("d", "c"), ("e", None))
    ]
    assert [row.id for row in read(tmp_path, lines(*rows)).rows] == ["b", "d", "e"]


def test_splits_and_digest(tmp_path: Path) -> None:
    content = lines(ROW, ROW | {"id": "b", "split": "test"}, ROW | {"id": "c"})
    manifest = read(tmp_path, content)
    assert manifest.splits == ["train", "test"]
    assert [row.id for row in manifest.split("train")] == ["a", "c"]
    assert manifest.split("val") == []
    assert manifest.digest == hashlib.sha256(content.encode()).hexdigest()


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_csv_says_the_same_as_jsonl(tmp_path: Path, delimiter: str, start: bytes) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(["id", "image", "mask", "prompts.p6", "prompts", "split", "oracle", "source"])
    writer.writerow(
        [
            "a",
            "images/a.png",
            "masks/a.png",
            'left, "upper";\nsecond line',
            '{"p7": ["x", "y"]}',
            "val",
            "yes",
            "clinic",
        ]
    )
    writer.writerow(["b", "images/b.png", "", "right", "", "val", "", ""])
    manifest = read(tmp_path, start + text.getvalue().encode(), "m.csv")
    first, second = manifest.rows
    assert first.prompts == {"p7": ("x", "y"), "p6": ('left, "upper";\nsecond line',)}
    assert (first.oracle, first.extra, first.number) == (True, {"source": "clinic"}, 2)
    assert (second.mask, second.oracle, second.number) == (
        None,
        None,
        4,
    )  # the first row's cell spans two lines


def test_a_byte_order_mark_blank_lines_and_line_separators_do_no_harm(tmp_path: Path) -> None:
    row = json.dumps(ROW | {"prompt": "one\u2028polyp 🫁"}, ensure_ascii=False)
    manifest = read(tmp_path, b"\xef\xbb\xbf" + f"\r\n{row}\r\n\n".encode())
    assert manifest.rows[0].prompts["prompt"] == ("one\u2028polyp 🫁",)
    assert manifest.rows[0].number == 2


def test_without_a_split_every_row_is_for_training(tmp_path: Path) -> None:
    row = {key: value for key, value in ROW.items() if key != "split"}
    assert read(tmp_path, lines(row)).splits == ["train"]


def test_paths_may_leave_the_folder(tmp_path: Path) -> None:
    manifest = read(
        tmp_path, lines(ROW | {"image": "../elsewhere/a.png", "mask": str(tmp_path / "b.png")})
    )
    assert manifest.rows[0].image == tmp_path / "../elsewhere/a.png"
    assert manifest.rows[0].mask == tmp_path / "b.png"


def test_what_is_written_reads_the_same(tmp_path: Path) -> None:
    rows = [
        {
            "id": "ü",
            "image": Path("images/ü.png"),
            "mask": None,
            "prompts": {"p6": ("links", "rechts")},
            "split": "test",
            "note": 1,
        }
    ]
    write_manifest(tmp_path / "new" / "manifest.jsonl", rows)
    (row,) = read_manifest(tmp_path / "new").rows  # a folder means the manifest in it
    assert (row.id, row.mask, row.prompts, row.extra) == (
        "ü",
        None,
        {"p6": ("links", "rechts")},
        {"note": 1},
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no rows"),
        ("[" + lines(ROW) + "]", "a JSON list in {path}; a manifest has one JSON object a line"),
        (lines(ROW) + "{broken", "not valid JSON .* in {path}, row 2"),
        (lines(ROW) + "17\n", "a int in {path}, row 2"),
        (
            lines({"image": "a.png"}),
            r"no id in {path}, row 1, column id; every row has one \(found image\): add the id",
        ),
        (lines({"id": "a"}), "no image in {path}, row 1, column image"),
        (lines(ROW | {"id": " "}), "no id"),
        (lines(ROW | {"id": ["a"]}), "id is a list in {path}, row 1, column id"),
        (lines(ROW | {"mask": True}), "mask is a bool in {path}, row 1, column mask"),
        (
            lines(ROW | {"frame": "mirror"}),
            "frame is 'mirror' in {path}, row 1, column frame; .* image or patient",
        ),
        (lines(ROW | {"oracle": "maybe"}), "oracle is 'maybe' in {path}, row 1, column oracle"),
        (
            lines(ROW | {"meant": "empty_mask truncated"}),
            "meant is 'truncated' in {path}, row 1, column meant",
        ),
        (
            lines(ROW | {"prompts": ["a"]}),
            "prompts is a list in {path}, row 1, column prompts; it is an object",
        ),
        (
            lines(ROW | {"prompts": {"p1": 3}}),
            "prompt p1 holds a int in {path}, row 1, column prompts",
        ),
        (lines(ROW | {"prompts": {"prompt": "two"}}), "two texts named prompt"),
        (
            lines(ROW, ROW | {"split": None}),
            "no split, while other rows have one in {path}, row 2, column split",
        ),
        (
            lines(ROW | {"prompt": "x" * (MAX_FIELD_CHARS + 1)}),
            "100,001 characters in {path}, row 1, column prompts; a field has at most 100,000",
        ),
        (lines(ROW | {"image": "a\0b"}), "a NUL character in {path}, row 1, column image"),
        (lines(ROW | {"note": "\ud800"}), "half of a surrogate pair in {path}, row 1"),
        ('{"id": "a", "id": "b", "image": "c"}', "a key stands twice"),
        ('{"id": "a", "image": "c", "weight": NaN}', "NaN is no JSON"),
        ('{"id": ' + "[" * 100_000, "not valid JSON"),
        ('{"id": ' + "9" * 5000 + "}", "not valid JSON"),
        (
            lines(ROW).encode() + b"\n\xff\xfe",
            "bytes that are no UTF-8 in {path}, row 3: save the manifest as UTF-8",
        ),
        (lines(ROW).encode("utf-16"), "bytes that are no UTF-8"),
        (lines(ROW).encode("utf-16-le"), "a NUL character in {path}, row 1"),
    ],
)
def test_a_broken_manifest_names_file_row_column_and_remedy(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    with pytest.raises(ManifestError, match=message.format(path=tmp_path / "m.jsonl")) as caught:
        read(tmp_path, content)
    assert caught.value.remedy
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,image\n", "no rows"),
        ("id,image\na,b,c\n", "3 cells under 2 columns in {path}, row 2"),
        ("id,image,id\na,b,c\n", "two columns named 'id' in {path}, row 1"),
        ('id,image\na,"b', "not valid CSV .* in {path}, row 2"),
        (f"id,image\na,{'b' * 200_000}\n", "not valid CSV .* in {path}, row 2"),
        ("id,image,prompts\na,b,{broken\n", "not valid JSON .* in {path}, row 2, column prompts"),
        (
            "name,image\na,b\n",
            r"no id in {path}, row 2, column id; every row has one \(found name, image\)",
        ),
    ],
)
def test_a_broken_csv_names_file_row_column_and_remedy(
    tmp_path: Path, content: str, message: str
) -> None:
    with pytest.raises(ManifestError, match=message.format(path=tmp_path / "m.csv")):
        read(tmp_path, content, "m.csv")


def test_an_absent_manifest_says_so(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"no manifest .*saywhere prepare"):
        read_manifest(tmp_path / "m.jsonl")
    with pytest.raises(
        MissingFile, match=r"looked for manifest\.jsonl, annotations\.jsonl, manifest\.csv"
    ):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("kvasir", (800, 100, 100)),
        ("isic", (672, 74, 305)),
        ("qata", (5716, 1429, 2113)),
        ("monuseg", (24, 6, 14)),
    ],
)
def test_the_shared_annotations_are_manifests_as_they_stand(
    name: str, counts: tuple[int, ...]
) -> None:
    path = DATA / name / "annotations.jsonl"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    manifest = read_manifest(path)
    assert tuple(len(manifest.split(split)) for split in ("train", "val", "test")) == counts
    assert {"source", "original_size"} <= set(manifest.rows[0].extra)


def test_a_subset_is_the_rows_of_a_file_of_ids(tmp_path: Path) -> None:
    manifest = read(tmp_path, lines(*(ROW | {"id": name} for name in "abcd")))
    (tmp_path / "ids.txt").write_text("# a comment\nd\n\nb\n")
    chosen = subset(manifest, tmp_path / "ids.txt")
    assert [row.id for row in chosen.rows] == ["b", "d"]
    assert chosen.digest == manifest.digest


@pytest.mark.parametrize(
    ("content", "message"),
    [("b\nq\n", r"1 of 2 ids are no row's, for instance 'q'"), ("\n# none\n", "no ids")],
)
def test_a_subset_of_ids_that_are_no_rows_is_refused(
    tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "ids.txt").write_text(content)
    with pytest.raises(ManifestError, match=message):
        subset(read(tmp_path, lines(ROW | {"id": "b"})), tmp_path / "ids.txt")
    with pytest.raises(MissingFile, match=r"no such file of ids.*mend data.ids"):
        subset(read(tmp_path, lines(ROW)), tmp_path / "nowhere.txt")


@pytest.mark.parametrize("stamp", [{}, {"manifest_format": 1}, {"manifest_format": "1"}])
def test_todays_rows_open_with_and_without_a_format(tmp_path: Path, stamp: dict[str, Any]) -> None:
    row = read(tmp_path, lines(ROW | stamp)).rows[0]
    assert row.id == "a"
    assert "manifest_format" not in row.extra


@pytest.mark.parametrize("number", [2, "2", 0, -1, "first"])
def test_a_row_of_another_format_is_refused_in_words(tmp_path: Path, number: int | str) -> None:
    with pytest.raises(
        ManifestError,
        match=rf"a row of format {number} in .*column manifest_format; .* up to 1: update Saywhere",
    ):
        read(tmp_path, lines(ROW | {"manifest_format": number}))
