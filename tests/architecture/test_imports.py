"""What is cheap stays cheap: the figure's room order is held by import-linter, the lazy imports by
these.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer

from saywhere.cli.main import app

HEAVY = {
    "torch",
    "numpy",
    "scipy",
    "monai",
    "kornia",
    "transformers",
    "lightning_fabric",
    "matplotlib",
    "sklearn",
    "PIL",
    "jinja2",
}
VERBS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
SAYWHERE = """
import sys
from saywhere.__main__ import main
try:
    main()
except SystemExit as exit:
    assert not exit.code, exit.code
"""
TELL = """
names = sorted({name.partition('.')[0] for name in sys.modules})
sys.stderr.write(chr(10) + ' '.join(names))
"""


def loaded_by(code: str, *options: str) -> tuple[set[str], str]:
    """Run code in a fresh interpreter; returns the top-level modules it loaded, and its output."""
    command = [sys.executable, "-c", code + TELL, *options]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    return set(result.stderr.splitlines()[-1].split()), result.stdout


@pytest.mark.parametrize(
    "options",
    [("--help",), ("--version",), ("info",), ("info", "networks", "--json")],
    ids=" ".join,
)
def test_an_instant_answer_loads_nothing_heavy(options: tuple[str, ...]) -> None:
    modules, printed = loaded_by(SAYWHERE, *options)
    assert printed.strip()
    assert modules & HEAVY == set()


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_loads_nothing_heavy(verb: str) -> None:
    modules, printed = loaded_by(SAYWHERE, verb, "--help")
    assert "Usage" in printed
    assert modules & HEAVY == set()


def test_help_does_not_wait_for_the_configurations_schema() -> None:
    modules, _ = loaded_by(SAYWHERE, "--help")
    assert "pydantic" not in modules


def test_importing_saywhere_loads_nothing_heavy() -> None:
    modules, _ = loaded_by("import sys, saywhere; saywhere.__version__; dir(saywhere)")
    assert "saywhere" in modules
    assert modules & HEAVY == set()


def test_what_needs_torch_is_seen_to_load_it() -> None:
    """The tests above can fail."""
    assert "torch" in loaded_by("import sys, saywhere; saywhere.train")[0]
    assert "torch" in loaded_by(SAYWHERE, "info", "network", "unet", "--json")[0]
