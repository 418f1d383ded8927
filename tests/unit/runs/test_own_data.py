"""A run that is looked at from another folder than the training's."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from saywhere.config import DataConfig
from saywhere.errors import MissingFile
from saywhere.runs.own_data import own_data

LINE = '{"id": "a", "image": "a.png", "prompt": "left"}\n'


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run in project/runs/one, on project/data/manifest.jsonl."""
    data = tmp_path / "project/data"
    data.mkdir(parents=True)
    (data / "manifest.jsonl").write_text(LINE)
    folder = tmp_path / "project/runs/one"
    folder.mkdir(parents=True)
    digest = hashlib.sha256(LINE.encode()).hexdigest()
    (folder / "run.json").write_text(json.dumps({"data": {"digest": digest}}))
    return folder


@pytest.mark.parametrize("named", ["data/manifest.jsonl", "data"])
def test_the_folders_above_the_run_are_tried(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    data = DataConfig(manifest=Path(named))
    monkeypatch.chdir(tmp_path / "project")
    assert own_data(data, run) == data
    monkeypatch.chdir(tmp_path)
    assert own_data(data, run).manifest == tmp_path / "project" / named
    assert own_data(data, Path("project/runs/one")).manifest == tmp_path / "project" / named


def test_another_manifest_of_that_name_is_not_taken(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "project/data/manifest.jsonl").write_text(LINE * 2)
    with pytest.raises(MissingFile, match=r"no manifest data/manifest\.jsonl in .*one.*--data"):
        own_data(DataConfig(manifest=Path("data/manifest.jsonl")), run)


def test_a_moved_run_says_what_to_do(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = run.rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    for manifest in (Path("data/manifest.jsonl"), tmp_path / "gone.jsonl"):
        with pytest.raises(MissingFile, match=r"name it with --data, or call from the folder that"):
            own_data(DataConfig(manifest=manifest), moved)
    assert own_data(DataConfig(), moved).manifest is None
