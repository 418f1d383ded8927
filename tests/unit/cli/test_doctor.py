"""`saywhere doctor`"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from console import Ended

Say = Callable[..., Ended]


def test_where_all_is_there_it_says_so(say: Say) -> None:
    ended = say("doctor", "--json")
    assert ended.code == 0
    found = {finding["what"]: finding for finding in json.loads(ended.out)}
    assert found["torch"]["found"] == metadata.version("torch")
    assert all(finding["ok"] for finding in found.values() if finding["needed"])
    assert "fastapi (for saywhere[serve])" in found
    assert not {"pytest", "ruff"} & set(found)  # a developer's, not a user's


def test_what_is_missing_or_too_old_is_told_with_what_to_do(
    say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = metadata.version

    def version(name: str) -> str:
        if name in ("kornia", "fastapi"):
            raise metadata.PackageNotFoundError(name)
        return "0.1" if name == "monai" else real(name)

    monkeypatch.setattr(metadata, "version", version)
    ended = say("doctor", "--json")
    assert ended.code == 1
    found = {finding["what"]: finding for finding in json.loads(ended.out)}
    assert (found["kornia"]["found"], found["kornia"]["todo"]) == (
        "not installed",
        "pip install 'kornia>=0.8'",
    )
    assert found["monai"]["found"] == "0.1, wanted >=1.4"
    assert found["fastapi (for saywhere[serve])"]["todo"] == "pip install 'saywhere[serve]'"
    assert not found["fastapi (for saywhere[serve])"]["needed"]


def test_an_extra_alone_is_no_failure(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version

    def version(name: str) -> str:
        if name == "ray":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", version)
    ended = say("doctor")
    assert ended.code == 0
    assert "saywhere[cluster]" in ended.out
    assert "torch" in ended.out
    quiet = say("doctor", "--quiet").out
    assert "saywhere[cluster]" in quiet
    assert "torch" not in quiet


def test_a_cache_that_cannot_be_written_is_told(
    say: Say, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SAYWHERE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("saywhere.cli.doctor.os.access", lambda place, mode: False)
    ended = say("doctor", "--json")
    assert ended.code == 1
    assert "set SAYWHERE_CACHE" in ended.out
