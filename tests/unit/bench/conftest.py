"""The small run's fixtures, and the command line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from console import Ended, invoke
from small_run import config, manifest, one_encoder, shared, trained

__all__ = ["config", "manifest", "one_encoder", "shared", "trained"]


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """`say(*words)` is `saywhere WORDS`."""
    return lambda *words: invoke(monkeypatch, capfd, *words)
