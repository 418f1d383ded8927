"""The bans of the style hold for the whole tree; the list of offenders that remain only shrinks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import style

ALLOWED: dict[str, dict[str, int]] = json.loads(style.ALLOWED.read_text())
ANEW = "python tests/architecture/style.py"
SAME_NAMES = {
    "build": "modeling/build assembles a model, report/build a page",
    "cache": "text/cache keeps embeddings, io/cache is the folder of all caches",
    "errors": "serve/errors turns those of errors.py into answers",
    "generator": "the probe of fusion/generator",
    "geometry": "io/geometry is where a picture lies, transforms/geometry turns pictures",
    "grid": "captions/grid lays a grid on a mask, experiments/grid is a table's axes",
    "halves": "the probe of data/halves",
    "mosaic": "the probe of data/mosaic",
    "registry": "networks by name, models by name",
    "targets": "bench/targets are our goals, data/targets what masks show",
}
"""Modules of one name that a reader cannot mix up: in different rooms, and why."""


@pytest.fixture(scope="module")
def offences() -> dict[str, dict[str, list[int]]]:
    return style.offences()


@pytest.mark.parametrize("rule", style.RULES)
def test_no_file_breaks_a_rule(offences: dict[str, dict[str, list[int]]], rule: str) -> None:
    allowed = ALLOWED.get(rule, {})
    new = {
        path: lines for path, lines in offences[rule].items() if len(lines) > allowed.get(path, 0)
    }
    assert not new, f"{style.RULES[rule].__doc__} See these lines."


@pytest.mark.parametrize("rule", sorted(style.RULES))
def test_no_file_is_allowed_more_than_it_breaks(
    offences: dict[str, dict[str, list[int]]], rule: str
) -> None:
    mended = {
        path: n
        for path, n in ALLOWED.get(rule, {}).items()
        if len(offences[rule].get(path, ())) < n
    }
    assert not mended, f"these files were mended: {ANEW}"


def test_the_list_names_known_rules() -> None:
    assert set(ALLOWED) <= set(style.RULES)


def test_no_two_modules_have_one_name() -> None:
    assert set(style.same_names()) == set(SAME_NAMES)


def lines_of(rule: str, code: str, path: str = "src/saywhere/a.py") -> list[int]:
    return list(style.RULES[rule](style.Source(Path(path), code)))


BROKEN = [
    ("long_line", "a = 1\nb = '" + "x" * 96 + "'", [2]),
    ("skipped_format", "a = 1  # fmt: skip\n# fmt: off", [1, 2]),
    ("nested_comprehension", "[[b for b in a] for a in c]", [1]),
    ("nested_comprehension", "[sum(b for b in a if all(x for x in b)) for a in c]", [1]),
    ("nested_conditional", "a if b else c if d else e", [1]),
    ("walrus_in_comprehension", "[b for a in c if (b := f(a))]", [1]),
    ("unrelated_tuple", "a, b = [], 3", [1]),
    ("unrelated_tuple", "self.a, self.b = a, f(b)", [1]),
    ("undocumented", "'Says.'\ndef a(): ...\nclass B:\n    'Says.'\n    def c(self): ...", [2, 5]),
    ("inline_section", "def a():\n    'Says. Raises UsageError.'", [1]),
    ("inline_section", "def a():\n    '''Says.\n\n    Returns: a number.\n    '''", [1]),
    ("renamed_module", "from saywhere.runs import directory as run", [1]),
    ("long_file", "a = 1\n" * 401, [401]),
    ("private_word", "found = 1\ndef a(asked): ...", [1, 2]),
]
FINE = [
    ("long_line", "b = '" + "x" * 94 + "'"),
    ("skipped_format", "a = 'fmt: skip'"),
    ("nested_comprehension", "[b for a in c for b in a]; {b for b in a}"),
    ("nested_conditional", "(a if b else c) + (a if d else e)"),
    ("walrus_in_comprehension", "while (a := f()): print([a for a in b])"),
    ("unrelated_tuple", "a, b = b, a; c, d = e; x, y = f(1), f(2); h, w = 3, 4"),
    ("undocumented", "'Says.'\ndef _a(): ...\nclass _B:\n    def c(self): ..."),
    (
        "inline_section",
        "def a():\n    '''Says.\n\n    Raises:\n        UsageError: for a slip.\n    '''",
    ),
    ("renamed_module", "from saywhere.runs import directory as runs_directory\nimport numpy as np"),
    ("long_file", "'''Says.\n\nLong because it is a table.\n'''\n" + "a = 1\n" * 401),
    ("private_word", "print(found)\nself.found = 1"),
]


@pytest.mark.parametrize(("rule", "code", "lines"), BROKEN)
def test_what_breaks_a_rule_is_seen(rule: str, code: str, lines: list[int]) -> None:
    assert sorted(lines_of(rule, code)) == lines


@pytest.mark.parametrize(("rule", "code"), FINE)
def test_what_keeps_a_rule_is_left_alone(rule: str, code: str) -> None:
    assert lines_of(rule, code) == []


@pytest.mark.parametrize(
    ("path", "n"),
    [("src/saywhere/utils.py", 1), ("src/common/a.py", 1), ("src/saywhere/io/files.py", 0)],
)
def test_a_module_without_a_name_is_seen(path: str, n: int) -> None:
    assert len(lines_of("nameless_module", "", path)) == n
