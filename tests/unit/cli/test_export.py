"""`saywhere export`"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from console import Ended
from saywhere.hub import onnx
from saywhere.hub.parity import Parity

Say = Callable[..., Ended]


@pytest.fixture
def as_if_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """tests/unit/hub/test_onnx.py writes real files, which takes long."""

    def export(run: Path, folder: Path, *, n_inputs: int) -> Parity:
        return Parity(n_inputs, 1.5e-6, None)

    monkeypatch.setattr(onnx, "export", export)


def test_it_prints_the_comparison_and_where_the_files_are(
    say: Say, run_copy: Path, as_if_written: None
) -> None:
    ended = say("export", run_copy, "--out", "there", "--inputs", "7")
    assert ended.code == 0
    assert "there: of 7 inputs, no probability differs by more than 1.5e-06" in ended.out
    assert "docs/how-to/export.md" in ended.out


def test_as_json(say: Say, run_copy: Path, as_if_written: None) -> None:
    document = json.loads(say("export", run_copy, "--json").out)
    assert document == {
        "folder": f"{run_copy.name}-onnx",
        "n": 20,
        "probability": 1.5e-6,
        "embedding": None,
        "presence": None,
    }


def test_quiet_prints_nothing(say: Say, run_copy: Path, as_if_written: None) -> None:
    ended = say("export", run_copy, "--quiet")
    assert (ended.code, ended.out) == (0, "")


def test_a_form_that_is_none_is_exit_2_in_one_line(say: Say, tmp_path: Path) -> None:
    ended = say("export", tmp_path, "--to", "tflite")
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert "no export form 'tflite'" in ended.err


def test_no_run_there_is_one_line(say: Say, tmp_path: Path) -> None:
    ended = say("export", tmp_path / "absent")
    assert ended.code == 2
    assert ended.err.count("\n") == 1
