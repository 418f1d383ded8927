"""The examples run as they stand: a few steps here, and in full, where the words must be heard,
among the slow tests.
"""

from __future__ import annotations

import ast
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples"
SCRIPTS = ["plain_loop.py", "lightning_module.py", "monai_transforms.py"]
NEEDS = {"lightning_module.py": "pytorch_lightning"}


def load(script: str) -> dict[str, object]:
    if script in NEEDS:
        pytest.importorskip(NEEDS[script], reason="pip install 'saywhere[examples]'")
    return runpy.run_path(str(EXAMPLES / script))


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_few_steps_of_an_example_give_two_numbers(script: str) -> None:
    right, shuffled = load(script)["main"](2)  # type: ignore[operator]
    assert 0 <= right <= 1
    assert 0 <= shuffled <= 1


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_in_full_the_words_are_heard(script: str) -> None:
    right, shuffled = load(script)["main"]()  # type: ignore[operator]
    assert right > shuffled + 0.25


def test_every_example_is_run_and_is_named_on_the_page() -> None:
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SCRIPTS)
    for path in [*EXAMPLES.glob("*.py"), *EXAMPLES.glob("*.ipynb")]:
        assert f"({path.name})" in page


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_example_says_what_it_is_and_uses_public_names(script: str) -> None:
    tree = ast.parse((EXAMPLES / script).read_text(encoding="utf-8"))
    assert f"python examples/{script}" in (ast.get_docstring(tree) or "")
    private = [
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
    ]
    assert private == []
