"""Shell completion, as a shell asks for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# As pip writes it: completion goes by the program's name.
SHIM = f"#!{sys.executable}\nfrom saywhere.__main__ import main\n\nmain()\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, with `saywhere` on the path."""
    (tmp_path / "saywhere").write_text(SHIM)
    (tmp_path / "saywhere").chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def bash(script: str) -> str:
    return subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=60, check=True
    ).stdout


def test_it_is_installed_for_the_shell_that_asks_and_completes_verbs_and_options(
    home: Path,
) -> None:
    assert "bash completion installed" in bash("saywhere --install-completion; true")
    script = home / ".bash_completions" / "saywhere.sh"
    assert str(script) in (home / ".bashrc").read_text()
    ask = (
        f"source {script}; COMP_WORDS=({{}}); COMP_CWORD={{}}; "
        '_saywhere_completion saywhere; echo "${{COMPREPLY[*]}}"'
    )
    assert bash(ask.format("saywhere tr", 1)).split() == ["train"]
    assert {"--set", "--resume", "--from"} <= set(bash(ask.format("saywhere train -", 2)).split())
