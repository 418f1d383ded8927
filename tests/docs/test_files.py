"""reference/files.md names what really lies on disk."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from pages import ROOT

import saywhere
from saywhere.data import folds, prompt_frames
from saywhere.data.manifest_row import COLUMNS
from saywhere.report.build import build_report
from saywhere.runs import picture_file, presence_file


def named(heading: str) -> list[str]:
    """The names in the first column of a part's table."""
    part = (
        (ROOT / "docs/reference/files.md")
        .read_text(encoding="utf-8")
        .split(f"## {heading}\n")[1]
        .split("\n## ")[0]
    )
    return [
        name
        for row in re.findall(r"^\| ([^|]*`[^|]*)\|", part, re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", row)
    ]


def test_a_run_holds_what_the_page_says(evaluated: Path, tmp_path: Path) -> None:
    evaluated = shutil.copytree(evaluated, tmp_path / "run")
    saywhere.calibrate(evaluated, split="train")
    build_report(evaluated, tmp_path / "report.html")
    listed = named("Run directory")
    assert "config.toml" in listed
    assert [
        name
        for name in listed
        if not (evaluated / name).exists()
        and not (tmp_path / name).exists()
        # They take more pictures than a small run has, and a presence head.
        and name not in (picture_file.FILE, presence_file.FILE)
    ] == []
    assert {path.name for path in evaluated.iterdir()} - {Path(name).name for name in listed} - {
        "checkpoints",
        "predictions",
    } == set()
    assert (evaluated / "checkpoints/best/checkpoint.safetensors").is_file()


def test_a_manifests_columns_are_all_listed() -> None:
    # A row's `extra` holds the last two, which rules of their own read.
    assert set(named("Manifest")) == COLUMNS | {folds.COLUMN, prompt_frames.ORIENTATION}
