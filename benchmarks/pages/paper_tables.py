"""Tables of docs/paper.md: one row a set, of the committed grids.

What the other pages show in full stands here once, so that a reader sees all sets side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from claims import FUSED, FUSED_ON, LATE, LUNGS, MOSAICS, PUBLISHED
from sources import markdown
from verdicts import gained, hearing, results_of, seeds

from saywhere.errors import MissingFile
from saywhere.experiments.compare import gap


class Place(NamedTuple):
    """Where fusing first was compared: a set, and its cells of one table."""

    shown: str
    table: str
    fused: str = FUSED
    untouched: str = "early · untouched"
    swapped: str = "early · swap"
    still: str = "early · still"
    alone: str = "image only"


def _of_curve(shown: str, table: str, size: str) -> Place:
    """The largest size of a learning curve."""
    arms = ("fuse-first", "untouched", "swap", "still", "image only")
    return Place(shown, table, *(f"{size} · {arm}" for arm in arms))


PLACES = (
    Place(LUNGS, "lungs_fusions"),
    _of_curve("Phantoms", "learning_phantoms", "all"),
    Place(MOSAICS, "mosaic_fusions"),
    Place("3×3 mosaics", "mosaic3_fusions"),
    Place("QaTa-COV19, films of infection", "qata_fusions"),
    Place("Kvasir-SEG, one polyp an image", "kvasir_fusions"),
    Place("Kvasir-SEG, 3,200 steps", "kvasir_longer"),
)
"""Where a prompt decides first, where one lesion fills the image last."""


def _where_it_pays() -> str:
    """Fuse-first minus each other policy, a set a row."""
    rows: list[tuple[str, ...]] = []
    for place in PLACES:
        others = (place.untouched, place.alone, place.swapped, place.still)
        shown = tuple(_gain(place, other) for other in others)
        n = len(results_of(place.table)[place.fused])
        rows.append((place.shown, *shown, seeds(n).split()[0]))
    heads = (
        "set",
        "− prompt not transformed",
        "− image only",
        "− left and right exchanged",
        "− no geometric augmentation",
        "seeds",
    )
    note = (
        "Mean Dice per image of fuse-first minus that of each other row [95 % over seeds and "
        "cases]; UNet of width 8 at 64 px, 800 steps of 8 unless said; equal augmentation in all "
        "but the last."
    )
    return markdown(heads, rows, note)


def _gain(place: Place, other: str) -> str:
    try:
        return gap(gained(place.table, place.fused, other).paired)
    except KeyError:
        return "–"  # this set has no such cells


def _early_or_late() -> str:
    """Fuse-first minus each late fusion, its prompt exchanged or its image left upright."""
    rows: list[tuple[str, ...]] = []
    for key, shown in FUSED_ON.items():
        for way, named in (
            ("swap", "left and right exchanged"),
            ("still", "no geometric augmentation"),
        ):
            table = f"{key}_fusions"
            ahead = [gap(gained(table, FUSED, f"{one} · {way}").paired) for one in LATE]
            rows.append((f"{shown}, {named}", *ahead))
    heads = ("set, and what late fusion does", *(f"− {name}" for name in LATE))
    return markdown(
        heads, rows, "Mean Dice per image of fuse-first minus that of each late fusion."
    )


ASKED = (
    (LUNGS, "lungs_fusions", PUBLISHED, None, FUSED),
    (MOSAICS, "heard_mosaics", "as published", "as published, region term balanced", "ours"),
    ("Phantoms", "heard_phantoms", "as published", "as published, region term balanced", "ours"),
)


def _who_is_heard() -> str:
    """Seeds whose right prompt beats a contradictory one: as published, and mended."""
    rows: list[tuple[str, ...]] = []
    for shown, table, *labels in ASKED:
        rows.append((shown, *(_hear(table, label) for label in labels)))
    heads = ("set", "as published", "with the region term balanced", "our defaults")
    note = (
        "Seeds that hear the prompt: the 95 % interval of right − contradictory lies above 0. In "
        "brackets that difference, in Dice, of each seed."
    )
    return markdown(heads, rows, note)


def _hear(table: str, label: str | None) -> str:
    if label is None:
        return "–"
    try:
        own = hearing(results_of(table)[label])
    except (MissingFile, KeyError):
        return "not measured yet"
    n_heard = sum(one.low > 0 for one in own)
    each = ", ".join(f"{one.difference:+.3f}" for one in own)
    return f"{n_heard} of {len(own)} ({each})"


TABLES: dict[str, Callable[[], str]] = {
    "paper_pays": _where_it_pays,
    "paper_late": _early_or_late,
    "paper_heard": _who_is_heard,
}
