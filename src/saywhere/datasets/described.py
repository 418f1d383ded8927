"""A manifest with sentences made from its masks, beside whatever it says already."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from saywhere.captions.grid import Example, PlaceRule, fit_places
from saywhere.captions.lungs import LungRule, fit_lungs
from saywhere.data.manifest import Manifest, Row, write_manifest
from saywhere.datasets.describe import describe
from saywhere.errors import ConfigError, UnreadableFile, UsageError, nearest
from saywhere.io import images
from saywhere.text.directions import positions

LEVEL = "described"


def describe_manifest(
    manifest: Manifest, to: Path, target: str, level: str | None, advance: Callable[[int], None]
) -> tuple[PlaceRule | LungRule, list[str]]:
    """Write `to`: every row as it is, a level "described", and `oracle: true`, because it comes from the truth.

    `level`: fit the words for places to what the training rows say at this level (where they name thirds of lungs, all is said as they say it);
    None: thirds of the image.
    Returns the rule, and what could not be described, in whole sentences: such rows are kept without the level.
    Raises: UsageError, ConfigError, NotWritable.
    """
    if to.resolve() == manifest.path.resolve():
        raise UsageError(
            f"--to is the manifest itself ({to})",
            allowed="it stays as it is",
            remedy="choose another name for --to",
        )
    if level is not None and level not in manifest.levels:
        raise ConfigError(
            f"no prompts {level!r}", where=manifest.path, remedy=nearest(level, manifest.levels)
        )
    rule = (
        PlaceRule()
        if level is None
        else fit_rule(manifest.split("train") or manifest.rows, [level])
    )
    rows, faults = [], []
    for row in manifest.rows:
        try:
            said = {} if row.mask is None else {LEVEL: _said(row.mask, target, rule)}
        except UnreadableFile as error:
            said = {}
            faults.append(f"row {row.number} is not described: {error}")
        rows.append(_record(row, to.parent, said))
        advance(1)
    write_manifest(to, rows)
    return rule, faults


def fit_rule(rows: Sequence[Row], levels: Sequence[str]) -> PlaceRule | LungRule:
    """The rule of the rows' own sentences."""
    examples = examples_of(rows, levels)
    return fit_lungs(examples) or fit_places(examples)


def examples_of(rows: Sequence[Row], levels: Sequence[str]) -> list[Example]:
    """Each row's first sentence of these levels that names a position, with its mask, read when it is asked for."""
    return [Example(_first_sentence(row, levels), partial(_mask_of, row)) for row in rows]


def _first_sentence(row: Row, levels: Sequence[str]) -> str:
    for level in levels:
        for text in row.prompts.get(level, ()):
            if positions(text):
                return text
    return ""


def _mask_of(row: Row) -> np.ndarray | None:
    """None where a row has no mask, or one that cannot be read: the row's own fault, and told where the row is used."""
    try:
        return None if row.mask is None else images.read_mask(row.mask)
    except UnreadableFile:
        return None


def _said(mask: Path, target: str, rule: PlaceRule | LungRule) -> str:
    pixels = images.read_mask(mask)
    return rule.sentence(pixels) if isinstance(rule, LungRule) else describe(pixels, target, rule)


def _record(row: Row, folder: Path, said: dict[str, str]) -> dict[str, Any]:
    """A row as a manifest in `folder` has it."""
    spoken: dict[str, Any] = {
        level: texts[0] if len(texts) == 1 else list(texts) for level, texts in row.prompts.items()
    }
    record = {"id": row.id, "image": _from(folder, row.image), "mask": _from(folder, row.mask) if row.mask else None, "split": row.split,
              "prompts": spoken | said, "group": row.group, "frame": row.frame,
              "oracle": True if said else row.oracle, "meant": ", ".join(row.meant) or None}  # fmt: skip
    return {key: value for key, value in record.items() if value is not None} | row.extra


def _from(folder: Path, path: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()
