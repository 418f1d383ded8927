"""Cases of a table whose true mask is empty: counted, and no part of a mean Dice.

Dice is 1 or 0 there. A model that marks nothing would earn the share of such cases.
"""

from __future__ import annotations

from collections.abc import Sequence

from saywhere.experiments.cell_record import Case, CellResult


def is_negative(case: Case) -> bool:
    """Tell whether nothing is there to be marked.

    Args:
        case: of a result file; an old one holds no pixels, and counts as one with a target.

    Returns:
        True where the true mask is empty.
    """
    if "true_positive" not in case or "false_negative" not in case:
        return False
    return case["true_positive"] + case["false_negative"] == 0


def scored(cell: CellResult, kind: str) -> list[Case]:
    """The cases that a mean Dice is taken over.

    Args:
        cell: a finished cell.
        kind: of the prompts, as "right".

    Returns:
        Those with a target; all of this kind where none has one, since a mean of none is none.
    """
    own = [case for case in cell["cases"] if case["words"] == kind]
    return [case for case in own if not is_negative(case)] or own


def left_empty(cells: Sequence[CellResult], kind: str = "right") -> tuple[int, int]:
    """How many cases without a target the cells left empty.

    Args:
        cells: of one label, a seed each.
        kind: of the prompts.

    Returns:
        The number left empty and the number of cases, over all seeds; (0, 0) where every case has
        a target.
    """
    cases = [case for cell in cells for case in cell["cases"] if case["words"] == kind]
    negatives = [case for case in cases if is_negative(case)]
    return sum(case.get("false_positive", 0) == 0 for case in negatives), len(negatives)
