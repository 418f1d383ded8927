"""The command line as a whole: instant help, one sentence an error, the right exit code, never a
traceback.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from console import Ended
from saywhere.cli.main import app
from saywhere.datasets import SETS

VERBS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
Say = Callable[..., Ended]


def test_version_says_what_it_is_not(say: Say) -> None:
    from saywhere._version import __version__

    assert say("--version") == Ended(
        0, f"saywhere {__version__} (research use only, not a medical device)\n", ""
    )


@pytest.mark.parametrize("words", [("--help",), ("-h",), *((verb, "--help") for verb in VERBS)])
def test_every_verb_explains_itself(say: Say, words: tuple[str, ...]) -> None:
    ended = say(*words)
    assert (ended.code, ended.err) == (0, "")
    assert "Usage" in ended.out


def test_help_and_version_load_nothing_heavy_and_come_at_once() -> None:
    heavy = {
        "torch",
        "numpy",
        "monai",
        "kornia",
        "transformers",
        "matplotlib",
        "scipy",
        "PIL",
        "lightning_fabric",
    }
    lines = (
        "import sys",
        "sys.argv = ['saywhere', sys.argv[1]]",
        "from saywhere.__main__ import main",
        "try: main()",
        "except SystemExit: pass",
        f"print({heavy!r} & set(sys.modules))",
    )
    program = "\n".join(lines)
    for word in ("--help", "--version"):
        before = os.times().children_user
        out = subprocess.run(
            [sys.executable, "-c", program, word], capture_output=True, text=True, check=True
        ).stdout
        assert out.splitlines()[-1] == "set()"
        assert (
            os.times().children_user - before < 0.6
        )  # processor time, since the machine may be busy; 0.3 s at rest


def test_info_comes_without_torch_as_well() -> None:
    found = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "saywhere", "info", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(json.loads(found.stdout)) == {"networks", "encoders", "fusions", "sets"}
    assert "| torch\n" not in found.stderr


def test_as_a_module_and_as_a_script_it_is_the_same() -> None:
    script = Path(sys.executable).with_name("saywhere")
    commands: list[list[str | Path]] = [[sys.executable, "-m", "saywhere"], [script]]
    outs = [
        subprocess.run(
            [*command, "train", "none.toml"], capture_output=True, text=True, check=False
        )
        for command in commands
    ]
    for ended in outs:
        assert (ended.returncode, ended.stdout) == (2, "")
        assert (
            ended.stderr == "saywhere: no configuration file none.toml: "
            "name a TOML file, for instance one of configs/*.toml\n"
        )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("trian",), "No such command 'trian'"),
        (("train",), "Missing argument"),
        (("train", "a.toml", "--epochs", "3"), "No such option"),
        (("predict", "run", "a.png", "--threshold", "1.5"), "less than or equal to 0.999"),
        (("probe", "generator", "x", "--steps", "0"), "greater than or equal to 1"),
    ],
)
def test_a_wrong_word_is_exit_2_with_a_hint(say: Say, words: tuple[str, ...], message: str) -> None:
    ended = say(*words)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.flat_err
    assert "Traceback" not in ended.err


SENTENCES = [
    (
        ("check", "none.jsonl"),
        "no manifest none.jsonl: check the name; `saywhere prepare` makes one",
    ),
    (("evaluate", "none"), "no run and no model 'none'; models: "),
    (("predict", "none", "a.png", "--prompt", "left"), "no run and no model 'none'"),
    (("report", "none"), "none"),
    (("probe", "generator", "none.toml"), "no configuration file none.toml"),
    (("probe", "invariance", "none"), "no run and no model 'none'"),
    (("probe", "invariants", "none"), "no probe 'invariants': did you mean 'invariance'?"),
    (("demo", "--data", "none"), "no manifest none"),
    (
        ("prepare", "kvasr", "--from", "none", "--to", "there"),
        f"no set named 'kvasr'; known are {', '.join(SETS)}: did you mean 'kvasir'?",
    ),
    (("info", "netwroks"), "info knows no 'netwroks'"),
    (("train", "none.toml", "--resume"), "no configuration file none.toml"),
    (
        ("predict", "none"),
        "nothing to predict; INPUT… with --prompt, or --manifest M, or --jobs FILE.jsonl",
    ),
    (("predict", "none", "a.png", "--manifest", "m.jsonl"), "both INPUT and --manifest"),
    (
        ("predict", "none", "--manifest", "m.jsonl", "--prompt", "left"),
        "both --prompt and --manifest; a manifest's rows have their own prompts",
    ),
    (
        ("predict", "none", "a.png", "--prompt", "left", "--split", "test"),
        "--split without --manifest",
    ),
]


@pytest.mark.parametrize(("words", "message"), SENTENCES)
def test_what_is_missing_or_misspelt_is_one_sentence_and_exit_2(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = say(*words)
    assert (ended.code, ended.out) == (2, ""), ended.err
    assert ended.err.count("\n") == 1
    assert ended.err.startswith("saywhere: ")
    assert message in ended.err
    assert not list(tmp_path.iterdir())  # nothing was begun
