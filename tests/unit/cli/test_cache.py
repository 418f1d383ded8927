"""`saywhere cache list|clear`"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from console import Ended

Say = Callable[..., Ended]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SAYWHERE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_a_training_left_is_listed_and_cleared_and_the_next_makes_it_anew(
    say: Say, toml: Path, folder: Path, tmp_path: Path
) -> None:
    short = (
        toml,
        "--set",
        "train.epochs=1",
        "--set",
        "train.steps_per_epoch=1",
        "--set",
        "train.precision=32-true",
    )
    assert say("train", *short, "--out", tmp_path / "one").code == 0
    found = json.loads(say("cache", "list", "--json").out)
    assert {entry["what"].lstrip("0123456789 ") for entry in found} == {
        "decoded images, 32 px",
        "text embeddings of minilm",
        "what a check found of a data set's files",
    }
    assert sum(entry["n_bytes"] for entry in found) == sum(
        path.stat().st_size for path in folder.rglob("*") if path.is_file()
    )
    assert say("cache", "list", "--quiet").out.splitlines() == [entry["folder"] for entry in found]
    assert "decoded images" in say("cache", "list").out
    assert say("cache", "clear").out.startswith(f"{len(found)} folders removed")
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    assert json.loads(say("cache", "list", "--json").out) == []
    assert say("train", *short, "--out", tmp_path / "two").code == 0
    one, two = (
        tmp_path / run / "checkpoints/last/checkpoint.safetensors" for run in ("one", "two")
    )
    assert one.read_bytes() == two.read_bytes()


def test_only_what_was_long_unused_goes(say: Say, folder: Path) -> None:
    old, new, words = f"stores/{'a' * 24}", f"stores/{'b' * 24}", f"embeddings/minilm-{'c' * 16}"
    for name, days in ((old, 40), (new, 2), (words, 31)):
        (folder / name).mkdir(parents=True)
        (folder / name / "complete.json").write_bytes(b"12345")
        os.utime(folder / name, times=(then := time.time() - days * 86_400, then))
    gone = json.loads(say("cache", "clear", "--unused", "30", "--json").out)
    assert [Path(entry["folder"]).relative_to(folder).as_posix() for entry in gone] == [old, words]
    assert all(entry["n_bytes"] == 5 for entry in gone)
    assert [path.relative_to(folder).as_posix() for path in folder.glob("*/*")] == [new]
    assert say("cache", "clear", "--unused", "-1").code == 2
    assert say("cache", "clear", "--quiet").out == ""


def test_what_stays_is_told_with_exit_code_1(
    say: Say, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "stores" / ("a" * 24)).mkdir(parents=True)

    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(13, "in use")

    monkeypatch.setattr(Path, "rename", refuse)
    ended = say("cache", "clear")
    assert ended.code == 1
    assert "could not be removed" in ended.flat_err


def test_an_empty_cache_is_no_error(say: Say, folder: Path) -> None:
    assert json.loads(say("cache", "list", "--json").out) == []
    assert say("cache", "list", "--quiet").out == ""
    assert say("cache", "clear").out.startswith("0 folders removed")
    assert not folder.exists()
