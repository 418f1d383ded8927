"""`saywhere demo`: a thin door (what lies behind it: test_demo_run.py)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console import Ended
from saywhere.cli import demo_run

Say = Callable[..., Ended]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, evaluated: Path) -> list[tuple[Any, ...]]:
    """What the demo was asked for; it says one line and has a run at once."""
    found: list[tuple[Any, ...]] = []

    def at_once(
        folder: Path, data: Path | None, *, say: Callable[[str], None], listen: Any
    ) -> Path:
        found.append((folder, data))
        say("1/4 making phantoms")
        return evaluated

    monkeypatch.setattr(demo_run, "demo", at_once)
    return found


def test_the_reports_place_is_the_last_thing_printed(
    say: Say, asked: list[tuple[Any, ...]], evaluated: Path
) -> None:
    ended = say("demo", "--out", "somewhere")
    assert ended == Ended(0, f"the report: {evaluated / 'report.html'}\n", "1/4 making phantoms\n")
    assert (evaluated / "report.html").is_file()
    assert asked == [(Path("somewhere"), None)]


def test_data_is_passed_on_and_quiet_is_quiet(say: Say, asked: list[tuple[Any, ...]]) -> None:
    assert say("demo", "--data", "images", "--quiet").err == ""
    assert asked == [(Path("runs/demo"), Path("images"))]
