"""A manifest with sentences made from its masks, beside whatever it says already."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from saywhere.captions.grid import Example, PlaceRule, fit_places
from saywhere.captions.lungs import LungRule, fit_lungs
from saywhere.data.manifest import Manifest, write_manifest
from saywhere.data.manifest_row import Row, written_frame, written_prompts
from saywhere.data.records import Fields
from saywhere.datasets.describe import describe
from saywhere.errors import ConfigError, MissingFile, UnreadableFile, UsageError, nearest
from saywhere.io import images
from saywhere.text.directions import positions
from saywhere.text.frames import IMAGE

LEVEL = "described"


LABEL = "label"
"""The column that `prepare --label` writes: what a row's mask shows."""


@dataclass(frozen=True)
class Nouns:
    """What to call a row's target.

    Attributes:
        default: for rows without a label.
        of_label: label → its noun; other labels are called as they are.
    """

    default: str = "lesion"
    of_label: Mapping[str, str] = field(default_factory=dict)

    def of(self, row: Row) -> str:
        """The noun for a row's mask.

        Args:
            row: perhaps of one label of a label map.

        Returns:
            The label's noun, else the default.
        """
        # A number is no noun, whatever the column holds.
        label = row.extra.get(LABEL)
        if not isinstance(label, str) or not label.strip():
            return self.default
        return self.of_label.get(label, label)


def describe_manifest(
    manifest: Manifest,
    to: Path,
    target: str | Nouns,
    level: str | None,
    advance: Callable[[int], None],
) -> tuple[PlaceRule | LungRule, list[str]]:
    """Write a manifest with a level "described", its sentences made from the masks.

    Every other column stays as it is. The rows get `oracle: true`, because the sentences come from
    the truth.

    Args:
        manifest: the rows to describe.
        to: the manifest to write.
        target: what the masks show, as a noun. Rows of a label map are called by their labels.
        level: fit the names of places to the training rows' prompts of this level. Where those name
            thirds of lungs, all is written as they write it. None: thirds of the image.
        advance: called with 1 after each row.

    Returns:
        The rule, and a sentence for each row that could not be described. Such rows are written
        without the level.

    Raises:
        UsageError: `to` is the manifest itself.
        ConfigError: there is no such level.
        NotWritable: `to` cannot be written.
    """
    # Resolved, since two spellings may name one file.
    if to.resolve() == manifest.path.resolve():
        raise UsageError(
            f"--to is the manifest itself ({to})",
            allowed="it stays as it is",
            remedy="choose another name for --to",
        )
    nouns = Nouns(target) if isinstance(target, str) else target
    rule = _rule(manifest, level)
    records: list[Fields] = []
    faults: list[str] = []
    for row in manifest.rows:
        try:
            sentence = None if row.mask is None else _sentence(row.mask, nouns.of(row), rule)
        except (MissingFile, UnreadableFile) as error:
            # One bad file of thousands must not end the work on the others.
            sentence = None
            faults.append(f"row {row.number} is not described: {error}")
        records.append(_record(row, to.parent, sentence))
        advance(1)
    write_manifest(to, records)
    return rule, faults


def _rule(manifest: Manifest, level: str | None) -> PlaceRule | LungRule:
    if level is None:
        return PlaceRule()
    if level not in manifest.levels:
        raise ConfigError(
            f"no prompts {level!r}", where=manifest.path, remedy=nearest(level, manifest.levels)
        )
    # The training rows, so that no sentence of the test set shapes the rule.
    return fit_rule(manifest.split("train") or manifest.rows, [level])


def fit_rule(rows: Sequence[Row], levels: Sequence[str]) -> PlaceRule | LungRule:
    """Fit the rule by which the rows' own sentences name places.

    Args:
        rows: with prompts and masks.
        levels: the prompt levels to read, the first one first.

    Returns:
        The rule of LViT's sentences where most are of that form, else a rule of the 3×3 grid.
    """
    examples = examples_of(rows, levels)
    return fit_lungs(examples) or fit_places(examples)


def examples_of(rows: Sequence[Row], levels: Sequence[str]) -> list[Example]:
    """Pair each row's mask with its first sentence that names a position.

    Args:
        rows: with prompts and masks.
        levels: the prompt levels to read, the first one first.

    Returns:
        One example per row; its mask is read only when it is called for.
    """
    return [Example(_first_sentence(row, levels), partial(_mask_of, row)) for row in rows]


def _first_sentence(row: Row, levels: Sequence[str]) -> str:
    for level in levels:
        for text in row.prompts.get(level, ()):
            if positions(text):
                return text
    return ""


def _mask_of(row: Row) -> np.ndarray | None:
    """None where a row has no mask, or one that cannot be read.

    That is the row's own fault, and reported where the row is used.
    """
    try:
        return None if row.mask is None else images.read_mask(row.mask)
    except (MissingFile, UnreadableFile):
        return None


def _sentence(mask: Path, target: str, rule: PlaceRule | LungRule) -> str:
    pixels = images.read_mask(mask)
    return rule.sentence(pixels) if isinstance(rule, LungRule) else describe(pixels, target, rule)


def _record(row: Row, folder: Path, sentence: str | None) -> Fields:
    """A row as a manifest in `folder` has it."""
    described: dict[str, str | list[str]] = {} if sentence is None else {LEVEL: sentence}
    record = {
        "id": row.id,
        "image": _from(folder, row.image),
        "mask": _from(folder, row.mask) if row.mask else None,
        "split": row.split,
        "prompts": written_prompts(row) | described,
        "group": row.group,
        # The sentences that are written here name the image's sides, whatever the others name.
        **written_frame(_with_described(row) if described else row),
        "oracle": True if described else row.oracle,
        "meant": ", ".join(row.meant) or None,
    }
    # Last the columns that Saywhere does not know: they stay as they are.
    return {key: value for key, value in record.items() if value is not None} | row.extra


def _with_described(row: Row) -> Row:
    is_needed = bool(row.frames) or row.frame != IMAGE
    return replace(row, frames=row.frames | {LEVEL: IMAGE}) if is_needed else row


def _from(folder: Path, path: Path) -> str:
    # The new manifest may lie in another folder than the old one.
    return Path(os.path.relpath(path, folder)).as_posix()
