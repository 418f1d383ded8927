"""Untrusted text: whatever a file holds, it becomes records or one error with a remedy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saywhere.data.checks import check
from saywhere.data.manifest import read_manifest
from saywhere.data.manifest_row import COLUMNS
from saywhere.data.records import BadRow, Record, each_json_line, read_records, sorted_out
from saywhere.errors import ManifestError


def test_lines_that_are_no_record_are_told_apart_with_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "jobs.txt"
    path.write_text('{"image": "a.png"}\n\n[1]\n{"image": "b.png"}\n', encoding="utf-8")
    bad: list[BadRow] = []
    records = list(sorted_out(each_json_line(path), bad))
    assert [(record.number, record.fields["image"]) for record in records] == [
        (1, "a.png"),
        (4, "b.png"),
    ]
    assert [line.number for line in bad] == [3]
    assert bad[0].error.remedy


def test_a_csv_row_has_the_number_of_its_first_line(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text('id,prompt\na,"two\nlines"\nb,one\n', encoding="utf-8")
    records, bad = read_records(path)
    assert [(record.number, record.text("id")) for record in records] == [(2, "a"), (4, "b")]
    assert bad == []


def test_a_whole_number_is_a_text_and_other_kinds_are_refused(tmp_path: Path) -> None:
    record = Record(tmp_path / "m.jsonl", 3, {"id": 7, "empty": "", "list": [1], "flag": True})
    assert record.text("id") == "7"
    assert record.text("empty") is None
    assert record.text("absent") is None
    for column in ("list", "flag"):
        with pytest.raises(ManifestError, match=f"row 3, column {column}; it is a text"):
            record.text(column)
    with pytest.raises(ManifestError, match=r"no absent in .*found id, empty, list, flag"):
        record.required("absent")


# Generated documents: junk, nearly right rows, nearly right tables.
text = st.text(max_size=12) | st.sampled_from(
    ["", "..", "/", "a" * 300, "\0", "\ud800", "é", "../../x.png", "NaN", '"', "prompts."]
)
simple = st.none() | st.booleans() | st.integers() | st.floats() | text
anything = st.recursive(
    simple,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
column = st.sampled_from([*sorted(COLUMNS), "prompts.p6", "further"])
usual = st.fixed_dictionaries(
    {
        "id": text | st.integers(),
        "image": text,
        "mask": text | st.none(),
        "prompts": st.dictionaries(text, text | st.lists(text)),
    }
)
odd_row = st.builds(
    lambda row, changes: row | changes, usual, st.dictionaries(column, anything, max_size=3)
)
json_lines = st.lists(odd_row | anything, max_size=4).map(
    lambda rows: "\n".join(map(json.dumps, rows)).encode()
)
cells = st.lists(st.lists(column | text, min_size=1, max_size=6), max_size=5)
table = cells.map(lambda rows: "\n".join(",".join(row) for row in rows).encode("utf-8", "replace"))
sound_text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
place = sound_text.filter(str.strip) | st.sampled_from(
    ["..", "/", ".", "m.jsonl", "/dev/null", "a" * 300, "a/" * 3000, "//x", "C:\\x", "~"]
)
sound_row = st.fixed_dictionaries(
    {
        "id": sound_text.filter(str.strip),
        "image": place,
        "mask": place,
        "prompts": st.dictionaries(sound_text, sound_text | st.lists(sound_text)),
    }
)
sound = st.lists(sound_row, min_size=1, max_size=4).map(
    lambda rows: "\n".join(map(json.dumps, rows)).encode()
)
nearly = st.builds(
    lambda content, at, junk: content[:at] + junk + content[at:],
    json_lines | table,
    st.integers(0, 200),
    st.binary(max_size=3),
)
documents = st.one_of(
    sound,
    json_lines,
    table,
    nearly,
    st.binary(max_size=80),
    text.map(lambda content: content.encode("utf-8", "surrogatepass")),
)


def only_a_manifest_error_escapes(folder: Path, content: bytes, name: str) -> None:
    """And what is read can be checked, whatever its paths are."""
    refusal = None
    try:
        (folder / name).write_bytes(content)
        assert (
            check(read_manifest(folder / name)).manifest.rows == ()
        )  # none of these images exists
    except ManifestError as error:
        refusal = error
    assert refusal is None or (str(folder / name) in str(refusal) and refusal.remedy)


def held_to(n: int) -> Callable[[Callable[[Path, bytes, str], None]], Callable[[Path], None]]:
    def decorate(promise: Callable[[Path, bytes, str], None]) -> Callable[[Path], None]:
        @settings(
            max_examples=n,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            database=None,
        )
        @given(content=documents, name=st.sampled_from(["m.jsonl", "m.csv", "m"]))
        def test(tmp_path: Path, content: bytes, name: str) -> None:
            promise(tmp_path, content, name)

        return test

    return decorate


test_a_generated_document_is_read_or_refused = held_to(300)(only_a_manifest_error_escapes)
test_thousands_of_generated_documents_are_read_or_refused = pytest.mark.slow(
    held_to(5000)(only_a_manifest_error_escapes)
)
