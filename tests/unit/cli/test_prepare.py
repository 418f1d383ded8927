from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from saywhere.cli.prepare import prepare
from saywhere.data.file_checks import Progress
from saywhere.data.manifest import read_manifest
from saywhere.datasets import SETS, qata
from saywhere.datasets.set_writer import Prepared
from saywhere.errors import MissingFile, UsageError
from saywhere.io.labels import LabelMap

app = typer.Typer()
app.command()(prepare)


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, Path]]:
    """The calls of a set's function that does nothing."""
    calls: list[tuple[Path, Path]] = []

    def prepare_nothing(source: Path, target: Path, progress: Progress | None) -> Prepared:
        calls.append((source, target))
        return Prepared(
            target / "manifest.jsonl",
            {"train": 1234},
            ["1,234 rows of split train; 5,716 were published"],
        )

    monkeypatch.setattr(qata, "prepare_qata", prepare_nothing)
    return calls


def test_folders_go_in_counts_and_warnings_come_out(called: list[tuple[Path, Path]]) -> None:
    result = CliRunner().invoke(app, ["qata", "--from", "a", "--to", "b"])
    assert called == [(Path("a"), Path("b"))]
    assert result.exit_code == 0
    assert "train 1,234" in result.stdout
    assert "warning: 1,234 rows of split train; 5,716 were published" in result.stderr


def test_what_comes_next_fits_what_was_found(tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / "mine" / name).mkdir(parents=True)
        Image.new("L", (8, 8)).save(tmp_path / "mine" / name / "a.png")
    words = ["folder", "--from", str(tmp_path / "mine"), "--to", str(tmp_path / "to")]
    result = CliRunner().invoke(app, words)
    to = tmp_path / "to"
    assert result.stdout.splitlines()[-1] == (
        f"next: saywhere describe {to / 'manifest.jsonl'} --to {to / 'described.jsonl'}"
    )


def test_json_is_all_there_is_on_stdout(called: list[tuple[Path, Path]]) -> None:
    result = CliRunner().invoke(app, ["qata", "--from", "a", "--to", "b", "--json"])
    said = json.loads(result.stdout)
    assert (Path(said["manifest"]), said["splits"], len(said["warnings"])) == (
        Path("b/manifest.jsonl"),
        {"train": 1234},
        1,
    )


def test_an_unknown_set_gets_the_nearest_name() -> None:
    result = CliRunner().invoke(app, ["kvasr", "--from", "a", "--to", "b"])
    assert isinstance(result.exception, UsageError)
    assert f"no set named 'kvasr'; known are {', '.join(SETS)}" in str(result.exception)
    assert "did you mean 'kvasir'?" in str(result.exception)


@pytest.mark.parametrize("name", [n for n, one in SETS.items() if not one.is_drawn])
def test_every_set_refuses_an_empty_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(MissingFile, match="found there: nothing"):
        SETS[name].prepare(tmp_path / "a", tmp_path / "b", None)


def test_phantoms_are_drawn_without_a_download(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["phantoms", "--to", str(tmp_path / "set"), "--json"])
    assert result.exit_code == 0, result.output
    manifest = read_manifest(tmp_path / "set")
    counts = {split: len(manifest.split(split)) for split in ("train", "val", "test")}
    assert json.loads(result.stdout)["splits"] == counts
    rows = manifest.rows
    assert len({row.image for row in rows if row.split == "train"}) == 128


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["kvasir", "--to", "b"], "no --from for kvasir: name the folder"),
        (
            ["phantoms", "--from", "a", "--to", "b"],
            "phantoms are drawn, not read from --from: leave --from out",
        ),
        (
            ["attribute-phantoms", "--from", "a", "--to", "b"],
            "attribute-phantoms are drawn, not read from --from: leave --from out",
        ),
        (
            ["kvasir", "--from", "a", "--to", "b", "--seed", "1"],
            "--seed with kvasir: its split is published or fixed: leave --seed out",
        ),
    ],
)
def test_a_folder_to_read_from_is_for_downloads(words: list[str], message: str) -> None:
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, UsageError)
    assert message in str(result.exception)


