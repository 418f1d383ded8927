"""`--no-identifiers`: no id, path or prompt is in any artefact or on the screen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from console import Ended
from saywhere.io.pseudonyms import Pseudonyms

Say = Callable[..., Ended]
CANARY = "canary"
KEY = bytes(range(32))


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_bytes(KEY)
    return path


@pytest.fixture
def named(manifest: Path, tmp_path: Path) -> Path:
    """A set of which every id, path and prompt is a canary; returns its manifest."""
    folder = tmp_path / "canary-set"
    folder.mkdir()
    lines = []
    for number, text in enumerate(manifest.read_text().splitlines()):
        row = json.loads(text)
        image = folder / f"canary-{Path(row['image']).name}"
        shutil.copy(manifest.parent / row["image"], image)
        row |= {"id": f"canary-{number}", "image": image.name}
        row["mask"] = str(manifest.parent / row["mask"])
        for column in ("prompt", "prompts"):
            if column in row:
                row[column] = _marked(row[column])
        lines.append(json.dumps(row))
    path = folder / "manifest.jsonl"
    path.write_text("\n".join(lines))
    return path


def _marked(prompts: object) -> object:
    if isinstance(prompts, dict):
        return {level: _marked(texts) for level, texts in prompts.items()}
    if isinstance(prompts, list):
        return [_marked(text) for text in prompts]
    return f"canary {prompts}"


def with_canaries(folder: Path) -> list[str]:
    """Files below a folder with a canary in their name or content."""
    return [
        str(path)
        for path in folder.rglob("*")
        if CANARY in str(path.relative_to(folder)).lower()
        or (path.is_file() and CANARY.encode() in path.read_bytes().lower())
    ]


def evaluate(say: Say, run: Path, named: Path, out: Path, *more: object) -> Ended:
    return say("evaluate", run, "--data", named, "--out", out, "--words", "right,empty", *more)


def test_the_canaries_are_there_without_the_option(
    say: Say, run_copy: Path, named: Path, tmp_path: Path
) -> None:
    assert evaluate(say, run_copy, named, tmp_path / "out").code == 0
    names = {Path(path).name for path in with_canaries(tmp_path / "out")}
    assert names == {"cases.csv", "pictures.json", "summary.json"}


def test_an_evaluation_names_nobody(
    say: Say, run_copy: Path, named: Path, key: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for more in ((), ("--identifier-key", key), ("--json",)):
        ended = evaluate(say, run_copy, named, out, "--no-identifiers", *more)
        assert ended.code == 0, ended.err
        assert CANARY not in ended.out + ended.err
        assert with_canaries(out) == []


def test_whoever_has_the_key_finds_a_case_again(
    say: Say, run_copy: Path, named: Path, key: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    evaluate(say, run_copy, named, out, "--no-identifiers", "--identifier-key", key)
    rows = [json.loads(line) for line in named.read_text().splitlines()]
    ids = {Pseudonyms(KEY).of(row["id"]) for row in rows if row["split"] == "test"}
    lines = (out / "cases.csv").read_text().splitlines()[1:]
    assert {line.split(",")[0] for line in lines} == ids


def test_an_error_of_an_evaluation_names_nobody(
    say: Say, run_copy: Path, named: Path, tmp_path: Path
) -> None:
    named.write_text(named.read_text().replace('"image": "canary', '"image": "canary-gone'))
    ended = evaluate(say, run_copy, named, tmp_path / "out", "--no-identifiers")
    assert ended.code == 3
    assert CANARY not in ended.out + ended.err
    assert "too_many_faults" in ended.err


FORMATS = ("--format", "png,nifti,geojson,coco,parquet,labels")
ALL = (*FORMATS, "--save", "mask,overlay,probability,pseudo")


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_predictions_name_nobody(
    say: Say, trained: Path, named: Path, tmp_path: Path, more: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    (named.parent / "canary-broken.png").write_bytes(b"no picture")
    (named.parent / "canary.pdf").write_bytes(b"%PDF")
    wanted = ("-p", "canary left", "-p", "canary right", "--out", out, *ALL)
    ended = say("predict", trained, named.parent, *wanted, "--no-identifiers", *more)
    assert ended.code == 3, ended.err
    assert CANARY not in ended.out + ended.err
    assert with_canaries(out) == []
    assert "unreadable_file" in (out / "failures.jsonl").read_text()
    assert "skipped" in ended.err


def test_a_manifests_predictions_name_nobody_and_the_key_finds_them(
    say: Say, trained: Path, named: Path, key: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ("--manifest", named, "--split", "test", "--out", out, "--no-identifiers")
    ended = say("predict", trained, *words, "--identifier-key", key)
    assert ended.code == 0, ended.err
    assert CANARY not in ended.out + ended.err
    assert with_canaries(out) == []
    rows = [json.loads(line) for line in named.read_text().splitlines()]
    stems = {Pseudonyms(KEY).of(row["id"]) for row in rows if row["split"] == "test"}
    assert {path.name.removesuffix("-mask.png") for path in out.glob("*-mask.png")} == stems
    # With the key a stopped batch goes on.
    again = say("predict", trained, *words, "--identifier-key", key)
    assert f"{len(stems)} of them done before" in again.out


def test_jobs_that_cannot_be_read_name_nobody(
    say: Say, trained: Path, named: Path, tmp_path: Path
) -> None:
    image = next(named.parent.glob("*.png"))
    jobs = tmp_path / "jobs.jsonl"
    lines = [
        {"image": str(image), "prompt": "canary"},
        {"image": "canary", "prompt": ["canary", 3]},
    ]
    jobs.write_text("\n".join(map(json.dumps, lines)))
    out = tmp_path / "out"
    ended = say("predict", trained, "--jobs", jobs, "--out", out, "--no-identifiers")
    assert ended.code == 3
    assert CANARY not in ended.out + ended.err
    assert with_canaries(out) == []


@pytest.mark.parametrize("name", ["dicom-seg", "secondary-capture"])
def test_dicom_is_refused(say: Say, trained: Path, tmp_path: Path, name: str) -> None:
    wanted = ("a.png", "-p", "left", "--format", name, "--out", tmp_path / "out")
    ended = say("predict", trained, *wanted, "--no-identifiers")
    assert ended.code == 2
    assert f"format {name!r} with --no-identifiers" in ended.err


def test_a_folder_with_names_is_refused(
    say: Say, trained: Path, named: Path, tmp_path: Path
) -> None:
    image = next(named.parent.glob("*.png"))
    wanted = (image, "-p", "left", "--out", tmp_path / "out")
    assert say("predict", trained, *wanted).code == 0
    ended = say("predict", trained, *wanted, "--no-identifiers")
    assert ended.code == 2
    assert "holds predictions with names" in ended.err


def test_members_of_an_archive_name_nobody(
    say: Say, trained: Path, named: Path, tmp_path: Path
) -> None:
    packed = tmp_path / "canary.zip"
    with ZipFile(packed, "w") as archive:
        for image in sorted(named.parent.glob("*.png"))[:2]:
            archive.write(image, f"canary-folder/{image.name}")
        archive.writestr("canary-folder/canary.txt", "canary")
    out = tmp_path / "out"
    ended = say("predict", trained, packed, "-p", "left", "--out", out, "--no-identifiers")
    assert ended.code == 0, ended.err
    assert CANARY not in ended.out + ended.err
    assert with_canaries(out) == []
    lines = [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]
    assert [len(line["member"]) for line in lines] == [16, 16]
