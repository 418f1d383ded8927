"""Values of keys that a stored configuration lacks, because it is older than the key.

A key that changes numbers comes with a better default for new trainings. Runs, models and results
of before answered by what was there then, so they take that value. It is keyed by the absence of
the key in the stored file: a run of today writes every key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from saywhere.config import Config, Document, parse, read
from saywhere.config.toml import assign

# One line a key. None cannot stand for "new", since config.toml leaves out keys that are None:
# a value that may be None in a new run must be None here.
OLDER_VALUES: dict[str, Any] = {
    "data.fit": "squash",
    "data.mask_resize": "nearest",
    # 16 bits were scaled by the picture's own greatest value, which one hot pixel sets.
    "data.grey": "maximum",
    # Nothing taught absence but contradictions.
    "data.denied": 0.0,
    "data.foreign": 0.0,
    "data.foreign_targets": [],
    "data.borrowed": 0.0,
    "loss.presence": 0.0,
}
"""Dotted key → what runs and models did before there was the key."""


def filled(document: Mapping[str, Any]) -> Document:
    """Give a stored configuration the keys that it is too old to have.

    Args:
        document: table → key → value, as it was stored; it is not changed.

    Returns:
        A copy with each key of `OLDER_VALUES` that the document lacks.
    """
    # Two levels deep is all that a configuration has.
    whole = {
        table: dict(keys) if isinstance(keys, Mapping) else keys for table, keys in document.items()
    }
    for key, value in OLDER_VALUES.items():
        table, _, name = key.partition(".")
        keys = whole.get(table, {})
        # What is no table is refused by the schema, in its own words.
        if isinstance(keys, dict) and name not in keys:
            assign(whole, key, value)
    return whole


def without_older(document: Mapping[str, Any]) -> Document:
    """Leave out the keys that say what was done before there was the key.

    Args:
        document: table → key → value.

    Returns:
        A copy; of an older run or model it is the same as before the keys came.
    """
    whole = filled(document)
    for key, value in OLDER_VALUES.items():
        table, _, name = key.partition(".")
        if whole[table][name] == value:
            del whole[table][name]
    return whole


def parse_stored(document: Mapping[str, Any], where: object) -> Config:
    """Read the configuration that a checkpoint, a model or a result holds.

    Args:
        document: table → key → value, as it was stored.
        where: what it came from, for errors.

    Returns:
        The configuration; keys that came later have their older values.

    Raises:
        ConfigError: a key is unknown, or a value is not allowed.
    """
    return parse(filled(document), where=where)


def read_stored(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read the config.toml of a run or a model.

    Args:
        path: the file.
        overrides: as `--set` takes them.

    Returns:
        The configuration; keys that came later have their older values.

    Raises:
        MissingFile: there is no such file.
        ConfigError: it is not TOML, a key is unknown, or a value is not allowed.
    """
    return read(path, list(overrides), complete=filled)


def keep_taught(config: Config, before: Config) -> Config:
    """Go on as a model was taught, in the keys that this call's configuration does not name.

    A model that learned in one way answers best in that way. So a resumption and a fine-tuning
    take these keys from what they go on from, and not from today's defaults.

    Args:
        config: of this call.
        before: of the run or model that is gone on from.

    Returns:
        `config`, with `before`'s value of each key of `OLDER_VALUES` that it does not name.
    """
    return config.replace(
        **{key: _value(before, key) for key in OLDER_VALUES if not config.names(key)}
    )


def taught_otherwise(config: Config, before: Config) -> str:
    """Say which keys of `OLDER_VALUES` a fine-tuning changes.

    Args:
        config: of the fine-tuning, after `keep_taught`.
        before: of the model that it starts from.

    Returns:
        One sentence; "" where nothing is changed.
    """
    changes = [
        f"{key} is {_value(config, key)!r}, and the first weights learned with "
        f"{_value(before, key)!r}"
        for key in OLDER_VALUES
        if _value(config, key) != _value(before, key)
    ]
    if not changes:
        return ""
    advice = "leave the key out of the configuration to go on as the model was taught"
    return f"{'; '.join(changes)}: {advice}"


def _value(config: Config, key: str) -> Any:
    table, _, name = key.partition(".")
    return getattr(getattr(config, table), name)
