"""The run directory: numbered, never overwritten, resumed only as it began."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from saywhere.config import Config
from saywhere.errors import MissingFile, NotWritable, UsageError
from saywhere.runs import directory
from saywhere.runs.history import EpochRow


def test_a_taken_name_gets_a_number_and_what_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "kvasir").mkdir()
    (tmp_path / "kvasir" / "precious.txt").write_text("mine")
    folders = [directory.create(tmp_path / "kvasir", "ignored").folder.name for _ in range(3)]
    assert folders == ["kvasir-2", "kvasir-3", "kvasir-4"]
    assert [path.name for path in (tmp_path / "kvasir").iterdir()] == ["precious.txt"]


def test_an_empty_folder_is_used_and_a_file_of_that_name_is_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    assert directory.create(tmp_path / "empty", "").folder == tmp_path / "empty"
    assert directory.create(tmp_path / "file", "").folder == tmp_path / "file-2"


def test_without_a_wish_the_folder_is_runs_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert [str(directory.create(None, "polyps").folder) for _ in range(2)] == [
        "runs/polyps",
        "runs/polyps-2",
    ]


def test_twenty_that_start_at_once_get_twenty_folders(tmp_path: Path) -> None:
    with ThreadPoolExecutor(20) as pool:
        folders = list(
            pool.map(lambda _: directory.create(tmp_path / "same", "").folder, range(20))
        )
    assert len(set(folders)) == 20


def test_a_folder_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotWritable, match=r"cannot write .*below"):
        directory.create(tmp_path / "file" / "below", "")


def test_the_newest_run_of_a_name_is_resumed_and_of_no_longer_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    monkeypatch.chdir(tmp_path)
    for age, name in enumerate(["polyps", "polyps-2", "polyps-10", "polyps_lite", "polyps-lite"]):
        folder = directory.create(None, name).folder
        for path in (folder / "checkpoints", folder):
            os.utime(path, (1_700_000_000 + age, 1_700_000_000 + age))
    assert directory.reopen(None, "polyps").folder.name == "polyps-10"


def test_where_no_run_stands_yet_there_is_none_to_go_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert directory.reopen(None, "polyps") is None
    assert directory.reopen(tmp_path / "elsewhere", "polyps") is None
    (tmp_path / "empty").mkdir()
    assert directory.reopen(tmp_path / "empty", "polyps") is None


def test_a_folder_of_something_else_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(MissingFile, match=r"is no run: name a run directory, or a place"):
        directory.reopen(tmp_path, "polyps")
    with pytest.raises(MissingFile, match=r"notes\.txt is no run"):
        directory.reopen(tmp_path / "notes.txt", "polyps")


def test_what_a_killed_write_left_is_swept(tmp_path: Path) -> None:
    here = directory.create(tmp_path / "run", "")
    here.last.mkdir()
    for folder in (here.folder, here.last):
        (folder / ".run.json.4194999.tmp").write_text(
            "half"
        )  # above Linux's highest process number on most machines
    directory.reopen(here.folder, "")
    assert not list(tmp_path.rglob("*.tmp"))


def test_another_configuration_is_refused_by_its_key() -> None:
    saved = Config()
    with pytest.raises(
        UsageError,
        match=r"optimizer\.learning_rate was 0\.001 and is now 0\.01; a run goes on as it began",
    ):
        directory.same_config(saved, saved.replace(**{"optimizer.learning_rate": 0.01}))
    with pytest.raises(UsageError, match=r"train\.precision was 'bf16-mixed' and is now '32-true'"):
        directory.same_config(
            saved.replace(**{"train.precision": "bf16-mixed"}),
            saved.replace(**{"train.precision": "32-true"}),
        )


def test_what_auto_chose_may_differ() -> None:
    directory.same_config(
        Config().replace(
            **{"train.precision": "bf16-mixed", "train.channels_last": False, "train.threads": 7}
        ),
        Config(),
    )


def test_one_arm_said_in_two_ways_is_one() -> None:
    directory.same_config(Config(), Config().replace(**{"fusion.arm": "fuse-first"}))
    with pytest.raises(UsageError, match=r"fusion\.arm was 'fuse-first' and is now 'swap'"):
        directory.same_config(Config(), Config().replace(**{"fusion.arm": "swap"}))


def test_without_a_checkpoint_config_toml_decides(tmp_path: Path) -> None:
    here = directory.create(tmp_path / "run", "")
    begun = Config().replace(**{"train.precision": "32-true", "train.epochs": 7})
    assert here.config(begun, None) == begun  # nothing written yet
    here.write_config(begun)
    assert here.config(begun.replace(**{"train.precision": "auto"}), None) == begun
    with pytest.raises(UsageError, match=r"train\.epochs was 7 and is now 8"):
        here.config(begun.replace(**{"train.epochs": 8}), None)


def test_another_manifest_is_refused(tmp_path: Path) -> None:
    here = directory.create(tmp_path / "run", "")
    here.same_data("a")  # nothing is known yet
    here.write_facts(data={"digest": "a"})
    here.same_data("a")
    with pytest.raises(UsageError, match="the manifest has changed since this run began"):
        here.same_data("b")


def test_another_file_of_first_weights_is_refused(tmp_path: Path) -> None:
    here = directory.create(tmp_path / "run", "")
    here.same_weights({"file": "vit.npz", "sha256": "a"})  # nothing is known yet
    here.write_facts(weights={"file": "vit.npz", "sha256": "a"})
    here.same_weights({"file": "vit.npz", "sha256": "a"})
    with pytest.raises(
        UsageError,
        match=r"network\.weights has changed since this run began in .*: bring the file back",
    ):
        here.same_weights({"file": "vit.npz", "sha256": "b"})


def test_facts_are_added_and_a_damaged_file_is_named(tmp_path: Path) -> None:
    here = directory.create(tmp_path / "run", "")
    here.write_facts(status="running", seed=1)
    here.write_facts(status="finished")
    assert json.loads((here.folder / "run.json").read_text()) == {"status": "finished", "seed": 1}
    for damage in ('{"status": "fin', "[1, 2]", "\xff"):
        (here.folder / "run.json").write_text(damage, encoding="latin-1")
        with pytest.raises(UsageError, match=r"run\.json is damaged in .*run\.json"):
            here.facts()


def test_metrics_are_the_same_numbers_in_both_files(tmp_path: Path) -> None:
    import csv

    here = directory.create(tmp_path / "run", "")
    first = EpochRow(1, 0.1 + 0.2, 0.1, 0.2, 1e-17)
    second = EpochRow(2, 1e-17, 0.1, 0.2, 1e-3, 1 / 3, 0.5, 1e-9, 0.25)
    here.write_metrics([first, second])
    lines = (here.folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [first.to_json(), second.to_json()]
    with (here.folder / "metrics.csv").open() as sheet:
        rows = list(csv.DictReader(sheet))
    for row, wanted in zip(rows, (first, second), strict=True):
        assert {key: float(value) for key, value in row.items() if value} == wanted.to_json()


def test_a_run_goes_on_with_its_own_threads_unless_others_are_allowed(tmp_path: Path) -> None:
    begun = Config().replace(**{"train.threads": 2})
    run = directory.Run(tmp_path)
    seven = Config().replace(**{"train.threads": 7})
    assert run.config(Config(), begun).train.threads == 2
    with pytest.raises(UsageError, match=r"train\.threads was 2 and is now 7.*--other-threads"):
        run.config(seven, begun)
    assert run.config(seven, begun, other_threads=True) == seven
    # It was killed before its number was settled.
    assert run.config(seven, Config()) == seven
