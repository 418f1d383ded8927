"""A cell's seconds are those of all attempts that its result was made in."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from saywhere.experiments.stopwatch import Stopwatch


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_two_killed_attempts_count_up_to_their_last_epochs(
    tmp_path: Path, clock: list[float]
) -> None:
    for wanted in (30, 60):  # seconds after which the attempt's last epoch ended
        attempt = Stopwatch(tmp_path / "seconds")
        clock[0] += 30
        attempt.listen({"event": "epoch"})
        clock[0] += 9
        attempt.listen({"event": "step"})  # killed here
        assert float((tmp_path / "seconds").read_text()) == wanted
    last = Stopwatch(tmp_path / "seconds")
    clock[0] += 5
    assert last.seconds() == 65


def test_what_is_begun_anew_counts_alone(tmp_path: Path, clock: list[float]) -> None:
    (tmp_path / "seconds").write_text("30.0")
    attempt = Stopwatch(tmp_path / "seconds")
    attempt.begin_anew()
    clock[0] += 2
    assert attempt.seconds() == 2


@pytest.mark.parametrize("content", ["", "soon", None])
def test_a_damaged_or_missing_file_counts_nothing(
    tmp_path: Path, clock: list[float], content: str | None
) -> None:
    if content is not None:
        (tmp_path / "seconds").write_text(content)
    assert Stopwatch(tmp_path / "seconds").seconds() == 0
