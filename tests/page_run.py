"""Run what a page of the documentation shows, block by block, in one folder, as its reader would;
only smaller.

Verbs run in this process (opening torch anew for each would take minutes), `saywhere serve` in a
thread, anything else in bash.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import typer
from pages import CONSOLE, Snippet

from console import invoke
from saywhere.cli.main import app
from unit.serve.served import serving_here

SMALLER = {
    "data.size": 32,
    "network.width": 4,
    "fusion.words_first": 2,
    "train.epochs": 1,
    "train.steps_per_epoch": 2,
    "train.batch_size": 2,
    "train.validate_every": 1,
    "train.precision": "32-true",
    "train.threads": 1,
    "train.device": "cpu",
    "evaluate.bootstrap": 100,
}
"""What a documented training is changed to, on top of all that it says itself."""
VERBS = set(typer.main.get_command(app).commands)
SHOWN_ADDRESS = "127.0.0.1:7860"
SHELL = set("|<>;&$`(")


class PageRun:
    """The folder, the Python names and the server that a page's blocks share."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
    ) -> None:
        self.folder, self.monkeypatch, self.capture = folder, monkeypatch, capture
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.address = SHOWN_ADDRESS
        self.servers = ExitStack()
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "path", [str(folder), *sys.path])  # as `python FILE` has it
        _shim(folder / ".bin")
        monkeypatch.setenv("PATH", f"{folder / '.bin'}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        monkeypatch.setenv("HOME", str(folder))

    def run(self, snippet: Snippet) -> None:
        """Raises AssertionError with what a command said where it failed."""
        code = snippet.code.replace(SHOWN_ADDRESS, self.address)
        if snippet.title:
            place = self.folder / snippet.title
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(code, encoding="utf-8")
        elif snippet.language == "python":
            exec(compile(code, "<the page>", "exec"), self.names)
        elif snippet.language in CONSOLE:
            for line in _lines(code):
                self._command(line.replace(SHOWN_ADDRESS, self.address))

    def _command(self, line: str) -> None:
        words = shlex.split(line, comments=True)
        if words[:1] == ["export"]:
            name, _, value = words[1].partition("=")
            self.monkeypatch.setenv(name, value)
        elif words[:2] == ["saywhere", "serve"]:
            self.servers.close()  # its reader has pressed Ctrl-C
            address = self.servers.enter_context(
                serving_here(self.monkeypatch, lambda: self._verb(line, words[1:]))
            )
            self.address = address.removeprefix("http://").rstrip("/")
        elif words[:1] == ["saywhere"] and words[1] in VERBS and not SHELL & set(line):
            self._verb(line, [*words[1:], *(_smaller(words) if words[1] == "train" else ())])
        else:
            done = subprocess.run(
                ["bash", "-c", f"set -eo pipefail\n{line}\n:"],
                cwd=self.folder,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"

    def _verb(self, line: str, words: list[str]) -> None:
        ended = invoke(self.monkeypatch, self.capture, *words)
        assert ended.code == 0, f"{line}\n{ended.out}\n{ended.err}"


def _lines(code: str) -> Iterator[str]:
    for line in code.replace("\\\n", " ").splitlines():
        if shlex.split(line, comments=True):
            yield line.removeprefix("$ ")


def _smaller(words: list[str]) -> Iterator[str]:
    for key, value in SMALLER.items():
        if key in ("data.size", "network.width") and "--from" in words:
            continue  # the weights to begin with fit one network
        yield from ("--set", f"{key}={value}")


def _shim(folder: Path) -> None:
    """`saywhere` and `python` on the path, of this interpreter."""
    folder.mkdir()
    (folder / "saywhere").write_text(
        f"#!{sys.executable}\nfrom saywhere.__main__ import main\n\nmain()\n"
    )  # as pip writes it
    (folder / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    for program in folder.iterdir():
        program.chmod(0o755)
