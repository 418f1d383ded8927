"""A store takes nothing but its own: rows, files, and what a killed server left."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from saywhere.errors import UsageError
from saywhere.serve.export import write_zip
from saywhere.serve.reviews import Reviews
from saywhere.serve.store import Store
from unit.serve.test_store import IMAGE, MASK


def keep(store: Store, number: int) -> Any:
    return store.keep(f"{number:032x}", IMAGE, MASK, ~MASK, "one polyp, left", who="A.")


def changed(folder: Path, **columns: Any) -> None:
    """The manifest's last row with other columns, as a person may edit it."""
    manifest = folder / "manifest.jsonl"
    *rows, last = manifest.read_text().splitlines()
    rows.append(json.dumps(json.loads(last) | columns))
    manifest.write_text("".join(f"{row}\n" for row in rows))


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"key": ["a"]}, "key is no text"),
        ({"key": {"a": 1}}, "key is no text"),
        ({"key": "../../x"}, "key is not 32 hexadecimal digits"),
        ({"source": ["a"]}, "source is no text"),
        ({"replaces": [1]}, "replaces is no text"),
        ({"prompt": None}, "prompt is no text"),
        ({"mask": "../outside.png"}, "mask is a path outside of the store"),
        ({"image": "/etc/passwd"}, "image is a path outside of the store"),
        ({"suggested": "images/../../x.png"}, "suggested is a path outside of the store"),
    ],
)
def test_a_row_that_no_page_wrote_is_refused_by_its_column(
    tmp_path: Path, columns: dict[str, Any], told: str
) -> None:
    store = Store(tmp_path / "kept")
    keep(store, 1)
    keep(store, 2)
    store.close()
    changed(store.folder, **columns)
    before = (store.folder / "manifest.jsonl").read_text()
    with pytest.raises(UsageError, match=rf"line 2 of manifest\.jsonl .*\({told}\)"):
        Store(store.folder)
    assert (store.folder / "manifest.jsonl").read_text() == before


@pytest.mark.parametrize("column", ["image", "mask", "suggested"])
def test_a_link_to_the_outside_is_read_neither_at_the_start_nor_later(
    tmp_path: Path, column: str
) -> None:
    store = Store(tmp_path / "kept")
    row = keep(store, 1)
    secret = tmp_path / "secret.png"
    (store.folder / row[column]).rename(secret)
    (store.folder / row[column]).symlink_to(secret)
    if column == "mask":
        with pytest.raises(UsageError, match=r"the mask of row 0+1 lies outside of the store"):
            store.mask_png(row)
    if column != "suggested":
        with pytest.raises(UsageError, match="lies outside of the store"):
            write_zip(store, tmp_path / "all.zip", ["png"], with_names=False)
    store.close()
    with pytest.raises(UsageError, match=rf"the {column} of row 0+1 lies outside of the store"):
        Store(store.folder)


@pytest.mark.parametrize("name", ["manifest.jsonl", "history.jsonl", "reviews.jsonl", "masks"])
def test_a_store_of_which_a_part_lies_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match=rf"{name} is a link"):
        Store(tmp_path / "kept")


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_what_a_killed_server_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keep(store, 1)
    keep(store, 2)
    store.take_back(f"{2:032x}")
    Reviews(store).add(f"{1:032x}", "accepted", "well", "B.")
    foreign = ["notes.txt", ".notes.1.tmp", "images/film.png", "masks/.film.png.1.tmp"]
    foreign += [f"images/{9:032x}.txt", f"suggested/{9:032x}"]
    for each in foreign:
        (tmp_path / each).write_text("a person's own")
    (tmp_path / f"masks/{8:032x}.png").symlink_to(tmp_path / "notes.txt")
    before = names(tmp_path)
    left = [f"{kind}/{7:032x}.png" for kind in ("images", "masks")]
    # The number of a process says nothing: in a container each server has the same.
    left += [f"suggested/.{7:032x}.png.{os.getpid()}.tmp", ".manifest.jsonl.1.tmp"]
    for each in left:
        (tmp_path / each).write_text("half")
    store.close()
    Store(tmp_path).close()
    assert names(tmp_path) == before
    again = Store(tmp_path)
    assert [row["key"][-1] for row in again.rows()] == ["1"]
    assert "history.jsonl" in before
    assert f"images/{2:032x}.png" in before, "the history names it"


def test_pictures_whose_row_a_person_took_out_stay(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keep(store, 1)
    keep(store, 2)
    store.close()
    before = names(tmp_path)
    manifest = tmp_path / "manifest.jsonl"
    first = manifest.read_text().splitlines()[0]
    manifest.write_text(f"{first}\n")
    Store(tmp_path).close()
    manifest.unlink()
    Store(tmp_path).close()
    assert set(before) - set(names(tmp_path)) == {"manifest.jsonl"}


@pytest.mark.parametrize("name", ["history.jsonl", "reviews.jsonl"])
def test_half_a_line_of_the_other_lists_is_left_out_and_a_whole_one_ended(
    tmp_path: Path, name: str
) -> None:
    store = Store(tmp_path)
    keep(store, 1)
    keep(store, 2)
    Reviews(store).add(f"{1:032x}", "accepted", "well", "B.")
    store.take_back(f"{2:032x}")
    store.close()
    file = tmp_path / name
    whole = file.read_text()
    file.write_text(whole + whole[:20])
    Reviews(again := Store(tmp_path))
    assert file.read_text() == whole
    again.close()
    file.write_text(whole.rstrip("\n"))
    Store(tmp_path).close()
    assert file.read_text() == whole


@pytest.mark.parametrize(
    "line", ['{"key": ["a"]}', "[1]", '{"key": "a", "verdict": "open"}', "x" * 9]
)
def test_a_review_that_no_page_wrote_is_refused_by_its_line(tmp_path: Path, line: str) -> None:
    store = Store(tmp_path)
    (tmp_path / "reviews.jsonl").write_text(line + "\n")
    with pytest.raises(UsageError, match=r"line 1 of reviews\.jsonl"):
        Reviews(store)
