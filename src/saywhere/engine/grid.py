"""A grid of cells: which configurations, under which names, with which seeds."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from saywhere.config import Config, read
from saywhere.errors import ConfigError, nearest
from saywhere.toml import read_document


class Choice(BaseModel):
    """One value of an axis: a label for the table and the keys that it sets."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    label: str
    set: dict[str, Any] = {}


class Grid(BaseModel):
    """A table to make: every choice of every axis with every seed, on top of one base configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    table: str = Field(pattern=r"^[a-z0-9_]+$", description="name of the results' folder")
    title: str
    note: str = ""
    base: Path
    seeds: list[int] = Field([0, 1, 2], min_length=1)
    jobs: int = Field(1, ge=1, description="cells side by side")
    threads: int = Field(0, ge=0, description="a cell's threads; 0: every core")
    mosaics: int = Field(0, ge=0, description="measure each cell on so many mosaics of test images too")
    measure: Literal["images", "mosaics"] = Field("images", description="whose Dice the table compares: the test images' or the mosaics'")
    reference: str | None = Field(None, description="label that the others are compared with")
    set: dict[str, Any] = Field({}, description="keys of every cell, on top of the base")
    axis: list[list[Choice]] = Field(min_length=1)


@dataclass(frozen=True)
class Cell:
    """One training and its evaluation."""

    label: str
    seed: int
    config: Config

    @property
    def id(self) -> str:
        plain = self.label.lower().replace("++", "pp")  # UNet++ is not UNet
        return f"{re.sub(r'[^a-z0-9]+', '-', plain).strip('-')}-seed{self.seed}"


def read_grid(path: Path) -> Grid:
    """Raises MissingFile, ConfigError."""
    document, _ = read_document(path, "grid", "name a TOML file, for instance one of benchmarks/*.toml")
    try:
        return Grid.model_validate(document)
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(str(part) for part in fault["loc"])
        advice = nearest(key, Grid.model_fields) if fault["type"] == "extra_forbidden" else None
        raise ConfigError(f"{key}: {fault['msg'].lower()}", where=path, remedy=advice) from None


def cells_of(grid: Grid, seeds: Sequence[int] = ()) -> list[Cell]:
    """Seed by seed, so that every table is complete with one seed before the second; `seeds`: those of the grid's that are asked for, else all.

    Raises ConfigError for two cells of one id, and for a seed that the grid has not.
    """
    if unknown := set(seeds) - set(grid.seeds):
        raise ConfigError(f"no seed {min(unknown)} in this grid", where=grid.table, allowed=f"it has {', '.join(map(str, grid.seeds))}")
    if grid.measure == "mosaics" and not grid.mosaics:
        raise ConfigError("measure is 'mosaics', and mosaics is 0", where=grid.table, remedy="say on how many: mosaics = 100")
    base = read(grid.base)
    cells = []
    for seed in seeds or grid.seeds:
        for choices in itertools.product(*grid.axis):
            changes = grid.set | {key: value for choice in choices for key, value in choice.set.items()}
            changes |= {"train.seed": seed, "train.threads": grid.threads}
            cells.append(Cell(_label(choice.label for choice in choices), seed, base.replace(**changes)))
    names = [cell.id for cell in cells]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"two cells are called {name}", where=grid.table, allowed="labels must differ", remedy="rename a label or drop a seed")
    return cells


def labels_of(axis: Sequence[Sequence[dict[str, Any]]]) -> list[str]:
    """The labels of a written grid's cells (`axis` of a table.json), in the grid's order."""
    return [_label(choice["label"] for choice in choices) for choices in itertools.product(*axis)]


def _label(labels: Iterable[str]) -> str:
    return " · ".join(label for label in labels if label)
