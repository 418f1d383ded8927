"""The registry: a new data set is one file and one line; naming the sets loads nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from saywhere.cli.info import tables
from saywhere.cli.main import app
from saywhere.data.file_checks import Progress
from saywhere.datasets import SETS, PublicSet
from saywhere.datasets.set_writer import Case, Prepared, write_set

Draw = Callable[[Path], None]
FILE = "saywhere.datasets.heart"


def prepare_heart(source: Path, target: Path, progress: Progress | None = None) -> Prepared:
    """What the one new file holds."""
    cases = [
        Case(path.stem, path, source / "masks" / path.name, "train")
        for path in sorted((source / "images").iterdir())
    ]
    return write_set(source, target, cases, {"train": 2}, [], progress)


@pytest.fixture
def heart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file beside the others, and a line in `SETS`: all that CONTRIBUTING.md lists."""
    module = ModuleType(FILE)
    monkeypatch.setattr(module, "prepare_heart", prepare_heart, raising=False)
    monkeypatch.setitem(sys.modules, FILE, module)
    monkeypatch.setitem(SETS, "heart", PublicSet("Hearts in ultrasound", "heart.prepare_heart"))


def test_a_new_set_is_one_file_and_one_line(
    heart: None, tmp_path: Path, draw_image: Draw, draw_mask: Draw
) -> None:
    draw_image(tmp_path / "download/images/a.png")
    draw_mask(tmp_path / "download/masks/a.png")
    assert tables()["sets"]["heart"] == {
        "what": "Hearts in ultrasound",
        "prepare": "saywhere prepare heart",
    }
    folders = ["--from", str(tmp_path / "download"), "--to", str(tmp_path / "set")]
    outcome = CliRunner().invoke(app, ["prepare", "heart", *folders, "--json"])
    answer = json.loads(outcome.stdout)
    assert answer["splits"] == {"train": 1}
    assert answer["warnings"] == ["1 row of split train; 2 were published"]


@pytest.mark.parametrize("name", list(SETS))
def test_every_line_names_a_function_and_what_the_set_shows(name: str) -> None:
    assert callable(SETS[name].prepare)
    assert SETS[name].what


def test_naming_the_sets_loads_nothing_heavy() -> None:
    program = (
        "import sys; before = set(sys.modules); from saywhere.datasets import SETS; "
        "print({'numpy', 'torch', 'PIL', 'scipy'} & (set(sys.modules) - before))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == "set()"
