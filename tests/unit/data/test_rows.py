"""Rows in little memory: what comes back is what went in, whichever are chosen."""

from __future__ import annotations

import json
import pickle
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saywhere.data.checks import check
from saywhere.data.manifest import read_manifest
from saywhere.data.manifest_row import Row, packed_row, unpacked_row
from saywhere.data.packed import BLOCK
from saywhere.data.rows import Rows

N = 3 * BLOCK + 7
NAMES = st.text(st.characters(codec="utf-8"), max_size=8)
PATHS = NAMES.map(lambda name: Path("a") / f"{name.replace(chr(0), '')}\udce9.png")
ROWS = st.builds(
    Row,
    id=NAMES,
    image=PATHS,
    mask=st.none() | PATHS,
    prompts=st.dictionaries(NAMES, st.lists(NAMES, max_size=3).map(tuple), max_size=3),
    split=NAMES,
    group=st.none() | NAMES,
    frame=st.sampled_from(["image", "patient"]),
    oracle=st.none() | st.booleans(),
    meant=st.lists(NAMES, max_size=2).map(tuple),
    replaces=st.none() | NAMES,
    number=st.integers(0, 10**6),
    extra=st.dictionaries(NAMES, st.none() | st.floats(allow_nan=False) | NAMES, max_size=3),
    frames=st.dictionaries(NAMES, NAMES, max_size=2),
)


def numbered(n: int) -> list[Row]:
    return [
        Row(f"r{i}", Path(f"images/{i}.png"), number=i + 1, split="test" if i % 3 else "train")
        for i in range(n)
    ]


@given(ROWS)
def test_a_row_comes_back_equal_through_json(row: Row) -> None:
    assert unpacked_row(json.loads(json.dumps(packed_row(row)))) == row


@pytest.mark.parametrize("n", [0, 1, BLOCK, N])
def test_rows_are_a_list_of_them(n: int) -> None:
    listed = numbered(n)
    rows = Rows(listed)
    assert (len(rows), list(rows), rows == listed, bool(rows)) == (n, listed, True, n > 0)
    assert list(reversed(rows)) == listed[::-1]
    assert rows[1:-1:5] == listed[1:-1:5]
    assert [rows[place] for place in range(-n, n)] == listed + listed
    for place in (n, -n - 1):
        with pytest.raises(IndexError):
            rows[place]
    assert rows != listed[1:] or n == 0


def test_chosen_rows_can_be_chosen_from_again_and_pickled() -> None:
    listed = numbered(N)
    rows = Rows(listed).where(lambda row: row.split == "test")
    wanted = [row for row in listed if row.split == "test"]
    assert rows == wanted
    assert rows[10:90].chosen([5, 0, 5]) == [wanted[15], wanted[10], wanted[15]]
    assert pickle.loads(pickle.dumps(rows)) == wanted
    with pytest.raises(IndexError):
        rows[len(wanted)]


def test_a_large_manifest_takes_few_bytes_a_row_while_it_is_read(tmp_path: Path) -> None:
    def peak(n: int) -> int:
        path = tmp_path / f"{n}.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for i in range(n):
                row = {"id": f"r{i}", "image": f"images/{i}.png", "mask": f"masks/{i}.png"}
                file.write(json.dumps(row | {"prompt": "upper left", "split": "train"}) + "\n")
        tracemalloc.start()
        train = read_manifest(path).split("train")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(train) == n
        return most

    # Paths share their parts in a table of Python's own, which is no row's: it grows by leaps.
    shared = [sys.intern(f"{i}.png") for i in range(22_000)]
    peak(2_000)  # what is made once is no row's
    # Objects take more than 600, and the file's text alone 90.
    assert (peak(22_000) - peak(2_000)) / 20_000 < 60
    assert shared


def test_faults_are_told_by_place_where_rows_are_equal(tmp_path: Path) -> None:
    same = Row("a", tmp_path / "absent.png")
    path = tmp_path / "manifest.jsonl"
    path.write_text('{"id": "a", "image": "absent.png"}\n' * 3, encoding="utf-8")
    manifest = read_manifest(path)
    assert [row.image for row in manifest.rows] == [same.image] * 3
    report = check(manifest)
    assert len(report.manifest.rows) == 0
    assert report.kinds == {"missing_file": 3, "duplicate_id": 2}


def test_places_of_any_whole_number_type_are_taken() -> None:
    rows = Rows(numbered(9))
    assert rows[np.int64(4)].id == "r4"
    assert rows.chosen(np.array([8, 1]))[np.int64(1)].id == "r1"
