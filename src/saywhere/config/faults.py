"""What is wrong with a configuration, in a sentence that names key, value and line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from saywhere.config.toml import line_of
from saywhere.errors import ConfigError, nearest


def explain(
    faults: Sequence[ErrorDetails],
    tables: Mapping[str, FieldInfo],
    where: object,
    text: str,
    places: Mapping[str, str],
) -> ConfigError:
    """Say the first fault of a validation in a sentence.

    Args:
        faults: As pydantic lists them. Of a value that could be several things, the sentence says
            what each would have needed.
        tables: The tables that a configuration has.
        where: What the document came from.
        text: The TOML that it came from, so that the error can name the line.
        places: Dotted key → where else that key came from.

    Returns:
        The error to raise.
    """
    fault = faults[0]
    # Table and key. What follows names a branch of a type that allows several.
    location = [str(part) for part in fault["loc"] if not isinstance(part, int)][:2]
    key = ".".join(location)
    place = _place_of(key, where, text, places)
    if fault["type"] == "extra_forbidden":
        return ConfigError(
            f"unknown key {key[:80]}",
            where=place,
            remedy=nearest(location[-1][:80], _keys_beside(tables, location)),
        )
    if fault["type"] == "model_type":
        return ConfigError(
            f"{key} is a single value",
            where=place,
            allowed=f"it is a table: write [{key}], and its keys below",
        )
    alike = [other for other in faults if other["loc"][:2] == fault["loc"][:2]]
    messages = [str(other["msg"]).removeprefix("Value error, ") for other in alike]
    allowed = ", or ".join(dict.fromkeys(message[:1].lower() + message[1:] for message in messages))
    # Cut: a value may be as long as the file.
    shown = json.dumps(fault.get("input"), default=str, ensure_ascii=False)[:80]
    # Without a key it was a rule between keys, which the message names.
    problem = f"{key} is {shown}" if key else "the configuration contradicts itself"
    return ConfigError(problem, where=place, allowed=allowed)


def _place_of(key: str, where: object, text: str, places: Mapping[str, str]) -> object:
    """Where a key came from: an override, else a line of the file, else the file."""
    for name, place in places.items():
        # With the dots, so that one key is not taken for the beginning of another's name.
        if f"{key}.".startswith(f"{name}."):
            return place
    line = line_of(text, key)
    return f"{where}, line {line}" if line else where


def _keys_beside(tables: Mapping[str, FieldInfo], location: list[str]) -> Iterable[str]:
    """The known keys of the table that a key stands in, or the tables."""
    section = tables.get(location[0])
    if len(location) > 1 and section is not None:
        return section.annotation.model_fields  # type: ignore[union-attr]
    return tables
