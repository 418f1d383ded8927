"""The generated pages of the reference are what the code says now."""

from __future__ import annotations

import importlib.util
from types import ModuleType
from typing import Any

import pytest
from pages import ROOT
from surface import surface

from saywhere.config import Config


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "write_reference", ROOT / "docs" / "write_reference.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_are_what_the_code_says(writer: ModuleType) -> None:
    assert writer.main(check=True) == 0, "run python docs/write_reference.py"


def test_a_page_that_is_not_is_named(
    writer: ModuleType,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(writer, "FOLDER", tmp_path)
    assert writer.main(check=True) == 1
    assert "commands.md is not what the code says" in capsys.readouterr().err
    assert writer.main(check=False) == 0
    assert writer.main(check=True) == 0


def test_every_key_is_listed_with_a_meaning(writer: ModuleType) -> None:
    text = writer.pages()["configuration.md"]
    lines = {line.split("`")[1]: line for line in text.splitlines() if line.startswith("| `")}
    assert sorted(lines) == surface()["config"]
    for key, line in lines.items():
        assert all(map(str.strip, line.strip("|").split(" | "))), key


def test_every_verb_and_option_is_listed(writer: ModuleType) -> None:
    parts = writer.pages()["commands.md"].split("\n## ")[1:]
    listed = {part.split("\n")[0]: part for part in parts}
    for verb, options in surface()["verbs"].items():
        named = {option for option in options if option.startswith("-")} - {"--help/-h"}
        assert [
            option for option in named if f"`{', '.join(option.split('/'))}" not in listed[verb]
        ] == []


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "number", "minimum": 0, "maximum": 1}, "share"),
        ({"type": "integer", "minimum": 1}, "whole number from 1"),
        (
            {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "null"}]},
            "number above 0 or none",
        ),
        ({"enum": ["a", 1]}, '`"a"` · `1`'),
        (
            {
                "type": "array",
                "items": {"type": "number", "exclusiveMinimum": 0},
                "minItems": 1,
                "maxItems": 3,
            },
            "list of 1 to 3 numbers above 0",
        ),
    ],
)
def test_a_kind_in_words(writer: ModuleType, schema: dict[str, Any], words: str) -> None:
    assert writer.allowed(schema) == words


def test_the_defaults_are_the_configurations(writer: ModuleType) -> None:
    text = writer.pages()["configuration.md"]
    assert f"| `train.epochs` | whole number from 1 | `{Config().train.epochs}` |" in text
