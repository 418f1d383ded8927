"""The parts of the reference that the code itself says.

    python docs/write_reference.py [--check]

docs/reference/commands.md comes from the command line's own help, configuration.md from the
configuration's models, and the lists of library.md from the docstrings. A test holds the pages to
them.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from typer.models import ArgumentInfo

from saywhere.cli.main import app
from saywhere.config import Config
from saywhere.io.files import write_text

FOLDER = Path(__file__).resolve().parent / "reference"
LIBRARY = FOLDER / "library.md"
"""Its directives say what is listed: the page is read, and written with its lists made anew."""
COMMANDS = """# Command line

Written by `python docs/write_reference.py` from the help of each verb (`saywhere VERB --help`).
Exit codes: 0 ok · 1 the work failed · 2 wrong use · 3 done, but some inputs were set aside ·
130 interrupted.
"""
CONFIGURATION = """# Configuration

Every key, written by `python docs/write_reference.py` from `saywhere.config`. A configuration is a
TOML file; a table below is a `[table]` there, and `--set table.key=value` changes a key on the
command line. What is left out has its default; an unknown key is an error. `none` is what a key has
that is left out and has no value. `share` is a number from 0 to 1.
"""
_KINDS = {"Path": "PATH", "int": "NUMBER", "float": "NUMBER", "str": "TEXT"}
_BOUNDS = {
    "minimum": "from",
    "exclusiveMinimum": "above",
    "maximum": "to",
    "exclusiveMaximum": "below",
}
_LISTED = re.compile(
    r"(<!-- names -->\n).*?(<!-- end -->\n)((?:\n|:::[^\n]*\n|    [^\n]*\n)*)", re.DOTALL
)
"""A list of names in library.md, and the directives below it that name what is listed."""
_DIRECTIVE = re.compile(r"^::: (\S+)((?:\n    .*)*)", re.MULTILINE)


def pages() -> dict[str, str]:
    """File name → text of each page that is written."""
    library = LIBRARY.read_text(encoding="utf-8")
    return {
        "commands.md": "\n".join([COMMANDS, *_commands()]),
        "configuration.md": "\n".join([CONFIGURATION, *_sections()]),
        "library.md": _LISTED.sub(_named, library),
    }


def _named(part: re.Match[str]) -> str:
    """A part of library.md with its list made anew from the directives below it."""
    lines = [
        line for name, options in _DIRECTIVE.findall(part[3]) for line in _lines(name, options)
    ]
    listed = "".join(f"{line}\n" for line in lines)
    return f"{part[1]}| name | what it is |\n|---|---|\n{listed}{part[2]}{part[3]}"


def _lines(name: str, options: str) -> Iterator[str]:
    """A directive's name with its summary, and its chosen members with theirs."""
    thing = _thing(name)
    if inspect.ismodule(thing):
        classes = vars(thing).items()
        errors = {key: one for key, one in classes if _is_own(one, name)}
        yield from (_row(f"`{name}.{key}`", _summary(one)) for key, one in errors.items())
        return
    yield _row(f"`{_called(name, thing)}`", _summary(thing))
    chosen = re.search(r"members: \[(.*?)\]", options)
    for member in chosen[1].split(", ") if chosen else ():
        one = inspect.getattr_static(thing, member)
        yield _row(f"`{name}.{member}{_signature(one)}`", _summary(one))


def _thing(name: str) -> Any:
    """What a dotted name stands for: a module, or what a module holds."""
    try:
        return import_module(name)
    except ModuleNotFoundError:
        module, _, own = name.rpartition(".")
        return getattr(import_module(module), own)


def _is_own(one: object, module: str) -> bool:
    return inspect.isclass(one) and one.__module__ == module


def _called(name: str, thing: Any) -> str:
    return name if inspect.isclass(thing) else f"{name}{_signature(thing)}"


def _signature(thing: Any) -> str:
    """The parameters' names, as a reader types them; nothing for what is not called."""
    function = inspect.unwrap(getattr(thing, "__func__", thing))
    if not inspect.isfunction(function):
        return ""
    names = [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]
    return f"({', '.join(names)})"


def _summary(thing: Any) -> str:
    """The first sentence of a docstring."""
    described = inspect.getdoc(getattr(thing, "__func__", thing)) or ""
    paragraph = described.split("\n\n")[0].replace("\n", " ")
    return re.split(r"(?<=[.:]) (?=[A-Z])", paragraph)[0].rstrip(":")


def _commands() -> Iterator[str]:
    for name, callback in _verbs():
        parameters = list(_parameters(callback))
        arguments = (one.usage for one in parameters if one.is_argument)
        usage = " ".join(["saywhere", name, *arguments, "[OPTIONS]"])
        yield f"## {name}\n\n```text\n{usage}\n```\n\n{inspect.getdoc(callback)}\n"
        yield "| | meaning | default |\n|---|---|---|"
        yield from (_row(f"`{one.spelled}`", one.help, one.default) for one in parameters)
        yield ""


