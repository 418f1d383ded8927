"""A grid of cells: which configurations, under which names, with which seeds."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from saywhere.config import Config, Document, read
from saywhere.config.toml import read_document
from saywhere.errors import ConfigError, nearest
from saywhere.experiments.pruning import Prune
from saywhere.experiments.search import Search


class Choice(BaseModel):
    """One value of an axis: a label for the table and the keys that it sets."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    label: str
    set: Document = {}


class Grid(BaseModel):
    """A table to make: every choice of every axis with every seed, on top of one base."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    table: str = Field(pattern=r"^[a-z0-9_]+$", description="name of the results' folder")
    title: str
    note: str = ""
    base: Path
    seeds: list[int] = Field([0, 1, 2], min_length=1)
    jobs: int = Field(1, ge=1, description="cells side by side")
    threads: int = Field(0, ge=0, description="a cell's threads; 0: every core")
    mosaics: int = Field(
        0, ge=0, description="measure each cell on so many mosaics of test images too"
    )
    measure: Literal["images", "mosaics"] = Field(
        "images", description="whose Dice the table compares: the test images' or the mosaics'"
    )
    reference: str | None = Field(
        None,
        description="label that the others are compared with: a cell's, or that of a choice in "
        "the last axis",
    )
    set: Document = Field({}, description="keys of every cell, on top of the base")
    axis: list[list[Choice]] = Field([], description="what varies: every choice of every axis")
    search: Search | None = Field(
        None, description="settings drawn at random; each is tried with every choice of the axes"
    )
    prune: Prune | None = Field(None, description="stop cells early that fall behind")
    _file: Path | None = PrivateAttr(None)

    @property
    def place(self) -> str:
        """The file that it was read from, for people."""
        return str(self._file) if self._file else f"table {self.table}"

    @property
    def axes(self) -> list[list[Choice]]:
        """What varies: the settings of the search, where there is one, before the written axes."""
        if self.search is None:
            return self.axis
        drawn = [
            Choice(label=self.search.label(number, setting), set=setting)
            for number, setting in enumerate(self.search.settings(), start=1)
        ]
        return [drawn, *self.axis]

    def record(self) -> Document:
        """What table.json holds: the grid, with the settings that were drawn as an axis."""
        # As fields of the model, so that choices are written as the grid's own are.
        return self.model_copy(update={"axis": self.axes}).model_dump(mode="json")


@dataclass(frozen=True)
class Cell:
    """One training and its evaluation."""

    label: str
    seed: int
    config: Config
    group: str = ""
    """where cells are pruned, those of one group compete: draws that share the other choices"""

    @property
    def id(self) -> str:
        """The label in plain letters, and the seed: the name of the result file."""
        # UNet++ is not UNet.
        plain = self.label.lower().replace("++", "pp")
        return f"{re.sub(r'[^a-z0-9]+', '-', plain).strip('-')}-seed{self.seed}"


def read_grid(path: Path) -> Grid:
    """Read a grid from its file.

    Args:
        path: a TOML file.

    Returns:
        The grid; its base is not read yet.

    Raises:
        MissingFile: where there is no such file.
        ConfigError: for an unknown key or a value that is not allowed.
    """
    document, _ = read_document(
        path, "grid", "name a TOML file, for instance one of benchmarks/grids/*.toml"
    )
    try:
        grid = Grid.model_validate(document)
    except ValidationError as error:
        raise _explain(error.errors()[0], document, path) from None
    grid._file = path
    return grid


def _explain(fault: Any, document: Document, path: Path) -> ConfigError:
    """The first fault as a sentence; of a choice, which one it is."""
    location = list(fault["loc"])
    model: type[BaseModel] = Grid
    place = str(path)
    if location[:1] == ["axis"] and len(location) > 3:
        model, (_, axis, number, *location) = Choice, location
        # The label itself may be what is missing.
        label = document["axis"][axis][number].get("label")
        place = f"{path}, axis {axis + 1}, choice {number + 1}" + (f" ({label!r})" if label else "")
    key = ".".join(str(part) for part in location)
    if fault["type"] == "extra_forbidden":
        return ConfigError(
            f"unknown key {key[:80]}", where=place, remedy=nearest(key[:80], model.model_fields)
        )
    return ConfigError(f"{key}: {fault['msg'].lower()}", where=place)


def cells_of(grid: Grid, seeds: Sequence[int] = ()) -> list[Cell]:
    """The cells of a grid.

    Args:
        grid: read from its file.
        seeds: those of the grid's to take; none: all of them.

    Returns:
        Cells seed by seed, so that every table is complete with one seed before the second.

    Raises:
        ConfigError: for a key or value that no configuration has, two cells of one id, a reference
            that is no label, and a seed that the grid has not.
    """
    unknown = set(seeds) - set(grid.seeds)
    if unknown:
        raise ConfigError(
            f"no seed {min(unknown)} in this grid",
            where=grid.place,
            allowed=f"it has {', '.join(map(str, grid.seeds))}",
        )
    if grid.measure == "mosaics" and not grid.mosaics:
        raise ConfigError(
            "measure is 'mosaics', and mosaics is 0",
            where=grid.place,
            remedy="say on how many: mosaics = 100",
        )
    _check_search(grid)
    base = read(grid.base)
    axes = grid.axes
    cells = [
        _cell(grid, base, choices, seed)
        for seed in seeds or grid.seeds
        for choices in itertools.product(*axes)
    ]
    names = [cell.id for cell in cells]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(
                f"two cells are called {name}",
                where=grid.place,
                allowed="labels must differ",
                remedy="rename a label or drop a seed",
            )
    _check_reference(grid, axes)
    return cells


def _cell(grid: Grid, base: Config, choices: Sequence[Choice], seed: int) -> Cell:
    label = _label_of(choices)
    group = _label_of(choices[1:]) if grid.search else ""
    changes = dict(grid.set)
    for choice in choices:
        # A later axis counts before an earlier one.
        changes |= choice.set
    # Last: seed and threads are the grid's, whatever a choice sets.
    changes |= {"train.seed": seed, "train.threads": grid.threads}
    try:
        return Cell(label, seed, base.replace(**changes), group)
    except ConfigError as error:
        raise ConfigError(
            error.found,
            where=f"{grid.place}, cell {label!r}",
            allowed=error.allowed,
            remedy=error.remedy,
        ) from None


def _check_search(grid: Grid) -> None:
    """Something varies, and what is drawn is what the label says."""
    if grid.search is None:
        if not grid.axis:
            raise ConfigError(
                "nothing varies in this grid",
                where=grid.place,
                allowed="axis (every combination), search (settings drawn at random), or both",
            )
        return
    fixed = {"train.seed", "train.threads"}
    for choice in itertools.chain(*grid.axis):
        fixed |= choice.set.keys()
    for key in grid.search.draw:
        if key in fixed:
            raise ConfigError(
                f"search.draw has {key}, which the grid sets itself",
                where=grid.place,
                allowed="keys that no axis sets, and neither train.seed nor train.threads",
            )
    n_drawn = len(grid.search.settings())
    if n_drawn < grid.search.n:
        raise ConfigError(
            f"search.n is {grid.search.n}, and only {n_drawn} different settings were drawn",
            where=grid.place,
            remedy=f"set search.n = {n_drawn}, or draw from more values",
        )


def _check_reference(grid: Grid, axes: Sequence[Sequence[Choice]]) -> None:
    """A cell's whole label, or that of a choice in the last axis."""
    known = [_label_of(choices) for choices in itertools.product(*axes)]
    known += [choice.label for choice in axes[-1]]
    if grid.reference is not None and grid.reference not in known:
        raise ConfigError(
            f"the reference {grid.reference[:80]!r} is no cell's label",
            where=grid.place,
            allowed="a whole label, or that of a choice in the last axis",
            remedy=nearest(grid.reference[:80], known),
        )


def labels_of(axis: Sequence[Sequence[Document]]) -> list[str]:
    """The labels of a written grid's cells.

    Args:
        axis: of a table.json: axes of choices.

    Returns:
        Labels in the grid's order.
    """
    labels = []
    for choices in itertools.product(*axis):
        labels.append(_joined(choice["label"] for choice in choices))
    return labels


def _label_of(choices: Iterable[Choice]) -> str:
    return _joined(choice.label for choice in choices)


def _joined(labels: Iterable[str]) -> str:
    return " · ".join(label for label in labels if label)
