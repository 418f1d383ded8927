"""Masks that may have foreground and background exchanged.

Such a mask may be meant, so that its row is warned of and stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from saywhere.captions.grid import Example, PlaceRule
from saywhere.captions.lungs import LungRule
from saywhere.data.checks import CheckReport
from saywhere.data.file_checks import Facts
from saywhere.data.manifest_row import Row
from saywhere.datasets.described import examples_of, fit_rule
from saywhere.datasets.layout import first_of
from saywhere.errors import counted

LARGE = 0.9
"""A mask with a greater share of foreground is told of: a target rarely fills a picture."""
FEWEST_AROUND = 3
"""Of one or two masks, nobody calls anything the set's habit."""
FEWEST_SENTENCES = 20
LEAST_AGREEMENT = 0.5
"""A set has a rule where so many sentences, and such a share of them, follow it."""


def inverted_masks(report: CheckReport) -> list[str]:
    """Warn of the clean rows whose masks look inverted.

    Either more than 90 % of a mask is foreground; or its background lies where the row's sentence
    says, by the rule that the set's sentences follow, and its foreground does not; or the
    foreground of most masks of the set lies around their background.

    Args:
        report: of a check.

    Returns:
        A sentence for each of the kinds that occur.
    """
    rows = [row for row in report.manifest.rows if row.mask in report.masks]
    large = [row for row in rows if _facts(report, row).foreground > LARGE]
    others = [row for row in rows if _facts(report, row).is_around and row not in large]
    contradicted = _contradicted(report, rows, others) if others else []
    around = [row for row in rows if _facts(report, row).is_around]
    is_most = len(around) >= FEWEST_AROUND and len(around) > len(rows) / 2
    kinds = {
        "a foreground that lies around the background, as most of the set": (
            [row for row in others if row not in contradicted] if is_most else []
        ),
        f"more than {LARGE:.0%} foreground": large,
        "a background that fits the sentence better than the foreground": contradicted,
    }
    return [_warning(what, chosen) for what, chosen in kinds.items() if chosen]


def _facts(report: CheckReport, row: Row) -> Facts:
    assert row.mask is not None
    return report.masks[row.mask]


def _contradicted(report: CheckReport, rows: Sequence[Row], suspects: list[Row]) -> list[Row]:
    """Those suspects of which the background alone fits, where the set has a rule."""
    levels = report.manifest.levels
    # Suspects would teach the rule the very error that is looked for.
    rule = fit_rule([row for row in rows if row not in suspects], levels)
    if rule.n < FEWEST_SENTENCES or (rule.agreement or 0.0) < LEAST_AGREEMENT:
        return []
    examples = zip(suspects, examples_of(suspects, levels))
    return [row for row, example in examples if _is_inverted(rule, example)]


def _is_inverted(rule: PlaceRule | LungRule, example: Example) -> bool:
    mask = example.mask()
    if mask is None:
        return False
    as_stored, inverted = (
        rule.fit_on([example._replace(mask=partial(np.array, pixels))]).agreement
        for pixels in (mask, ~mask)
    )
    return as_stored == 0 and inverted == 1


def _warning(what: str, rows: Sequence[Row]) -> str:
    names = first_of([row.id for row in rows])
    subject = counted(len(rows), "mask has", "masks have")
    return f"{subject} {what}: inverted? background is 0 {names}"
