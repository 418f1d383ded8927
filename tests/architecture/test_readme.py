"""What the pages show is true: commands are accepted, names exist, links lead somewhere. tests/docs
runs what the pages of docs/ show.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import typer
from pages import CONSOLE, DOCS, ROOT, commands, snippets

import saywhere
from saywhere.cli.main import app

PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", *DOCS]
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
VERBS = typer.main.get_command(app).commands
TARGETS = set(
    re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
)


def faults(text: str, folder: Path = ROOT) -> list[str]:
    """Everything on a page, which lies in this folder, that is not so."""
    found = [f"no file {link}" for link in LINK.findall(text) if not (folder / link).exists()]
    for snippet in snippets(text):
        if snippet.language in CONSOLE:
            found += command_faults(snippet.code)
        if snippet.language == "python":
            found += name_faults(snippet.code)
    return found


def command_faults(code: str) -> Iterator[str]:
    for words in commands(code):
        if words[0] == "make":
            yield from (
                f"no target {word}" for word in words[1:] if "=" not in word and word not in TARGETS
            )
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
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "saywhere"
            and node.attr not in dir(saywhere)
        ):
            yield f"no saywhere.{node.attr}"
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("saywhere"):
            yield from (
                f"no {node.module}.{alias.name}"
                for alias in node.names
                if not hasattr(import_module(node.module or ""), alias.name)
            )


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_true(page: str) -> None:
    assert faults((ROOT / page).read_text(encoding="utf-8"), (ROOT / page).parent) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("```console\n$ saywhere trian configs/kvasir.toml\n```", "no verb trian"),
        (
            "```bash\nsaywhere train configs/kvasir.toml --epochs 3  # three\n```",
            "No such option: --epochs",
        ),
        ("```console\n$ saywhere predict \\\n    --prompt polyp\n```", "Missing parameter: run"),
        ("```sh\nmake demos DATA=folder\n```", "no target demos"),
        ("```python\nimport saywhere\nsaywhere.lode('run')\n```", "no saywhere.lode"),
        ("```python\nfrom saywhere.errors import UsagError\n```", "no saywhere.errors.UsagError"),
        (
            "<!-- not run: it needs a cluster -->\n"
            "```console\nsaywhere experiment GRID.toml --at ray\n```",
            "No such option: --at",
        ),
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

<!-- not run: it only shows the form of a mark -->
```python title="version.py"
import saywhere
print(saywhere.__version__)
```
"""
    assert [(snippet.reason, snippet.title) for snippet in snippets(text)] == [
        (None, None),
        ("it only shows the form of a mark", "version.py"),
    ]
    assert faults(text) == []
