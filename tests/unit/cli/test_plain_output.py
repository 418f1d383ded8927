"""Canaries in ids, prompts, paths, names and titles: no verb hands one to the terminal."""

from __future__ import annotations

import io
import json
import logging
import shutil
import sys
from pathlib import Path

import pytest
from rich.table import Table

from console import invoke
from saywhere.cli.plain_output import EscapingStream, console, escaping
from saywhere.cli.progress import TrainingProgress, warn
from saywhere.io.plain_text import visible
from saywhere.runs import locate

CANARY = "c\x1b]0;owned\x07\x1b[2Jc\u202e\x9b31m"


def acts(text: str) -> bool:
    """Is there anything that a terminal would act on?"""
    return visible(text) != text


@pytest.mark.parametrize(
    "words",
    [
        (CANARY,),
        ("predict", CANARY, "x.png", "--prompt", "a"),
        ("predict", "polyp", CANARY, "--prompt", CANARY, "--out", CANARY),
        ("evaluate", CANARY),
        ("train", f"{CANARY}.toml"),
        ("check", CANARY),
        ("report", CANARY),
        ("describe", CANARY, "--to", CANARY),
        ("prepare", CANARY, "--from", CANARY, "--to", CANARY),
        ("calibrate", CANARY),
        ("compare", CANARY),
        ("experiment", CANARY),
        ("export", CANARY),
        ("probe", "halves", CANARY),
        ("info", CANARY),
        ("info", "network", CANARY),
        ("models", "pull", f"/nowhere/{CANARY}"),
        ("models", "push", CANARY, "/nowhere"),
        ("models", "blend", CANARY, CANARY),
        ("serve", CANARY),
        ("cache", CANARY),
        ("predict", "polyp", "--jobs", CANARY, f"--{CANARY}"),
    ],
    ids=lambda words: visible("-".join(words)).replace("\\", "")[:30],
)
def test_what_was_typed_is_repeated_escaped(
    words: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = invoke(monkeypatch, capsys, *words)
    assert ended.code not in (0, 1)
    assert not acts(ended.out + ended.err)
    assert ended.err


def test_ids_and_paths_of_a_manifest_are_escaped_in_tables_and_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = [
        {"id": CANARY, "image": f"{CANARY}.png", "mask": "m.png", "prompt": CANARY},
        {"id": f"[/{CANARY}]", "image": "[bold]x.png", "mask": "m.png", "prompts": {CANARY: "a"}},
    ]
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    for more in ((), ("--json",)):
        ended = invoke(monkeypatch, capsys, "check", manifest, "--encoder", "none", *more)
        assert not acts(ended.out + ended.err)
    document = json.loads(ended.out)
    assert document["rows"] == 2


def test_a_models_name_and_title_are_escaped_and_no_markup(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "shelf" / CANARY.replace("/", "")
    folder.mkdir(parents=True)
    (folder / locate.BUNDLE).write_bytes(b"")
    about = {"about": {"title": f"[/x] [bold] {CANARY}", "task": CANARY}}
    (folder / "config.json").write_text(json.dumps(about), encoding="utf-8")
    monkeypatch.setattr(locate, "places", lambda: [tmp_path / "shelf"])
    for more in ((), ("--json",), ("--quiet",)):
        ended = invoke(monkeypatch, capsys, "models", "list", *more)
        assert ended.code == 0
        assert not acts(ended.out + ended.err)
        if more == ("--json",):
            assert json.loads(ended.out)[0]["title"] == f"[/x] [bold] {CANARY}"
    shutil.rmtree(tmp_path / "shelf")


def test_logs_warnings_and_progress_stay_one_line_each(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with escaping():
        handler = logging.StreamHandler(sys.stderr)
        logging.getLogger("saywhere").addHandler(handler)
        logging.getLogger("saywhere").warning("bad id %s", f"a\n{CANARY}\n2026 INFO all is well")
        logging.getLogger("saywhere").removeHandler(handler)
        warn(f"a\n{CANARY}")
        with TrainingProgress() as progress:
            progress({"event": "warning", "message": f"a\n{CANARY}"})
        err = capsys.readouterr().err
    assert not acts(err)
    assert len(err.splitlines()) == 3


def test_a_consoles_own_colours_pass_and_a_cells_do_not() -> None:
    below = io.StringIO()
    stdout = sys.stdout
    sys.stdout = EscapingStream(below)
    try:
        table = Table("name", title=CANARY)
        table.add_row(CANARY, style="bold")
        console(force_terminal=True).print(table)
    finally:
        sys.stdout = stdout
    drawn = below.getvalue()
    assert "\x1b[1m" in drawn
    assert "\x1b]0" not in drawn
    assert "\x1b[2J" not in drawn
    assert "\\u001b[2J" in drawn


def test_what_was_before_is_there_again_after_a_verb() -> None:
    before = (sys.stdout, sys.stderr, logging.getLogRecordFactory())
    with escaping():
        assert isinstance(sys.stdout, EscapingStream)
    assert (sys.stdout, sys.stderr, logging.getLogRecordFactory()) == before