def _verbs() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Name → function; those of a group as `models list`."""
    for verb in app.registered_commands:
        assert verb.callback is not None
        yield verb.callback.__name__, verb.callback
    for group in app.registered_groups:
        for verb in group.typer_instance.registered_commands if group.typer_instance else ():
            assert verb.callback is not None
            yield f"{group.name} {verb.name}", verb.callback


class Parameter(NamedTuple):
    """An argument or an option, in words."""

    is_argument: bool
    usage: str
    spelled: str
    help: str
    default: str


def _parameters(verb: Callable[..., Any]) -> Iterator[Parameter]:
    """Read off the function itself, so that typer's release does not matter."""
    hints = get_type_hints(verb, include_extras=True)
    for name, parameter in inspect.signature(verb).parameters.items():
        kind = hints[name]
        about = parameter.default
        if get_origin(kind) is Annotated:
            kind, about = get_args(kind)[:2]
        value = parameter.default
        if value is about:
            value = getattr(about, "default", None)
        yield _parameter(name, kind, about, ... if value is inspect.Parameter.empty else value)


def _parameter(name: str, kind: Any, about: Any, value: Any) -> Parameter:
    is_argument = isinstance(about, ArgumentInfo)
    place = _place(name, kind, about, value) if is_argument else ""
    spelled = re.sub(r"[\[\]]", "", place) if is_argument else _option(name, kind, about)
    environment = f" Environment: {about.envvar}." if about.envvar else ""
    text = f"{about.help or ''}{environment}".strip()
    return Parameter(is_argument, place, spelled, text, _default(about, value))


def _place(name: str, kind: Any, about: Any, value: Any) -> str:
    """An argument in the usage; in brackets where it may be left out."""
    is_list = "list[" in str(kind) or "List[" in str(kind)
    place = about.metavar or name.upper() + ("..." if is_list else "")
    return place if value is ... or place.startswith("[") else f"[{place}]"


def _option(name: str, kind: Any, about: Any) -> str:
    """An option as it is spelled, with the kind of its value."""
    declared = (about.default, *(about.param_decls or ()))  # Annotated's first is in `default`
    named = [one for one in declared if isinstance(one, str) and one.startswith("-")]
    options = ", ".join(named or [f"--{name.replace('_', '-')}"])
    if kind is bool:
        return options
    word = about.metavar or next(shown for one, shown in _KINDS.items() if one in str(kind))
    return f"{options} {word}"


def _default(about: Any, value: Any) -> str:
    if value is ...:
        return "needed"
    if isinstance(about.show_default, str):
        return about.show_default
    return "" if value is None or value is False else f"`{value}`"


def _sections() -> Iterator[str]:
    schema = Config.model_json_schema()
    for name, field in Config.model_fields.items():
        section = schema["$defs"][field.annotation.__name__]  # type: ignore[union-attr]
        yield f"## {name}\n\n{section['description']}\n"
        yield "| key | value | default | meaning |\n|---|---|---|---|"
        for key, one in section["properties"].items():
            meaning = one.get("description", "")
            yield _row(f"`{name}.{key}`", allowed(one), _written(one["default"]), meaning)
        yield ""


def allowed(schema: dict[str, Any]) -> str:
    """A key's values in words.

    Args:
        schema: the key's JSON schema.

    Returns:
        For instance "number above 0", "`train` or `val`".
    """
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(allowed(one) for one in schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return " · ".join(_written(one) for one in schema.get("enum", [schema.get("const")]))
    kind = schema["type"]
    if kind == "array":
        return _list(schema)
    if kind == "string":
        return "path" if schema.get("format") == "path" else "text"
    if kind == "null":
        return "none"
    return {"boolean": "true or false"}.get(kind) or _number(schema)


def _list(schema: dict[str, Any]) -> str:
    items = allowed(schema["items"] if "items" in schema else schema["prefixItems"][0])
    named = items.replace("text", "texts").replace("number", "numbers")
    return f"list of {_count(schema.get('minItems'), schema.get('maxItems'))}{named}"


def _count(fewest: int | None, most: int | None) -> str:
    if not fewest or not most:
        return ""
    return f"{fewest} " if fewest == most else f"{fewest} to {most} "


def _number(schema: dict[str, Any]) -> str:
    bounds = {key: schema[key] for key in _BOUNDS if key in schema}
    if bounds == {"minimum": 0, "maximum": 1} and schema["type"] == "number":
        return "share"
    kind = "whole number" if schema["type"] == "integer" else "number"
    return " ".join([kind, *(f"{_BOUNDS[key]} {value:g}" for key, value in bounds.items())])


def _written(value: Any) -> str:
    """As it is written in TOML."""
    return "none" if value is None else f"`{json.dumps(value, ensure_ascii=False)}`"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def main(check: bool) -> int:
    """Write the pages, or only look at them.

    Args:
        check: write nothing, and name the first page that is not as it should be.

    Returns:
        0, or 1 where a page is not what the code says.
    """
    for name, text in pages().items():
        path = FOLDER / name
        text = text.rstrip("\n") + "\n"
        if not check:
            write_text(path, text)
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            advice = "run python docs/write_reference.py"
            print(f"{name} is not what the code says: {advice}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv))
