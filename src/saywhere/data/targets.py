"""What the mask of each row shows: one noun for a whole set, or a column where a training takes
several sets together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from saywhere import seeds
from saywhere.config import DataConfig
from saywhere.data.manifest_row import Row
from saywhere.errors import ConfigError

UNMARKED = "unmarked"
"""Column: other targets that the image may show without a mask of theirs."""
HALF = "half"
"""Column: what a half of the image is called; rows without it are never asked for by halves."""


@dataclass(frozen=True)
class Target:
    """What a mask shows.

    Attributes:
        nouns: its names, the usual one first.
        half: what a half of its image is called; "" where no prompt may name a half.
        unmarked: names of other targets that may be in the image, without a mask.
    """

    nouns: tuple[str, ...]
    half: str
    unmarked: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The usual noun."""
        return self.nouns[0]


def target_of(row: Row, data: DataConfig) -> Target:
    """Tell what a row's mask shows.

    Args:
        row: of a manifest.
        data: `target`, `also_called` and `half_name` are of every row; with `target_column`, the
            row's own cells are read.

    Returns:
        Its target.

    Raises:
        ConfigError: the row's cell is blank, or no text or list of texts.
    """
    if data.target_column is None:
        return Target((data.target, *data.also_called), data.half_name)
    nouns = _texts(row, data.target_column)
    if not nouns:
        raise ConfigError(
            f"no noun in the column {data.target_column!r} of row {row.id!r}",
            where="data.target_column",
            remedy="write what the row's mask shows: polyp",
        )
    return Target(nouns, " ".join(_texts(row, HALF)), frozenset(_texts(row, UNMARKED)))


def one_set(data: DataConfig, rows: Sequence[Row]) -> DataConfig:
    """Take rows that do not say what their masks show as one set of `data.target`.

    Args:
        data: of a model that learned from several sets, or of any other.
        rows: of a manifest, which may be another than the training's.

    Returns:
        `data` without `target_column` and `shares`, where no row has that column; else `data`.
    """
    column = data.target_column
    if column is None or any(column in row.extra for row in rows):
        return data
    return data.model_copy(update={"target_column": None, "shares": {}})


def names_of(rows: Sequence[Row], data: DataConfig) -> dict[str, str]:
    """Tell what each row's mask shows, where the rows say so.

    Args:
        rows: of a manifest, which may be another than the training's.
        data: with `target_column`, or without.

    Returns:
        Row id → its target's usual noun; empty without the column.

    Raises:
        ConfigError: some rows have the column and one has not, or holds no text.
    """
    if one_set(data, rows).target_column is None:
        return {}
    return {row.id: target_of(row, data).name for row in rows}


def may_lie(target: Target, row_target: Target) -> bool:
    """Tell whether a target may be in an image.

    Args:
        target: of another row.
        row_target: what the image's own mask shows.

    Returns:
        False where a prompt that names the target means nothing in the image.
    """
    return target.name == row_target.name or target.name in row_target.unmarked


def turns_of(targets: Sequence[Target], data: DataConfig) -> list[list[int]]:
    """List the rows of each target, as often as its share is.

    Args:
        targets: of each row.
        data: `shares` by noun; a target that it does not name has a share of 1.

    Returns:
        One list of row numbers for each turn of a cycle; none where there are no shares.

    Raises:
        ConfigError: a share is of a noun that no row has.
    """
    if not data.shares:
        return []
    rows: dict[str, list[int]] = {}
    for number, target in enumerate(targets):
        rows.setdefault(target.name, []).append(number)
    if unknown := [noun for noun in data.shares if noun not in rows]:
        raise ConfigError(
            f"a share of {unknown[0]!r}, which no training row shows",
            where="data.shares",
            allowed=", ".join(rows),
            remedy="name what the rows' masks show",
        )
    turns = [numbers for noun, numbers in rows.items() for _ in range(data.shares.get(noun, 1))]
    # Mixed: a batch of one target alone would give the batch norms numbers of that target alone.
    return [turns[turn] for turn in seeds.order(len(turns), 0, 0)]


def _texts(row: Row, column: str) -> tuple[str, ...]:
    value = row.extra.get(column, "")
    if isinstance(value, str):
        # A CSV has no lists.
        value = value.split(",")
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ConfigError(
            f"{column} of row {row.id!r} is {str(row.extra[column])[:40]!r}",
            where="data.target_column",
            allowed='a text, or a list of texts: "polyp" or ["polyp", "lesion"]',
            remedy="write what the row's mask shows",
        )
    return tuple(text.strip() for text in value if text.strip())
