"""`--no-identifiers`: no id, path or prompt is in any artefact or on the screen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest
from PIL import Image

from console import Ended
from saywhere.io.pseudonyms import Pseudonyms

Say = Callable[..., Ended]
Teach = Callable[..., Ended]
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


@pytest.fixture
def teach(say: Say, toml: Path, named: Path, key: Path, tmp_path: Path) -> Teach:
    """`teach(*words)` trains on the set of canaries, without identifiers, into tmp_path/run."""

    def train(*words: object) -> Ended:
        place = ("--set", f"data.manifest={named}", "--out", tmp_path / "run")
        return say("train", toml, *place, "--no-identifiers", "--identifier-key", key, *words)

    return train


def test_a_training_names_nobody(teach: Teach, named: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in named.read_text().splitlines()]
    taught = [row for row in rows if row["split"] == "train"]
    broken = taught[0]
    small = next(row for row in taught if row["image"] != broken["image"])
    (named.parent / broken["image"]).write_bytes(b"no picture")
    # A lesion that vanishes is told by its row's id.
    with Image.open(named.parent / small["image"]) as image:
        larger = image.resize((256, 256))
    larger.save(named.parent / "canary-large.png")
    small["image"] = "canary-large.png"
    mask = Image.new("L", larger.size)
    mask.putpixel((3, 3), 255)
    mask.save(named.parent / "canary-mask.png")
    small["mask"] = "canary-mask.png"
    named.write_text("\n".join(map(json.dumps, rows)))
    ended = teach("--set", "data.fault_budget=0.5")
    assert ended.code == 0, ended.err
    assert Pseudonyms(KEY).of(small["id"]) in ended.err
    assert CANARY not in ended.out + ended.err.replace(str(named), "")
    run = tmp_path / "run"
    assert with_canaries(run) == []
    facts = json.loads((run / "run.json").read_text())
    assert facts["data"]["manifest"] == Pseudonyms(KEY).of(named)
    fault = json.loads((run / "quarantine.jsonl").read_text().splitlines()[0])
    assert fault["id"] == Pseudonyms(KEY).of(broken["id"])
    assert fault["kind"] == "unreadable"


def test_the_canaries_of_a_training_are_there_without_the_option(
    say: Say, toml: Path, named: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert say("train", toml, "--set", f"data.manifest={named}", "--out", run).code == 0
    names = {Path(path).name for path in with_canaries(run)}
    assert {"config.toml", "run.json", "state.json"} <= names


def test_a_training_without_names_goes_on_where_it_stands(
    teach: Teach, say: Say, toml: Path, named: Path, tmp_path: Path
) -> None:
    assert teach().code == 0
    run = tmp_path / "run"
    weights = (run / "checkpoints" / "last" / "checkpoint.safetensors").read_bytes()
    again = teach("--resume")
    assert again.code == 0, again.err
    assert (run / "checkpoints" / "last" / "checkpoint.safetensors").read_bytes() == weights
    assert with_canaries(run) == []
    plain = say("train", toml, "--set", f"data.manifest={named}", "--out", run, "--resume")
    assert plain.code == 2
    assert "begun with --no-identifiers" in plain.err
    assert "give it here as well" in plain.err
    longer = teach("--resume", "--set", "train.epochs=3")
    assert longer.code == 2
    # It predicts, and is evaluated where it is told the data.
    assert say("evaluate", run, "--data", named, "--no-identifiers").code == 0
    assert say("evaluate", run).code == 2


@pytest.mark.parametrize("is_evaluated_so", [True, False])
def test_a_report_names_nobody(
    say: Say, run_copy: Path, named: Path, key: Path, tmp_path: Path, is_evaluated_so: bool
) -> None:
    run = tmp_path / "canary-run"
    run_copy.rename(run)
    more = ("--no-identifiers", "--identifier-key", key)
    data = ("--data", named, "--words", "right,empty")
    assert say("evaluate", run, *data, *(more if is_evaluated_so else ())).code == 0
    facts = json.loads((run / "run.json").read_text())
    facts["data"]["manifest"] = str(named)
    facts["warnings"] = ["canary"]
    (run / "run.json").write_text(json.dumps(facts))
    (run / "comparison.json").write_text('{"title": "canary"}')
    page = tmp_path / "page.html"
    assert say("report", run, "--out", page, *more).code == 0
    text = page.read_text()
    assert CANARY not in text.lower()
    rows = [json.loads(line) for line in named.read_text().splitlines()]
    hashed = {Pseudonyms(KEY).of(row["id"]) for row in rows if row["split"] == "test"}
    # Hashed once, whoever did it.
    assert any(name in text for name in hashed)
    assert Pseudonyms(KEY).of(named) in text
    assert say("report", run, "--out", page).code == 0
    assert CANARY in page.read_text().lower()
