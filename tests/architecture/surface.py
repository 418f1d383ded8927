"""What users rely on, read off the code: names and signatures, verbs and options, configuration
keys, error codes.

`python tests/architecture/surface.py` writes api_surface.json anew; its diff is what a reviewer
looks at.
"""

from __future__ import annotations

import inspect
import json
import re
from functools import cached_property
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel

import saywhere
from saywhere import errors, fusion
from saywhere.cli.main import app

INVENTORY = Path(__file__).with_name("api_surface.json")


def surface() -> dict[str, Any]:
    """The public surface as plain JSON."""
    return {
        "python": {name: _describe(getattr(saywhere, name)) for name in sorted(saywhere.__all__)},
        "fusion": {name: _describe(getattr(fusion, name)) for name in sorted(fusion.__all__)},
        "verbs": {
            name: _options(verb)
            for name, verb in sorted(typer.main.get_command(app).commands.items())
        },
        "config": sorted(_keys(saywhere.Config)),
        "errors": {
            name: [kind.code, kind.exit_code, kind.http_status]
            for name, kind in sorted(_errors().items())
        },
    }


def _describe(thing: Any) -> Any:
    if inspect.isfunction(thing):
        return _signature(thing)
    if not inspect.isclass(thing):
        return type(thing).__name__
    if issubclass(thing, BaseModel):
        return "configuration"  # its keys are listed apart
    found = {
        name: member
        for base in reversed(thing.__mro__)
        if base.__module__.startswith("saywhere")
        for name, member in vars(base).items()
    }
    members = {
        name: getattr(member, "__func__", member) for name, member in found.items()
    }  # of a class method, its function
    fields = {
        name: str(field.type) for name, field in getattr(thing, "__dataclass_fields__", {}).items()
    }
    methods = {
        name: _signature(member)
        for name, member in members.items()
        if inspect.isfunction(member) and not name.startswith("_")
    }
    properties = {
        name: "property"
        for name, member in members.items()
        if isinstance(member, (property, cached_property)) and not name.startswith("_")
    }
    return dict(sorted((fields | methods | properties).items()))


def _signature(function: Any) -> str:
    return re.sub(r"<function .*? at 0x\w+>", "…", str(inspect.signature(function)))


def _options(verb: Any) -> list[str]:
    return sorted(
        "/".join(parameter.opts)
        if parameter.param_type_name == "option"
        else parameter.name.upper()
        for parameter in verb.params
    )


def _keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    keys: list[str] = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if inspect.isclass(inner) and issubclass(inner, BaseModel):
            keys += _keys(inner, f"{prefix}{name}.")
        else:
            keys.append(prefix + name)
    return keys


def _errors() -> dict[str, type[errors.SaywhereError]]:
    return {
        name: kind
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, errors.SaywhereError)
    }


if __name__ == "__main__":
    INVENTORY.write_text(
        json.dumps(surface(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
