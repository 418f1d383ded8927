"""Lesions that the network's size is too coarse for, in words."""

from __future__ import annotations

from saywhere.data.checks import CheckReport
from saywhere.data.file_checks import Facts
from saywhere.data.manifest_row import Row
from saywhere.io.framing import Framing
from saywhere.io.pseudonyms import Pseudonyms, hasher

N_NAMED = 3


def small_lesions(
    report: CheckReport, framing: Framing, pseudonyms: Pseudonyms | None = None
) -> list[str]:
    """Count the lesions that are too small for the network, and say what becomes of them.

    Args:
        report: of a check with this framing.
        framing: how masks come to the network's size.
        pseudonyms: where given, the ids in the sentence are hashed.

    Returns:
        One sentence; none where every lesion of the clean rows is seen.
    """
    rows = [row for row in report.manifest.rows if row.mask in report.masks]
    hit = [row for row in rows if _facts(report, row).n_vanishing]
    if not hit:
        return []
    n_lesions = sum(_facts(report, row).n_lesions for row in rows)
    n_vanishing = sum(_facts(report, row).n_vanishing for row in hit)
    hashed = hasher(pseudonyms)
    counted = (
        f"{n_vanishing:,} of {n_lesions:,} lesions, in {len(hit):,} of {len(rows):,} masks "
        f"(the first: {', '.join(hashed(row.id) for row in hit[:N_NAMED])}), are too small for "
        f"{framing.size} px"
    )
    if framing.mask_resize == "area":
        return [f"{counted}: each is drawn as one pixel; a larger data.size shows more of them"]
    n_emptied = sum(_facts(report, row).is_emptied for row in hit)
    return [
        f"{counted}, and vanish by the nearest pixel; masks that become empty: {n_emptied:,}, "
        "whose sentences teach that nothing is there; set data.mask_resize = 'area', or a larger "
        "data.size"
    ]


def _facts(report: CheckReport, row: Row) -> Facts:
    assert row.mask is not None
    return report.masks[row.mask]
