"""TOML files and `table.key=value` overrides as nested dictionaries; what they may hold is the
business of whoever asks.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from saywhere.errors import ConfigError, MissingFile

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_HEADING = re.compile(r"\[([^\[\]]+)\]\s*(#.*)?")


def read_document(path: Path, what: str, remedy: str) -> tuple[dict[str, Any], str]:
    """(document, its text).

    `what` it is and the `remedy` are said where it is missing. Raises MissingFile, ConfigError.
    """
    if not path.is_file():
        raise MissingFile(f"no {what} {path}", remedy=remedy)
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
        return tomllib.loads(text), text
    except (
        ValueError,
        RecursionError,
    ) as error:  # ValueError: TOMLDecodeError, UnicodeDecodeError, and integers of too many digits
        raise ConfigError(
            f"not valid TOML ({str(error)[:200]})", where=path, remedy="see https://toml.io"
        ) from None


def line_of(text: str, wanted: str) -> int | None:
    """The line of a dotted key in a TOML text, where it stands plainly under its table's heading;
    of a table, its heading.
    """
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        heading = _HEADING.fullmatch(line.strip())
        table = heading[1].strip() if heading else table
        key = line.partition("=")[0].strip()
        if wanted and wanted in (table if heading else "", f"{table}.{key}" if table else key):
            return number
    return None


def split_override(override: str) -> tuple[str, Any]:
    """`table.key=value` → (key, value as TOML reads it, else as text). Raises ConfigError."""
    key, sign, value = override.partition("=")
    if not sign or not key.strip():
        raise ConfigError(
            f"--set {override[:80]!r} sets nothing",
            allowed="the form is table.key=value",
            remedy="for instance --set train.epochs=10",
        )
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):
        return key.strip(), value.strip()  # a bare word is a string


def assign(document: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key. Raises ConfigError where it names a key inside of a value."""
    *tables, last = key.split(".")
    for table in tables:
        document = document.setdefault(table, {})
        if not isinstance(document, dict):
            raise ConfigError(
                f"{key} names a key inside of a value", remedy="the form is table.key=value"
            )
    document[last] = value


def without_none(document: Any) -> Any:
    """What TOML can hold: it has no null."""
    if isinstance(document, dict):
        return {key: without_none(value) for key, value in document.items() if value is not None}
    return document
