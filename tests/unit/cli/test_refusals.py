"""A mistyped run, model or folder is refused at once, before torch is loaded."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from saywhere.cli.main import app

PHANTOMS = str(Path(__file__).parents[3] / "configs/phantoms.toml")
CALLS = {
    "train config": ["train", "{}"],
    "train start": ["train", PHANTOMS, "--from", "{}"],
    "evaluate run": ["evaluate", "{}"],
    "bench model": ["bench", "--model", "{}"],
    "calibrate run": ["calibrate", "{}"],
    "predict run": ["predict", "{}", "image.png", "--prompt", "left"],
    "report run": ["report", "{}"],
    "probe subject": ["probe", "generator", "{}"],
    "probe image_only": ["probe", "invariance", "spotted", "--image-only", "{}"],
    "compare results": ["compare", "{}", "runs/spotted"],
    "serve runs": ["serve", "{}"],
    "export run": ["export", "{}"],
    "models push run": ["models", "push", "{}", "there"],
    "models blend run": ["models", "blend", "{}", "spotted"],
    "models blend start": ["models", "blend", "spotted", "{}"],
}
"""Each argument that names a run, a model or a table of results: a call with a slip at {}."""
NO_MODEL = {"report run", "compare results"}  # they read what a training or a grid wrote
FORBIDDEN = ("torch", "monai", "kornia", "transformers", "lightning_fabric", "scipy")
PROGRAM = f"""
import sys
for name in {FORBIDDEN}:
    sys.modules[name] = None  # importing it raises
from saywhere.__main__ import main
main()
"""
MOST_SECONDS = 1.0
"""Of processor time; the machine may be busy with other work."""
GROUPS = ("models", "cache")


def verbs() -> dict[str, Any]:
    """Every verb, those of groups as `models push`."""
    top: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    single = {name: verb for name, verb in top.items() if name not in GROUPS}
    groups = {name: top[name].commands for name in GROUPS}
    for group, commands in groups.items():
        single |= {f"{group} {name}": verb for name, verb in commands.items()}
    return single


def takes_run(parameter: Any) -> bool:
    """Does it take a path that names a run, a model or a table, by what its help says?"""
    is_input = parameter.name != "out" and not getattr(parameter, "is_flag", False)
    text = getattr(parameter, "help", None) or ""
    return is_input and bool(
        re.search(r"\b(run|runs|run's) \(?or |run director|\ba run\b|table's folder", text, re.I)
    )


def test_every_argument_that_takes_a_run_has_a_call() -> None:
    taking = {
        f"{name} {parameter.name}"
        for name, verb in verbs().items()
        for parameter in verb.params
        if takes_run(parameter)
    }
    assert taking == set(CALLS)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a model called `spotted`, a run at runs/spotted, and a table beside it."""
    for weights in ("models/spotted/model.safetensors", "runs/spotted/run.json"):
        (tmp_path / weights).parent.mkdir(parents=True)
        (tmp_path / weights).touch()
    return tmp_path


def refused(place: Path, words: list[str]) -> tuple[str, float]:
    """What a call in `place` writes to stderr, without torch, and its processor seconds."""
    before = os.times()
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        cwd=place,
        env=os.environ | {"SAYWHERE_MODELS": str(place / "models")},
        capture_output=True,
        text=True,
        check=False,
    )
    after = os.times()
    assert (ended.returncode, ended.stdout) == (2, ""), ended.stderr
    assert ended.stderr.startswith("saywhere: ")
    assert ended.stderr.count("\n") == 1
    return ended.stderr, after.children_user - before.children_user


@pytest.mark.parametrize("call", [*CALLS.values(), ["compare", "{}"]], ids=" ".join)
def test_a_mistyped_run_is_refused_with_the_nearest_name(place: Path, call: list[str]) -> None:
    message, seconds = refused(place, [word.format("runs/spoted") for word in call])
    assert "runs/spoted" in message
    assert "did you mean 'runs/spotted'?" in message
    assert seconds < MOST_SECONDS


@pytest.mark.parametrize("argument", sorted(set(CALLS) - NO_MODEL))
def test_a_mistyped_model_is_refused_with_the_nearest_name(place: Path, argument: str) -> None:
    message, seconds = refused(place, [word.format("spoted") for word in CALLS[argument]])
    assert "no run and no model 'spoted'; models: " in message
    assert "did you mean 'spotted'" in message
    assert seconds < MOST_SECONDS


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["image.png", "spotted"], "saywhere predict spotted image.png"),
        (["a.png", "spotted", "b.png"], "saywhere predict spotted a.png b.png"),
        (["a.JPG", "b.png"], "saywhere predict RUN a.JPG b.png"),
    ],
)
def test_swapped_arguments_of_predict_get_a_hint(
    place: Path, words: list[str], remedy: str
) -> None:
    message, _ = refused(place, ["predict", *words, "--prompt", "left"])
    assert message == f"saywhere: {words[0]} is an image: did you mean `{remedy}`?\n"


def test_a_folder_of_images_before_a_model_gets_the_hint_too(place: Path) -> None:
    (place / "pictures").mkdir()
    message, _ = refused(place, ["predict", "pictures", "spotted", "--prompt", "left"])
    remedy = "did you mean `saywhere predict spotted pictures`?"
    assert message == f"saywhere: pictures is no run and no model: {remedy}\n"
