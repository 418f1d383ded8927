"""TOML files and `table.key=value` overrides as nested dictionaries.

What they may hold is for the caller to check.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from saywhere.errors import ConfigError, MissingFile

# The standard library has had tomllib since Python 3.11.
if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# Plain tables only: a configuration has no arrays of tables.
_HEADING = re.compile(r"\[([^\[\]]+)\]\s*(#.*)?")


Document = dict[str, Any]
"""A TOML or JSON object from outside: until a schema has checked it, its keys may hold anything."""


def read_document(path: Path, noun: str, remedy: str) -> tuple[Document, str]:
    """Read a TOML file.

    Args:
        path: The file.
        noun: What it is, for the error where it is missing.
        remedy: What to do where it is missing.

    Returns:
        (the document, its text).

    Raises:
        MissingFile: There is no such file.
        ConfigError: It is not TOML.
    """
    if not path.is_file():
        raise MissingFile(f"no {noun} {path}", remedy=remedy)
    raw = path.read_bytes()
    try:
        # Some editors write a byte order mark, which TOML does not allow.
        text = raw.decode("utf-8-sig")
        return tomllib.loads(text), text
    # ValueError covers TOMLDecodeError, UnicodeDecodeError, and integers of too many digits.
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"not valid TOML ({str(error)[:200]})", where=path, remedy="see https://toml.io"
        ) from None


def line_of(text: str, wanted: str) -> int | None:
    """The line of a dotted key in a TOML text.

    Args:
        text: The file's text.
        wanted: A key as `table.key`, or a table.

    Returns:
        The line, from 1: of a key where it stands plainly under its table's heading, of a table
        its heading. None where neither is there, or the key is written in another way.
    """
    if not wanted:
        return None
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        heading = _HEADING.fullmatch(line.strip())
        if heading:
            table = heading[1].strip()
        key = line.partition("=")[0].strip()
        dotted = f"{table}.{key}" if table else key
        if wanted == dotted or (heading and wanted == table):
            return number
    return None


def split_override(override: str) -> tuple[str, Any]:
    """Split an override of the command line.

    Args:
        override: As `table.key=value`.

    Returns:
        (the key, the value as TOML reads it). A value that is not TOML is a text, so that a bare
        word needs no quotes.

    Raises:
        ConfigError: It sets nothing.
    """
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
        return key.strip(), value.strip()


def assign(document: Document, key: str, value: Any) -> None:
    """Set a dotted key of a nested dictionary, in place.

    Args:
        document: What is changed; missing tables are added.
        key: As `table.key`.
        value: The new value.

    Raises:
        ConfigError: The key names a key inside of a value.
    """
    *tables, last = key.split(".")
    for table in tables:
        # A table that is not there yet is made, so that --set needs no entry in the file.
        document = document.setdefault(table, {})
        if not isinstance(document, dict):
            raise ConfigError(
                f"{key} names a key inside of a value", remedy="the form is table.key=value"
            )
    document[last] = value


def without_none(document: Any) -> Any:
    """What TOML can hold, since it has no null.

    Args:
        document: A nested dictionary.

    Returns:
        The same without the keys whose value is None.
    """
    if isinstance(document, dict):
        return {key: without_none(value) for key, value in document.items() if value is not None}
    return document
