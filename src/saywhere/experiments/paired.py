"""The statistics of a table's cells: means over seeds and cases, and paired differences.

All are over the cases that have a target, see `experiments.scored_cases`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from saywhere.errors import UsageError
from saywhere.experiments.cell_record import CellResult
from saywhere.experiments.scored_cases import scored
from saywhere.metrics.statistics import PairedDifference, hierarchical_difference, rank_biserial

RESAMPLES = 4000
"""Of a bootstrap: so many that the second digit of an interval's end stays."""


def mean_dice(cells: Sequence[CellResult]) -> PairedDifference:
    """Mean Dice per case with the right prompt, over the cells' seeds and cases.

    Args:
        cells: of one label, a seed each.

    Returns:
        The mean as a difference from 0; its p says nothing.

    Raises:
        UsageError: where a cell lacks a case of the first one.
    """
    dice = _matrix(cells, "right", _names(cells[0], "right"))
    # One fixed seed: equal results give an equal table.
    return hierarchical_difference(dice, np.zeros_like(dice), RESAMPLES, 0)


def words_gap(cells: Sequence[CellResult], kind: str) -> PairedDifference:
    """Dice with the right prompt minus Dice with another kind of prompt.

    Args:
        cells: of one label, a seed each.
        kind: empty, shuffled, contradictory or unseen.

    Returns:
        The difference over the cases that have such a prompt, and over seeds.

    Raises:
        UsageError: where a cell lacks a case of the first one.
    """
    names = _names(cells[0], kind)
    right = _matrix(cells, "right", names)
    return hierarchical_difference(right, _matrix(cells, kind, names), RESAMPLES, 0)


def case_difference(
    cells: Sequence[CellResult], reference: Sequence[CellResult], measure: str = "dice"
) -> PairedDifference:
    """What these cells reach with the right prompt minus what the reference reaches.

    Args:
        cells: of one label, a seed each.
        reference: of another label.
        measure: dice or iou.

    Returns:
        The paired difference over the seeds that both have, and over cases.

    Raises:
        UsageError: where they have no seed in common, or a cell lacks a case.
    """
    if not has_shared_seed(cells, reference):
        raise UsageError(
            "no seed in common",
            where=f"{cells[0]['label']}, {reference[0]['label']}",
            remedy="run `saywhere experiment` with a seed of both",
        )
    return hierarchical_difference(*_paired(cells, reference, measure), RESAMPLES, 0)


def seed_differences(
    cells: Sequence[CellResult], reference: Sequence[CellResult], measure: str = "dice"
) -> tuple[float, ...]:
    """Each seed's own difference; `case_difference` is their mean.

    Args:
        cells: of one label, a seed each.
        reference: of another label.
        measure: dice or iou.

    Returns:
        One number per seed that both have.

    Raises:
        UsageError: where a cell lacks a case.
    """
    values, others = _paired(cells, reference, measure)
    return tuple(float(gain) for gain in (values - others).mean(axis=1))


def effect(cells: Sequence[CellResult], reference: Sequence[CellResult]) -> float:
    """The rank-biserial correlation of the cases' mean Dice with the right prompt, in [-1, 1].

    Args:
        cells: of one label, a seed each.
        reference: of another label, with a seed in common.

    Returns:
        1 where every case gains.
    """
    values, others = _paired(cells, reference)
    # Of each case's mean over seeds, as p is.
    return rank_biserial(values.mean(axis=0), others.mean(axis=0))


def has_shared_seed(cells: Sequence[CellResult], reference: Sequence[CellResult]) -> bool:
    """Whether two labels have a finished cell of one seed."""
    return bool(_shared(cells, reference))


def _paired(
    cells: Sequence[CellResult], reference: Sequence[CellResult], measure: str = "dice"
) -> tuple[np.ndarray, np.ndarray]:
    """A measure (seed, case) of both, for the seeds that both have and in one order of cases."""
    seeds = _shared(cells, reference)
    own = [cell for cell in cells if cell["seed"] in seeds]
    other = [cell for cell in reference if cell["seed"] in seeds]
    names = _names(own[0], "right")
    return _matrix(own, "right", names, measure), _matrix(other, "right", names, measure)


def _shared(cells: Sequence[CellResult], reference: Sequence[CellResult]) -> set[int]:
    return {cell["seed"] for cell in cells} & {cell["seed"] for cell in reference}


def _names(cell: CellResult, kind: str) -> list[str]:
    """Of the cases with a target that have a prompt of this kind."""
    return [case["id"] for case in scored(cell, kind)]


def _matrix(
    cells: Sequence[CellResult], kind: str, names: Sequence[str], measure: str = "dice"
) -> np.ndarray:
    """A measure (seed, case) with prompts of this kind, by the cases' names."""
    return np.array([_values(cell, kind, names, measure) for cell in cells])


def _values(cell: CellResult, kind: str, names: Sequence[str], measure: str) -> list[float]:
    chosen = (case for case in cell["cases"] if case["words"] == kind)
    # A measure's name is data; the record's type knows it as a key only.
    values: dict[str, float] = {
        case["id"]: case[measure]  # type: ignore[literal-required]
        for case in chosen
    }
    lacking = [name for name in names if name not in values]
    if lacking:
        raise UsageError(
            f"{len(lacking)} of {len(names)} cases are not there with {kind} words "
            f"(the first: {lacking[0]})",
            where=f"{cell['label']}, seed {cell['seed']}",
            allowed="differences are of the same cases",
            remedy="move that result file away and run `saywhere experiment` again",
        )
    return [values[name] for name in names]
