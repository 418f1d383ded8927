"""The small run's fixtures, and the command line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from console import Ended, invoke
from small_run import (
    another_encoder,
    config,
    evaluated,
    events,
    image_only,
    manifest,
    one_encoder,
    run_copy,
    shared,
    toml,
    trained,
)

__all__ = [
    "another_encoder",
    "config",
    "evaluated",
    "events",
    "image_only",
    "manifest",
    "one_encoder",
    "run_copy",
    "shared",
    "toml",
    "trained",
]


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """`say(*words)` is `saywhere WORDS`; stdout and stderr are those of the process, whoever writes
    there.
    """
    return lambda *words: invoke(monkeypatch, capfd, *words)
