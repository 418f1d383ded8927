"""What the pages show is true: commands are accepted, names exist, links lead somewhere, marked snippets run.

A ```python block after a line `<!-- runnable -->` is run; it must need no trained model.
"""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest
import typer

import saywhere
from saywhere.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]
BLOCK = re.compile(r"(?P<mark><!-- runnable -->\s*)?^```(?P<language>\w+)[^\n]*\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
VERBS = typer.main.get_command(app).commands
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


class Snippet(NamedTuple):
    language: str
    code: str
    is_runnable: bool


def snippets(text: str) -> list[Snippet]:
    return [Snippet(found["language"], found["code"], bool(found["mark"])) for found in BLOCK.finditer(text)]


def faults(text: str) -> list[str]:
    """Everything on a page that is not so."""
    found = [f"no file {link}" for link in LINK.findall(text) if not (ROOT / link).exists()]
    for snippet in snippets(text):
        if snippet.language in {"console", "bash", "sh", "shell"}:
            found += command_faults(snippet.code)
        if snippet.language == "python":
            found += name_faults(snippet.code)
        if snippet.is_runnable:
            found += run_faults(snippet.code)
    return found


def command_faults(code: str) -> Iterator[str]:
    for line in code.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if words and words[0] == "make":
            yield from (f"no target {word}" for word in words[1:] if "=" not in word and word not in TARGETS)
        if len(words) > 1 and Path(words[0]).name == "saywhere" and not words[1].startswith("-"):
            yield from verb_faults(words[1], words[2:])


def verb_faults(verb: str, options: list[str]) -> Iterator[str]:
    if verb not in VERBS:
        yield f"no verb {verb}"
        return
    try:
        VERBS[verb].make_context(verb, list(options))  # parses, and does not run
    except Exception as error:
        if getattr(error, "exit_code", 1):
            yield f"saywhere {verb}: {error}"


def name_faults(code: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "saywhere" and node.attr not in dir(saywhere):
            yield f"no saywhere.{node.attr}"
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("saywhere"):
            yield from (f"no {node.module}.{alias.name}" for alias in node.names if not hasattr(import_module(node.module or ""), alias.name))


def run_faults(code: str) -> Iterator[str]:
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)
    if result.returncode:
        yield result.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_true(page: str) -> None:
    assert faults((ROOT / page).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("```console\n$ saywhere trian configs/kvasir.toml\n```", "no verb trian"),
        ("```bash\nsaywhere train configs/kvasir.toml --epochs 3  # three\n```", "No such option: --epochs"),
        ("```console\n$ saywhere predict \\\n    --prompt polyp\n```", "Missing parameter: run"),
        ("```sh\nmake demos DATA=folder\n```", "no target demos"),
        ("```python\nimport saywhere\nsaywhere.lode('run')\n```", "no saywhere.lode"),
        ("```python\nfrom saywhere.errors import UsagError\n```", "no saywhere.errors.UsagError"),
        ("<!-- runnable -->\n```python\n1 / 0\n```", "ZeroDivisionError"),
        ("see [this](docs/nowhere.md)", "no file docs/nowhere.md"),
    ],
)
def test_an_untrue_page_is_found(text: str, fault: str) -> None:
    (found,) = faults(text)
    assert fault.lower() in found.lower()


def test_a_true_page_is_left_alone() -> None:
    text = """[a](LICENSE), [b](https://example.org)
```console
$ git clone somewhere && cd saywhere
$ make demo DATA=folder
$ saywhere train configs/kvasir.toml --set train.epochs=2 --resume
$ saywhere --version
```

<!-- runnable -->
```python
import saywhere
print(saywhere.__version__)
```
"""
    assert len(snippets(text)) == 2
    assert faults(text) == []
