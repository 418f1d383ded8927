"""The small run's fixtures, and the command line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from console import Ended, invoke
from small_run import *  # noqa: F403


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """`say(*words)` is `saywhere WORDS`; stdout and stderr are those of the process, whoever writes
    there.
    """
    return lambda *words: invoke(monkeypatch, capfd, *words)
