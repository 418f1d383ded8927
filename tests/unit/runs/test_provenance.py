"""The commit is git's own, however the checkout keeps it, and nothing else of the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from saywhere import runs
from saywhere.runs.provenance import commit

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="compares with git")


def git(folder: Path, *words: str) -> str:
    person = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    return subprocess.run(
        ["git", *person, *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    (root / "src/saywhere").mkdir(parents=True)
    (root / "src/saywhere/__init__.py").touch()
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "one")
    return root


def test_of_a_branch_of_packed_ones_and_of_none(checkout: Path) -> None:
    wanted = git(checkout, "rev-parse", "HEAD")[:12]
    assert commit(checkout / "src/saywhere") == wanted
    git(checkout, "pack-refs", "--all")
    assert commit(checkout / "src/saywhere") == wanted
    git(checkout, "checkout", "-q", "--detach")
    assert commit(checkout / "src/saywhere") == wanted


def test_of_a_second_work_tree(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "worktree", "add", "-q", "-b", "other", str(tmp_path / "other"))
    git(tmp_path / "other", "commit", "-q", "--allow-empty", "-m", "two")
    found = commit(tmp_path / "other/src/saywhere")
    assert (
        found
        == git(tmp_path / "other", "rev-parse", "HEAD")[:12]
        != commit(checkout / "src/saywhere")
    )


def test_of_an_installed_package_none_even_inside_of_a_checkout(checkout: Path) -> None:
    installed = checkout / ".venv/lib/python3.12/site-packages/saywhere"
    shutil.copytree(checkout / "src/saywhere", installed)
    assert commit(installed) is None


@pytest.mark.parametrize(
    "head", ["/home/somebody", "ref: refs/heads/nowhere", "ref: ../../../etc/hostname", ""]
)
def test_what_is_no_commit_is_never_told(checkout: Path, head: str) -> None:
    (checkout / ".git/HEAD").write_text(head)
    assert commit(checkout / "src/saywhere") is None


def test_without_git_none(checkout: Path) -> None:
    shutil.rmtree(checkout / ".git")
    assert commit(checkout / "src/saywhere") is None


ASKED_LATER = """
import subprocess, saywhere.runs
who = ["-c", "user.name=a", "-c", "user.email=a@b"]
subprocess.run(["git", *who, "commit", "-q", "--allow-empty", "-m", "two"], check=True)
from saywhere.runs.provenance import RUNNING, commit
print(RUNNING, commit())
"""


def test_a_process_keeps_the_commit_whose_code_it_imported(checkout: Path) -> None:
    shutil.copytree(
        Path(runs.__file__).parent,
        checkout / "src/saywhere/runs",
        ignore=lambda _, names: {*names} - {"__init__.py", "provenance.py"},
    )
    first = git(checkout, "rev-parse", "HEAD")[:12]
    paths = os.environ | {"PYTHONPATH": str(checkout / "src")}
    told = subprocess.run(
        [sys.executable, "-c", ASKED_LATER],
        cwd=checkout,
        env=paths,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert told == [first, git(checkout, "rev-parse", "HEAD")[:12]]
    assert told[0] != told[1]
