"""How control flows: a configuration is resolved once, and models say what they can.

After it was resolved, a room is handed its own section (`TrainConfig`, `TextConfig`), never the
whole `Config`. No fusion is told by its name and no model by its class, but where models are built.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from saywhere.config.fusions import FUSIONS

SOURCE = Path(__file__).parents[2] / "src" / "saywhere"
FILES = sorted(SOURCE.rglob("*.py"))
WHOLE = {
    "training/trainer.py": "a training's entry: hands each part its section",
    "training/setup.py": "resolves rows, prompts and scale",
    "modeling/build.py": "the one assembler",
    "runs/checkpoint.py": "stores it beside the weights",
    "runs/directory.py": "stores it as config.toml, and refuses another one at a resumption",
    "runs/config_diff.py": "compares two",
    "runs/prompt_facts_file.py": "data, text and fusion together say which prompts a run learned",
    "runs/older_values.py": "completes a stored one",
    "runs/model_limits.py": "looks through every key of a stranger's",
    "training/launcher.py": "starts whole trainings in other processes",
    "training/processes.py": "brings it and what was launched together, before it is resolved",
    "training/kept_choice.py": "the speed of a step depends on five sections",
    "training/loggers.py": "logs every key of it",
    "bench/our_training.py": "runs a whole training",
    "bench/naive_training.py": "the same, written by hand",
    "bench/training.py": "times the two, with one configuration",
    "bench/words_cost.py": "trains with words and without",
    "evaluation/probes/generator.py": "a training's entry as well: of the generator alone",
    "experiments/grid.py": "makes one for each cell",
    "cli/demo_run.py": "makes the demo's",
    "inference/identity.py": "every key of it tells one model from another",
    "inference/runtimes/runtime.py": "a loaded model says what it was trained with",
    "hub/bundle.py": "stores it in a model's folder",
    "report/origin.py": "lists every key of it",
}
"""File → why it takes the whole configuration. All others take sections."""
MODEL_ROOMS = ("modeling", "fusion")
ASSEMBLERS = {"modeling/build.py", "config/model_sections.py", "config/fusions.py"}
"""Where a fusion's name decides what is made, or allowed."""
OWN_PARTS = {
    "fusion/pseudo_image.py": "a fusion's start is given the parts that its own build made",
    "modeling/early_fusion.py": "the same, of the one fusion that it wraps",
    "bench/naive_training.py": "its steps are written for one model; the suite refuses others",
}
"""Assertions for the type checker alone: nothing is decided by them."""


def shown(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def takes_whole(code: str) -> Iterator[int]:
    """Lines where a parameter or a field is annotated with the whole `Config`."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, (ast.arg, ast.AnnAssign)) and node.annotation is not None:
            names = {n.id for n in ast.walk(node.annotation) if isinstance(n, ast.Name)}
            if "Config" in names:
                yield node.lineno


def compares_fusions(code: str) -> Iterator[int]:
    """Lines that compare a fusion's name, with a literal or at all."""
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Compare):
            continue
        texts = [ast.unparse(side) for side in (node.left, *node.comparators)]
        is_name = any(text.endswith(("fusion.name", "['fusion.name']")) for text in texts)
        values = {repr(n.value) for n in ast.walk(node) if isinstance(n, ast.Constant)}
        # "none" is a value of other keys as well.
        names = {repr(name) for name in FUSIONS if name != "none"}
        if is_name or names & values:
            yield node.lineno


def tells_models(code: str, classes: set[str]) -> Iterator[int]:
    """Lines that ask a value for one of these classes."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"isinstance", "issubclass"}:
            names = {n.id for n in ast.walk(node.args[1]) if isinstance(n, ast.Name)}
            if names & classes:
                yield node.lineno


def model_classes() -> set[str]:
    """Every class of the rooms that hold models and their parts."""
    names = {"Model"}
    for room in MODEL_ROOMS:
        for path in (SOURCE / room).glob("*.py"):
            body = ast.parse(path.read_text(encoding="utf-8")).body
            names |= {node.name for node in body if isinstance(node, ast.ClassDef)}
    return names


def test_only_listed_files_take_the_whole_configuration() -> None:
    takers = {shown(path) for path in FILES if any(takes_whole(path.read_text(encoding="utf-8")))}
    # Both ways: a file that no longer takes it leaves the list.
    assert takers == set(WHOLE)


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_no_fusion_is_told_by_its_name(path: Path) -> None:
    if shown(path) not in ASSEMBLERS:
        assert list(compares_fusions(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_no_model_is_told_by_its_class(path: Path) -> None:
    if shown(path) not in OWN_PARTS:
        assert list(tells_models(path.read_text(encoding="utf-8"), model_classes())) == []


@pytest.mark.parametrize(
    "code",
    [
        "def run(config: Config) -> None: ...",
        "def run(*, config: Config | None = None) -> None: ...",
        "class Task:\n    config: Config",
    ],
)
def test_a_whole_configuration_is_seen(code: str) -> None:
    assert len(list(takes_whole(code))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "is_early = config.fusion.name == 'early'",
        "is_none = 'none' != settings['fusion.name']",
        "is_rival = name in ('film', 'late-concat')",
    ],
)
def test_a_comparison_of_fusions_is_seen(code: str) -> None:
    assert len(list(compares_fusions(code))) == 1


def test_a_question_for_a_models_class_is_seen() -> None:
    assert {"ReferringSegmenter", "TextBranch", "Film"} <= model_classes()
    code = "is_early = isinstance(model, (int, ReferringSegmenter))"
    assert list(tells_models(code, model_classes())) == [1]
