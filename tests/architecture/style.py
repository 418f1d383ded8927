"""The bans of the style: each rule reads one file and yields the lines that break it.

`python tests/architecture/style.py` writes the offenders that remain to style_allowed.json;
test_style.py holds that there are no others, and no fewer: the list only shrinks.
"""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("src", "tests", "benchmarks", "examples", "docs", "deploy")
ALLOWED = Path(__file__).with_name("style_allowed.json")
MAX_COLUMNS = 100
MAX_LINES = 400
"""Of a file; a longer one says why in its docstring ("Long because …")."""
NAMELESS = {"util", "utils", "helper", "helpers", "common", "misc"}
PRIVATE_WORDS = {"found", "said", "told", "asked", "kept", "here"}
"""Names of variables that say nothing to a reader."""
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_INLINE_SECTION = re.compile(r"^\s*(Args|Returns|Raises|Yields): +\S|\bRaises [A-Z]\w+", re.M)


@dataclass(frozen=True)
class Source:
    """One Python file. `path` is relative to the repository's root."""

    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.text)

    @cached_property
    def comments(self) -> list[tuple[int, str]]:
        """Line and text of each comment."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return [
            (token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT
        ]

    @property
    def is_product(self) -> bool:
        """Is it part of the package, which users read?"""
        return self.path.parts[0] == "src"

    def nodes(self, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        """Its syntax nodes of these kinds."""
        return (node for node in ast.walk(self.tree) if isinstance(node, kinds))


def long_line(source: Source) -> Iterator[int]:
    """Lines over 100 columns, strings and comments as well."""
    for number, line in enumerate(source.text.splitlines(), start=1):
        if len(line) > MAX_COLUMNS:
            yield number


def skipped_format(source: Source) -> Iterator[int]:
    """`# fmt: skip` and `# fmt: off`."""
    for number, comment in source.comments:
        if re.search(r"fmt:\s*(skip|off)", comment):
            yield number


def nested_comprehension(source: Source) -> Iterator[int]:
    """A comprehension inside another one."""
    return _inside(source, COMPREHENSIONS, COMPREHENSIONS)


def nested_conditional(source: Source) -> Iterator[int]:
    """`a if b else c if d else e`."""
    return _inside(source, (ast.IfExp,), (ast.IfExp,))


def walrus_in_comprehension(source: Source) -> Iterator[int]:
    """`[y for x in xs if (y := f(x))]`."""
    return _inside(source, COMPREHENSIONS, (ast.NamedExpr,))


def unrelated_tuple(source: Source) -> Iterator[int]:
    """`a, b = [], 3`: values of different forms in one assignment.

    Allowed are a swap, an unpacking, and values of one form: `a, b = f(x), f(y)`.
    """
    for node in source.nodes(ast.Assign):
        assert isinstance(node, ast.Assign)
        target = node.targets[0]
        if not isinstance(target, ast.Tuple) or not isinstance(node.value, ast.Tuple):
            continue
        targets = {ast.unparse(element) for element in target.elts}
        used = {ast.unparse(part) for value in node.value.elts for part in ast.walk(value)}
        is_swap = bool(targets & used)
        if not is_swap and len(set(map(_form, node.value.elts))) > 1:
            yield node.lineno


def nameless_module(source: Source) -> Iterator[int]:
    """A module or folder called utils, helpers, common …"""
    if NAMELESS & {*source.path.parts[:-1], source.path.stem}:
        yield 1


def undocumented(source: Source) -> Iterator[int]:
    """A public module, class, function or method of the package without a docstring."""
    if not source.is_product:
        return
    is_empty = not source.tree.body
    if not is_empty and not ast.get_docstring(source.tree):
        yield 1
    for node in _public(source.tree):
        if not ast.get_docstring(node):
            yield node.lineno


def inline_section(source: Source) -> Iterator[int]:
    """A public docstring that writes `Raises X` or `Returns: x` in a line instead of a section."""
    if not source.is_product:
        return
    for node in _public(source.tree):
        if _INLINE_SECTION.search(ast.get_docstring(node) or ""):
            yield node.lineno


def renamed_module(source: Source) -> Iterator[int]:
    """`from saywhere.runs import directory as run`: a module of ours under another name.

    A longer name that ends in the module's own is allowed, where two would clash.
    """
    for node in source.nodes(ast.ImportFrom):
        assert isinstance(node, ast.ImportFrom)
        room = ROOT / "src" / (node.module or "").replace(".", "/")
        for name in node.names:
            is_module = (room / f"{name.name}.py").is_file() or (room / name.name).is_dir()
            if is_module and name.asname and not name.asname.endswith(name.name):
                yield node.lineno


def long_file(source: Source) -> Iterator[int]:
    """A file over 400 lines whose docstring gives no reason."""
    n_lines = len(source.text.splitlines())
    if n_lines > MAX_LINES and "Long because" not in (ast.get_docstring(source.tree) or ""):
        yield n_lines


def private_word(source: Source) -> Iterator[int]:
    """A variable or parameter of the package called `found`, `said`, `asked` …"""
    if not source.is_product:
        return
    for node in source.nodes(ast.Name, ast.arg):
        if isinstance(node, ast.arg):
            name = node.arg
        else:
            assert isinstance(node, ast.Name)
            name = node.id if isinstance(node.ctx, ast.Store) else ""
        if name in PRIVATE_WORDS:
            yield node.lineno


RULES: dict[str, Callable[[Source], Iterator[int]]] = {
    rule.__name__: rule
    for rule in (
        long_line,
        skipped_format,
        nested_comprehension,
        nested_conditional,
        walrus_in_comprehension,
        unrelated_tuple,
        nameless_module,
        undocumented,
        inline_section,
        renamed_module,
        long_file,
        private_word,
    )
}


def _inside(
    source: Source, outer: tuple[type[ast.AST], ...], inner: tuple[type[ast.AST], ...]
) -> Iterator[int]:
    """Lines of `outer` nodes that hold an `inner` one; a nest of three is one offence."""
    covered: set[ast.AST] = set()
    for node in source.nodes(*outer):
        below = [part for part in ast.walk(node) if part is not node and isinstance(part, inner)]
        if below and node not in covered:
            yield node.lineno  # type: ignore[attr-defined]
        covered.update(below)


def _form(value: ast.expr) -> str:
    """What a value is: the function it calls, the type of a constant, or the kind of node."""
    if isinstance(value, ast.Call):
        return f"{ast.unparse(value.func)}()"
    if isinstance(value, ast.Constant):
        return type(value.value).__name__
    return type(value).__name__


def _public(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Public functions and classes of a module, and the public methods of these classes."""
    classes: list[ast.ClassDef | ast.Module] = [tree]
    while classes:
        for node in classes.pop().body:
            if not isinstance(node, (*FUNCTIONS, ast.ClassDef)) or node.name.startswith("_"):
                continue
            decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
            if not any(name.endswith((".setter", "overload")) for name in decorators):
                yield node
            if isinstance(node, ast.ClassDef):
                classes.append(node)


