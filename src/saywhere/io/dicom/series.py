"""DICOM files of a folder or an archive → series, their slices in the order of their places."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from saywhere.io.dicom import header
from saywhere.io.dicom.reader import refuse_others
from saywhere.io.foreign import refusing

STEP = 0.01
"""Millimetres; slices that lie closer to each other lie at one place."""
Item = TypeVar("Item", bound=Hashable)


@dataclass(frozen=True)
class Facts(Generic[Item]):
    """What orders a file among others.

    Attributes:
        item: How the caller names the file.
        name: Its file's name, the last resort of the order.
        series: SeriesInstanceUID; never shown.
        instance: SOPInstanceUID; never shown.
        number: InstanceNumber, or None.
        position: ImagePositionPatient, or None.
        orientation: ImageOrientationPatient, rounded, or None.
        size: (rows, columns).
        n_frames: Of the file.
        is_localizer: Is it an overview, on which others were planned?
        sha256: Of the file's content.
    """

    item: Item
    name: str
    series: str
    instance: str
    number: int | None
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    size: tuple[int, int]
    n_frames: int
    is_localizer: bool
    sha256: str


@dataclass(frozen=True)
class Series(Generic[Item]):
    """Files that belong together.

    Attributes:
        items: In the order of their places.
        notes: What a reader would not expect: gaps, slices at one place, an order by number.
        copies: Items that are copies of others, and are left out.
    """

    items: tuple[Item, ...]
    notes: tuple[str, ...]
    copies: tuple[Item, ...] = ()


def facts_of(content: bytes, path: Path, item: Item, name: str) -> Facts[Item]:
    """Read what orders a file among others.

    Args:
        content: All of its bytes.
        path: How errors name it.
        item: How the caller names it.
        name: Of the file.

    Returns:
        The facts.

    Raises:
        MissingExtra: pydicom is not installed.
        UnreadableFile: It is no image, or damaged.
    """
    dataset = header.parse(content, path)
    with refusing(header.damaged, path), header.quiet():
        refuse_others(dataset, path)
        kinds = [str(kind).upper() for kind in dataset.get("ImageType") or []]
        number = header.numbers(dataset, "InstanceNumber")
        position = header.numbers(dataset, "ImagePositionPatient")
        orientation = header.numbers(dataset, "ImageOrientationPatient")
        return Facts(
            item=item,
            name=name,
            series=header.text(dataset, "SeriesInstanceUID") or "",
            instance=header.text(dataset, "SOPInstanceUID") or "",
            number=int(number[0]) if number else None,
            position=tuple(position) if len(position) == 3 else None,
            orientation=_rounded(orientation) if len(orientation) == 6 else None,
            size=(
                int(header.number(dataset, "Rows", 0)),
                int(header.number(dataset, "Columns", 0)),
            ),
            n_frames=max(1, int(header.number(dataset, "NumberOfFrames", 1))),
            is_localizer="LOCALIZER" in kinds,
            sha256=hashlib.sha256(content).hexdigest(),
        )


def group(facts: Sequence[Facts[Item]]) -> list[Series[Item]]:
    """Group files into series and order their slices.

    Files of one SeriesInstanceUID, orientation and size belong together; a localizer, and a file
    of several frames, stands alone. Slices are ordered by their place along the series' normal;
    where a place is missing by InstanceNumber, and where that is missing by name.

    Args:
        facts: Of all files.

    Returns:
        The series, by the name of their first file; localizers last.
    """
    groups: dict[Hashable, list[Facts[Item]]] = {}
    for fact in facts:
        groups.setdefault(_key(fact), []).append(fact)
    series = sorted(groups.values(), key=lambda of_it: (of_it[0].is_localizer, _first(of_it)))
    return [_ordered(of_it) for of_it in series]


def _key(fact: Facts[Item]) -> Hashable:
    # Films and photographs of one series show no body slice by slice: each is a picture.
    if not fact.series or fact.n_frames > 1 or fact.orientation is None:
        return fact.item
    # A localizer's views look in different directions: each is a picture of its own.
    return (fact.series, fact.size, fact.orientation, fact.item if fact.is_localizer else None)


def _first(facts: Sequence[Facts[Item]]) -> str:
    return min(fact.name for fact in facts)


def _rounded(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(round(value, 3) + 0.0 for value in values)


def _ordered(facts: Sequence[Facts[Item]]) -> Series[Item]:
    distinct: dict[Hashable, Facts[Item]] = {}
    copies = []
    for fact in sorted(facts, key=lambda fact: fact.name):
        # One UID on two pictures is a mistake of some program; both are kept.
        key = (fact.instance, fact.sha256)
        if key in distinct:
            copies.append(fact.item)
        distinct.setdefault(key, fact)
    members = list(distinct.values())
    notes = []
    if all(fact.position is not None and fact.orientation is not None for fact in members):
        places = {fact.item: _place(fact) for fact in members}
        members.sort(key=lambda fact: (places[fact.item], fact.number or 0, fact.name))
        notes = _of_distances([places[fact.item] for fact in members])
    elif len(members) > 1:
        members.sort(key=lambda fact: (fact.number is None, fact.number or 0, fact.name))
        by = "number" if all(fact.number is not None for fact in members) else "name"
        notes = [f"its slices do not say where they lie: they are ordered by {by}"]
    return Series(tuple(fact.item for fact in members), tuple(notes), tuple(copies))


def _place(fact: Facts[Item]) -> float:
    """Along the normal of the slices, mm."""
    directions = np.array(fact.orientation)
    return round(float(np.dot(np.cross(directions[:3], directions[3:]), fact.position or ())), 3)


def _of_distances(places: Sequence[float]) -> list[str]:
    steps = [second - first for first, second in pairwise(places)]
    further = [step for step in steps if step > STEP]
    n_doubled = len(steps) - len(further)
    notes = []
    if n_doubled:
        notes.append(f"{n_doubled:,} slices lie at the place of another one")
    if further:
        usual = float(np.median(further))
        n_missing = sum(round(step / usual) - 1 for step in further if step > 1.5 * usual)
        if n_missing:
            notes.append(
                f"there are gaps: {n_missing:,} slices seem to be missing "
                f"(the others are {usual:.3g} mm apart)"
            )
    return notes
