"""`saywhere WORDS` in this process: what it printed and its exit code."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest

from saywhere.__main__ import main


@dataclass
class Ended:
    """Exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def flat_err(self) -> str:
        """Without the box that typer draws around its own errors."""
        return " ".join(self.err.replace("│", " ").split())


def invoke(
    monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str], *words: object
) -> Ended:
    capture.readouterr()
    monkeypatch.setattr(sys, "argv", ["saywhere", *map(str, words)])
    code: object = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code or 0
    out, err = capture.readouterr()
    assert isinstance(code, int)
    return Ended(code, out, err)
