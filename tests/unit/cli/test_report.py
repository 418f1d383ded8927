"""`saywhere report`: a thin door."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import typer
from typer.testing import CliRunner

from saywhere.cli.report import report


def test_report_prints_where_the_page_is(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    command = typer.Typer()
    command.command()(report)
    asked = CliRunner().invoke(command, [str(tmp_path), "--out", str(tmp_path / "page.html")])
    assert (asked.exit_code, asked.stdout.strip()) == (0, str(tmp_path / "page.html"))
    assert CliRunner().invoke(command, [str(tmp_path)]).stdout.strip() == str(
        tmp_path / "report.html"
    )
    assert "not a medical device" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_naming_the_command_loads_neither_torch_nor_jinja() -> None:
    code = (
        "import sys, saywhere.cli.report; "
        "print(sorted({'torch', 'jinja2', 'numpy', 'matplotlib'} & set(sys.modules)))"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )


def test_making_a_report_needs_no_torch(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    code = (
        "import sys, pathlib, saywhere.report.build as b; "
        "b.build_report(pathlib.Path(sys.argv[1])); print('torch' in sys.modules)"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "False"
    )