def test_labels_are_named_by_value(tmp_path: Path) -> None:
    labels = np.zeros((20, 20), np.uint8)
    labels[2:8, 2:8] = 1
    labels[12:16, 2:8] = 2
    for part, picture in (("images", np.dstack([labels] * 3)), ("masks", labels)):
        (tmp_path / "mine" / part).mkdir(parents=True)
        Image.fromarray(picture).save(tmp_path / f"mine/{part}/a.png")
    options = ["--label", "2=polyp", "--label", "1=instrument", "--json"]
    places = ["--from", str(tmp_path / "mine"), "--to", str(tmp_path / "set")]
    result = CliRunner().invoke(app, ["folder", *places, *options])
    assert result.exit_code == 0
    rows = read_manifest(tmp_path / "set").rows
    assert [(row.id, row.prompts["prompt"]) for row in rows] == [
        ("a-polyp", ("polyp",)),
        ("a-instrument", ("instrument",)),
    ]
    refused = CliRunner().invoke(app, ["folder", *places])
    assert isinstance(refused.exception, LabelMap)
    assert "0: 340 px, 1: 36 px, 2: 24 px" in str(refused.exception)
    elsewhere = CliRunner().invoke(app, ["qata", *places, *options])
    assert "--label with qata" in str(elsewhere.exception)


@pytest.mark.parametrize(
    ("change", "code", "warning"),
    [
        ("none", 0, "no text was found"),
        ("foreign", 0, "1 file is skipped"),
        ("subfolder", 0, "1 folder is skipped"),
        ("no mask", 3, "1 of 20 listed cases lacks an image or a mask"),
        ("no image", 3, "1 mask has no image and is left out"),
        ("damaged image", 3, "an image cannot be used"),
        ("damaged mask", 3, "a mask could not be converted"),
    ],
)
def test_it_ends_with_3_where_a_case_is_set_aside(
    change: str, code: int, warning: str, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    for name in ("images", "masks"):
        (mine / name).mkdir(parents=True)
        for number in range(20):
            Image.new("L", (8, 8)).save(mine / name / f"{number}.png")
    match change:
        case "foreign":
            (mine / "images/notes.txt").write_text("none")
            (mine / "images/a.dcm").write_bytes(b"none")
        case "subfolder":
            (mine / "images/series").mkdir()
        case "no mask" | "no image":
            (mine / ("masks" if change == "no mask" else "images") / "0.png").unlink()
        case "damaged image" | "damaged mask":
            folder = "images" if change == "damaged image" else "masks"
            (mine / folder / "0.png").write_bytes(b"none")
    options = ["folder", "--from", str(mine), "--to", str(tmp_path / "to"), "--json"]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == code, result.output
    assert warning in result.stderr
    document = json.loads(result.stdout)
    assert len(document["set_aside"]) == (1 if code else 0)
    assert set(document["set_aside"]) <= set(document["warnings"])


def test_a_split_without_a_row_is_named(tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / "mine" / name).mkdir(parents=True)
        Image.new("L", (8, 8)).save(tmp_path / "mine" / name / "a.png")
    options = ["folder", "--from", str(tmp_path / "mine"), "--to", str(tmp_path / "to"), "--json"]
    document = json.loads(CliRunner().invoke(app, options).stdout)
    lacking = {"train", "val", "test"} - set(document["splits"])
    named = [text for text in document["warnings"] if text.startswith("of 1 row none is in split")]
    assert len(lacking) == len(named) == 2
    assert all(f"split {split}:" in " ".join(named) for split in lacking)


def test_a_folder_of_a_split_with_another_name_is_listed(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        for name in ("images", "masks"):
            (tmp_path / "mine" / split / name).mkdir(parents=True)
            Image.new("L", (8, 8)).save(tmp_path / "mine" / split / name / "a.png")
    options = ["folder", "--from", str(tmp_path / "mine"), "--to", str(tmp_path / "to"), "--json"]
    document = json.loads(CliRunner().invoke(app, options).stdout)
    (skipped,) = document["skipped"]
    assert skipped["path"] == str(tmp_path / "mine/valid")
    assert skipped["reason"] == "a folder of a split is called train, val, test: rename it"


def test_phantoms_keep_another_sets_manifest(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/manifest.jsonl").write_text("{}\n")
    phantoms = ["phantoms", "--to", str(tmp_path / "set"), "--json"]
    (warning,) = json.loads(CliRunner().invoke(app, phantoms).stdout)["warnings"]
    assert warning.endswith("held another manifest: it is kept as manifest.jsonl.1")
    assert (tmp_path / "set/manifest.jsonl.1").read_text() == "{}\n"
    assert json.loads(CliRunner().invoke(app, phantoms).stdout)["warnings"] == []
