"""The parts of the reference that the code itself says: python docs/write_reference.py [--check]

docs/reference/commands.md comes from the command line's own help, docs/reference/configuration.md
from the configuration's models. A test holds the pages to them.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from typer.models import ArgumentInfo

from saywhere.cli.main import app
from saywhere.config import Config
from saywhere.io.files import write_text

FOLDER = Path(__file__).resolve().parent / "reference"
COMMANDS = """# Command line

Written by `python docs/write_reference.py` from the help of each verb (`saywhere VERB --help`).
Exit codes: 0 ok · 1 the work failed · 2 wrong use · 3 done, but some inputs were set aside · 130 interrupted.
"""
CONFIGURATION = """# Configuration

Every key, written by `python docs/write_reference.py` from `saywhere.config`. A configuration is a TOML file; a table below is a `[table]` there, and
`--set table.key=value` changes a key on the command line. What is left out has its default; an unknown key is an error. `none` is what a key
has that is left out and has no value. `share` is a number from 0 to 1.
"""


def pages() -> dict[str, str]:
    """File name → text."""
    return {
        "commands.md": "\n".join([COMMANDS, *_commands()]),
        "configuration.md": "\n".join([CONFIGURATION, *_sections()]),
    }


def _commands() -> Iterator[str]:
    for name, callback in _verbs():
        parameters = list(_parameters(callback))
        usage = " ".join(
            ["saywhere", name, *(one.usage for one in parameters if one.is_argument), "[OPTIONS]"]
        )
        yield f"## {name}\n\n```text\n{usage}\n```\n\n{inspect.getdoc(callback)}\n\n| | meaning | default |\n|---|---|---|"
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
        hint = hints[name]
        kind, about = (
            get_args(hint)[:2] if get_origin(hint) is Annotated else (hint, parameter.default)
        )
        value = getattr(about, "default", None) if parameter.default is about else parameter.default
        yield _parameter(name, kind, about, ... if value is inspect.Parameter.empty else value)


def _parameter(name: str, kind: Any, about: Any, value: Any) -> Parameter:
    is_argument = isinstance(about, ArgumentInfo)
    is_list = "list[" in str(kind) or "List[" in str(kind)
    place = (about.metavar or name.upper() + ("..." if is_list else "")) if is_argument else ""
    place = place if value is ... or place.startswith("[") or not place else f"[{place}]"
    named = [
        one
        for one in (about.default, *(about.param_decls or ()))
        if isinstance(one, str) and one.startswith("-")
    ]  # Annotated's first is in `default`
    options = ", ".join(named or [f"--{name.replace('_', '-')}"]) if not is_argument else ""
    taken = (
        ""
        if kind is bool
        else f" {about.metavar or _KINDS[next(word for word in _KINDS if word in str(kind))]}"
    )
    default = (
        "needed"
        if value is ...
        else str(about.show_default)
        if isinstance(about.show_default, str)
        else _shown(value)
    )
    told = f"{about.help or ''}{f' Environment: {about.envvar}.' if about.envvar else ''}".strip()
    return Parameter(
        is_argument, place, _bare(place) if is_argument else options + taken, told, default
    )


def _bare(place: str) -> str:
    return place.replace("[", "").replace("]", "")


_KINDS = {"Path": "PATH", "int": "NUMBER", "float": "NUMBER", "str": "TEXT"}


def _shown(value: Any) -> str:
    return "" if value is None or value is False else f"`{value}`"


def _sections() -> Iterator[str]:
    schema = Config.model_json_schema()
    for name, field in Config.model_fields.items():
        section = schema["$defs"][field.annotation.__name__]  # type: ignore[union-attr]
        yield f"## {name}\n\n{section['description']}\n\n| key | value | default | meaning |\n|---|---|---|---|"
        yield from (
            _row(
                f"`{name}.{key}`",
                allowed(one),
                _written(one["default"]),
                one.get("description", ""),
            )
            for key, one in section["properties"].items()
        )
        yield ""


def allowed(schema: dict[str, Any]) -> str:
    """A key's JSON schema in words: "number above 0", "`train` or `val`"."""
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
    fewest, most = schema.get("minItems"), schema.get("maxItems")
    count = (
        f"{fewest} "
        if fewest == most and fewest
        else f"{fewest} to {most} "
        if fewest and most
        else ""
    )
    of = allowed(schema["items"] if "items" in schema else schema["prefixItems"][0])
    return f"list of {count}{of.replace('text', 'texts').replace('number', 'numbers')}"


def _number(schema: dict[str, Any]) -> str:
    bounds = {
        key: schema[key]
        for key in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
        if key in schema
    }
    if bounds == {"minimum": 0, "maximum": 1} and schema["type"] == "number":
        return "share"
    words = {
        "minimum": "from",
        "exclusiveMinimum": "above",
        "maximum": "to",
        "exclusiveMaximum": "below",
    }
    kind = "whole number" if schema["type"] == "integer" else "number"
    return " ".join([kind, *(f"{words[key]} {value:g}" for key, value in bounds.items())])


def _written(value: Any) -> str:
    """As it is written in TOML."""
    return "none" if value is None else f"`{json.dumps(value, ensure_ascii=False)}`"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def main(check: bool) -> int:
    """Write the pages, or with `check` say which of them are not as they should be."""
    for name, text in pages().items():
        path = FOLDER / name
        if not check:
            write_text(path, text.rstrip("\n") + "\n")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text.rstrip("\n") + "\n":
            print(
                f"{path.name} is not what the code says: run python docs/write_reference.py",
                file=sys.stderr,
            )
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv))
