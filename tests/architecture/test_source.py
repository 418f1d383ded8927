"""The house rules that no linter knows: size, names, docstrings, and no door for code in a file of
data.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
FILES = sorted(SOURCE.rglob("*.py"))
TEXTS = sorted(path for path in SOURCE.rglob("*") if path.suffix in {".py", ".j2", ".css", ".js"})
MAX_LINES = 400
"""of a file; a longer one says why in its docstring ("Long because …")"""
NAMELESS_ROOMS = {"utils", "util", "helpers", "common", "misc"}


def shown(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


@pytest.mark.parametrize("path", TEXTS, ids=shown)
def test_no_file_needs_an_apology_for_its_size(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_LINES or "Long because" in text[:600]


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_everything_public_says_what_it_is(path: Path) -> None:
    assert list(undocumented(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_nothing_in_a_file_of_data_can_run(path: Path) -> None:
    assert list(unsafe(path.read_text(encoding="utf-8"))) == []


def test_every_room_has_a_name() -> None:
    assert FILES
    assert {path.stem for path in FILES} & NAMELESS_ROOMS == set()


def undocumented(code: str) -> Iterator[str]:
    """Public functions and classes of a module that have no docstring."""
    for node in ast.parse(code).body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            yield node.name


def unsafe(code: str) -> Iterator[str]:
    """Calls that could run code out of a file: pickles, evaluated text, archives that choose where
    they unpack.
    """
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        if name in {
            "eval",
            "exec",
            "pickle.load",
            "pickle.loads",
            "pickle.Unpickler",
        } or name.endswith(".extractall"):
            yield f"line {node.lineno}: {name}"
        if name == "torch.load" and keywords.get("weights_only") != "True":
            yield f"line {node.lineno}: torch.load without weights_only=True"
        for keyword in {"trust_remote_code", "allow_pickle"} & set(keywords):
            if keywords[keyword] != "False":
                yield f"line {node.lineno}: {keyword}"


@pytest.mark.parametrize(
    "code",
    [
        "eval(text)",
        "pickle.load(file)",
        "torch.load(path)",
        "torch.load(path, weights_only=flag)",
        "np.load(path, allow_pickle=True)",
        "AutoModel.from_pretrained(path, trust_remote_code=yes)",
        "archive.extractall(folder)",
    ],
)
def test_an_unsafe_call_is_found(code: str) -> None:
    assert len(list(unsafe(code))) == 1


def test_a_safe_call_is_left_alone() -> None:
    code = """
model.eval()
torch.load(path, weights_only=True)
np.load(path, allow_pickle=False)
"""
    assert list(unsafe(code)) == []


def test_a_missing_docstring_is_found() -> None:
    assert list(
        undocumented("def a(): ...\nclass B: ...\ndef _c(): ...\ndef d():\n    'Says.'")
    ) == ["a", "B"]
