"""R23 on the command line: who a picture is of (its EXIF, the manifest's other columns) reaches no
log, no line of output, no report and no file of a run.

What a person typed and named is theirs to see: prompts and ids stand in results. They are in no log
record and in no temporary file's name.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from console import Ended

Say = Callable[..., Ended]
COLUMNS = ("patient_name", "patient_id", "birth_date", "accession", "folder")
TAGS = {0x010E: "said", 0x013B: "artist", 0x8298: "rights"}
N_PICTURES = {"train": 2, "test": 3}


@pytest.fixture
def personal(manifest: Path, tmp_path: Path) -> tuple[Path, Path]:
    """40 canaries: a set whose pictures and rows say whom they are of; returns its manifest and one
    picture.
    """
    folder = tmp_path / "set"
    folder.mkdir()
    lines: list[str] = []
    picture = None
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    marked: list[str] = []
    for split, n in N_PICTURES.items():
        images = dict.fromkeys(row["image"] for row in rows if row["split"] == split)
        marked += list(images)[:n]
    numbers = {path: number for number, path in enumerate(marked)}
    for row in rows:
        image = manifest.parent / row["image"]
        number = numbers.get(row["image"], -1)
        row |= {"mask": str(manifest.parent / row["mask"]), "image": str(image)}
        if number >= 0:
            exif = Image.Exif()
            for tag, kind in TAGS.items():
                exif[tag] = f"canary-{kind}-{number}"
            picture = folder / f"{number}.png"
            Image.open(image).save(picture, exif=exif)
            row |= {column: f"canary-{column}-{number}" for column in COLUMNS} | {
                "image": str(picture),
                "id": f"canary-id-{row['id']}",
            }
        lines.append(json.dumps(row))
    (folder / "manifest.jsonl").write_text("\n".join(lines))
    assert picture is not None
    return folder / "manifest.jsonl", picture


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Prefixes and suffixes of every temporary file that is made."""
    made: list[str] = []
    for name in ("mkstemp", "mkdtemp"):
        real: Callable[..., Any] = getattr(tempfile, name)
        monkeypatch.setattr(
            tempfile,
            name,
            lambda *given, real=real, **options: (
                made.append(str((given, options))),
                real(*given, **options),
            )[1],
        )
    return made


def verbs(manifest: Path, picture: Path, toml: Path, folder: Path) -> list[tuple[object, ...]]:
    """Every verb that reads pictures, well asked; then some that end in an error."""
    run, wrong = folder / "run", folder / "wrong.jsonl"
    wrong.write_text(
        manifest.read_text()
        .replace('"split": "test"', '"split": "none of ours"')
        .replace("masks/", "absent/")
    )
    data, one = (
        ("--set", f"data.manifest={manifest}"),
        ("--set", "train.epochs=1", "--set", "train.steps_per_epoch=1"),
    )
    asked = (picture, "--prompt", "canary-words", "--out", folder / "out")
    return [
        ("check", manifest),
        ("describe", manifest, "--to", folder / "described.jsonl"),
        ("train", toml, *data, *one, "--out", run),
        ("evaluate", run),
        ("report", run, "--out", folder / "report.html"),
        ("probe", "invariance", run, "--cases", "2"),
        ("probe", "generator", run),
        ("probe", "mosaic", run, "--cases", "2"),
        ("probe", "halves", run, "--cases", "2"),
        ("predict", run, *asked),
        ("predict", run, "--manifest", manifest, "--out", folder / "all"),
        ("check", wrong),
        ("train", toml, "--set", f"data.manifest={wrong}", *one, "--out", folder / "other"),
        ("evaluate", run, "--data", wrong),
        ("predict", run, picture, "--prompt", "canary-words" * 1000, "--out", folder / "long"),
    ]


def test_no_canary_of_a_picture_or_a_row_is_written_down(
    say: Say,
    personal: tuple[Path, Path],
    toml: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    temporary: list[str],
) -> None:
    with caplog.at_level("DEBUG"):
        ended = [say(*words) for words in verbs(*personal, toml, tmp_path)]
    kinds = (*COLUMNS, *TAGS.values())
    assert [each.code == 0 for each in ended] == [True] * 11 + [False] * 4, [
        each.err for each in ended
    ]
    assert not [text for text in caplog.messages if "canary" in text]
    assert not [text for text in temporary if "canary" in text]
    assert not [
        each for each in ended for kind in kinds if f"canary-{kind}-" in each.out + each.err
    ]
    written = [
        path
        for path in tmp_path.rglob("*")
        if path.is_file() and personal[0].parent not in path.parents and path.name != "wrong.jsonl"
    ]
    assert {"report.html", "run.json", "predictions.jsonl", "described.jsonl"} <= {
        path.name for path in written
    }
    found = {
        (path.name, kind)
        for path in written
        for kind in kinds
        if f"canary-{kind}-".encode() in path.read_bytes()
    }
    assert found == {
        ("described.jsonl", column) for column in COLUMNS
    }  # a manifest made from a manifest keeps the columns of its rows
