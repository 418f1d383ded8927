"""Label maps whose values a user names: one row a label, with a binary mask and a prompt."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from saywhere.datasets.layout import first_of
from saywhere.datasets.set_writer import Case, stored_mask_of
from saywhere.errors import ManifestError, UnreadableFile, UsageError, counted
from saywhere.io.labels import LabelMap, StoredMask, comparable_label, label_values

LEVEL = "prompt"
"""The prompt level that a label's name is written to."""
Labels = Mapping[str, tuple[str, ...]]
"""A label's name → the values that stand for it, as `StoredMask.all_names` writes them."""
_VALUE = re.compile(r"[0-9]{1,10}|#[0-9a-f]{6}")
_BACKGROUND = ("0", "#000000")


def parse_labels(options: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Read what the values of label maps mean.

    Args:
        options: `VALUE=NAME` each; a value is a whole number, `#rrggbb` of a coloured mask, or the
            label of a DICOM SEG's segment, in large or small letters. Values of one name are
            joined.

    Returns:
        Name → values, in order.

    Raises:
        UsageError: for anything else, a value that stands twice, and the background.
    """
    labels: dict[str, tuple[str, ...]] = {}
    seen: set[str] = set()
    for option in options:
        written, equals, name = (part.strip() for part in option.partition("="))
        value = _value(written)
        if value in _BACKGROUND or not equals or not option.isprintable():
            raise _wrong(f"--label {option!r}")
        # Of "polyp=2", the value was written last.
        if not _VALUE.fullmatch(value) and (_VALUE.fullmatch(name) or not _has_letters(written)):
            raise _wrong(f"--label {option!r}")
        if not name:
            raise _wrong(f"--label {option!r} without a name")
        if value in seen:
            raise _wrong(f"--label names the value {value} twice")
        seen.add(value)
        labels[name] = (*labels.get(name, ()), value)
    return labels


def _value(written: str) -> str:
    # Leading zeros mean nothing, and "0" itself must stay.
    if written.isdecimal():
        return written.lstrip("0") or "0"
    return comparable_label(written)


def _has_letters(written: str) -> bool:
    return any(character.isalpha() for character in written)


def _wrong(problem: str) -> UsageError:
    return UsageError(
        problem,
        allowed="VALUE=NAME, a value once; 0 is the background. A segment of a DICOM SEG may be "
        "written by its label",
        remedy="write it as --label 2=polyp, or --label '#ff0000=polyp' for a coloured mask",
    )


def rows_per_label(cases: Sequence[Case], labels: Labels) -> tuple[list[Case], list[str]]:
    """Make one case of each label that an image's mask holds.

    A label that a mask does not hold gets no row. A mask that cannot be read stays one case, for
    `saywhere check` to set aside.

    Args:
        cases: one an image.
        labels: what the values mean.

    Returns:
        The cases, and warnings that count what was left out.

    Raises:
        LabelMap: a JPEG holds more than two values.
        ManifestError: no mask holds a value that is named.
    """
    values = _ValueCounts(labels)
    labelled: list[Case] = []
    without: list[str] = []
    for case in cases:
        stored = _labels_of(case)
        if stored is None:
            labelled.append(case)
            continue
        names = values.add(stored)
        labelled += [_of_label(case, name, labels[name]) for name in names]
        if not names:
            without.append(case.stem)
    # An error says more than a set without rows.
    if len(without) == len(cases):
        raise values.nothing_named(cases[0].mask.parent)
    warnings = [*_dropped_texts(cases), *values.warnings()]
    if without:
        warnings.append(
            counted(
                len(without),
                "image holds none of the labels and has no row",
                "images hold none of the labels and have no row",
            )
            + f" {first_of(without)}"
        )
    return labelled, warnings


def _labels_of(case: Case) -> StoredMask | None:
    """None for a file that is no mask. Raises LabelMap for a JPEG of several values."""
    try:
        return label_values(stored_mask_of(case), case.mask_source.file)
    except LabelMap:
        raise
    except UnreadableFile:
        return None


def _of_label(case: Case, name: str, values: tuple[str, ...]) -> Case:
    # The name goes into a file's name, where slashes and colons may not stand.
    plain = "".join(character if character.isalnum() else "-" for character in name)
    return replace(
        case,
        stem=f"{case.stem}-{plain}",
        prompts={LEVEL: name},
        columns={"label": name, **case.columns},
        label=values,
        image_stem=case.stem,
    )


def _dropped_texts(cases: Sequence[Case]) -> list[str]:
    n_texts = sum(bool(case.prompts) for case in cases)
    if not n_texts:
        return []
    return [
        f"the table's sentences ({counted(n_texts, 'image')}) are left out: they speak of a "
        "whole image, and with --label each row is of one label and has its name as prompt"
    ]


class _ValueCounts:
    """Which values the masks hold, named or not."""

    def __init__(self, labels: Labels) -> None:
        self.name_of = {value: name for name, values in labels.items() for value in values}
        self.labels = labels
        self.pixels: Counter[str] = Counter()
        self.masks: defaultdict[str, int] = defaultdict(int)
        # What of `--label` some mask holds, and which values of the masks it names.
        self.used: set[str] = set()
        self.named: set[str] = set()

    def add(self, stored: StoredMask) -> list[str]:
        """Count a mask's values. Returns the names of the labels that it holds."""
        present: set[str] = set()
        for value, n in stored.counts.items():
            if not value:
                continue
            names = stored.all_names(value) & self.name_of.keys()
            present |= names
            # By number: a segment's label is text of the header, and stays there.
            number = stored.name(value)
            self.named |= {number} if names else set()
            self.pixels[number] += n
            self.masks[number] += 1
        self.used |= present
        return [name for name, values in self.labels.items() if present & set(values)]

    def warnings(self) -> list[str]:
        """Of values without a name, and names without a pixel."""
        unnamed = [
            f"value {value} has no --label and counts as background ({self._counted(value)})"
            for value in self.masks
            if value not in self.named
        ]
        absent = [
            f"no mask holds the value {value} (--label {value}={name})"
            for value, name in self.name_of.items()
            if value not in self.used
        ]
        return unnamed + absent

    def nothing_named(self, folder: Path) -> ManifestError:
        """The error where no row is left."""
        present = ", ".join(f"{value} ({self._counted(value)})" for value in self.masks)
        return ManifestError(
            f"no mask holds a value that --label names ({', '.join(self.name_of)})",
            where=folder,
            allowed=f"the masks hold {present or 'background only'}",
            remedy="name one of these values",
        )

    def _counted(self, value: str) -> str:
        return f"{self.pixels[value]:,} px in {counted(self.masks[value], 'mask')}"