def sources() -> list[Source]:
    """Every Python file of the repository."""
    paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    return [Source(path.relative_to(ROOT), path.read_text(encoding="utf-8")) for path in paths]


def offences() -> dict[str, dict[str, list[int]]]:
    """Rule → file → the lines that break it."""
    broken: dict[str, dict[str, list[int]]] = {rule: {} for rule in RULES}
    for source in sources():
        for name, rule in RULES.items():
            lines = list(rule(source))
            if lines:
                broken[name][source.path.as_posix()] = lines
    return broken


def same_names() -> dict[str, list[str]]:
    """Names that modules of the package share → their paths.

    A verb's module may be called as the module that does its work.
    """
    paths = [path.relative_to(ROOT / "src/saywhere") for path in (ROOT / "src").rglob("*.py")]
    by_name: dict[str, list[str]] = {}
    for path in sorted(paths):
        if path.stem != "__init__" and path.parts[0] != "cli":
            by_name.setdefault(path.stem, []).append(path.as_posix())
    return {name: modules for name, modules in by_name.items() if len(modules) > 1}


def write_allowed() -> None:
    """Write the offenders that remain: rule → file → number of them."""
    allowed: dict[str, dict[str, int]] = {}
    for rule, files in offences().items():
        for path, lines in files.items():
            allowed.setdefault(rule, {})[path] = len(lines)
    ALLOWED.write_text(json.dumps(allowed, indent=1) + "\n")


if __name__ == "__main__":
    write_allowed()
