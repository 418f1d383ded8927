"""The report's tables, as rows of ready text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from saywhere.evaluation.verdict import verdict_of
from saywhere.report.evidence import Evidence, listed, mapping
from saywhere.report.figures import bar
from saywhere.report.wording import (
    CONDITIONS,
    TONES,
    count,
    dice_of,
    has_negatives,
    images_of,
    is_number,
    left_empty_of,
    name_of,
    number,
    p_value,
    share_left_empty,
    span,
)

MEAN, POOLED = "mean over images", "pooled over all pixels"


@dataclass(frozen=True)
class MeanDice:
    """A mean Dice with its interval, as text and as a bar."""

    mean: str
    span: str
    bar: Markup


@dataclass(frozen=True)
class Gain:
    """What the right prompt is worth over another one; all empty where it was not measured."""

    difference: str = ""
    span: str = ""
    p: str = ""
    verdict: str = ""
    tone: str = "plain"


@dataclass(frozen=True)
class ConditionRow:
    """What one prompt condition reached."""

    condition: str
    """its key in summary.json"""
    name: str
    meaning: str
    n: str
    dice: MeanDice
    gain: Gain
    left_empty: str
    """of the images without a target; empty where all have one"""


@dataclass(frozen=True)
class RunRow:
    """One of the runs that stand side by side."""

    label: str
    n: str
    dice: MeanDice


@dataclass(frozen=True)
class MeasureRow:
    """A measure: its name, what kind of average it is, its value and its interval."""

    measure: str
    average: str
    value: str
    span: str = ""


@dataclass(frozen=True)
class WideRow:
    """A measure under every prompt condition."""

    measure: str
    average: str
    cells: tuple[MeasureRow, ...]


@dataclass(frozen=True)
class WideTable:
    """Every measure under every prompt condition."""

    heads: list[str]
    rows: list[WideRow]


def listening(evidence: Evidence) -> list[ConditionRow]:
    """Compare the prompt conditions.

    Args:
        evidence: a run's files.

    Returns:
        A row per condition, the right prompt first: its Dice, and what the right prompt is worth
        over it.
    """
    known = [condition for condition in CONDITIONS if condition in evidence.conditions]
    # Another version may have measured other conditions.
    others = [condition for condition in evidence.conditions if condition not in CONDITIONS]
    differences = mapping(evidence.summary.get("listening"))
    return [
        _condition(evidence, condition, mapping(differences.get(condition)))
        for condition in [*known, *others]
    ]


def comparison(evidence: Evidence) -> list[RunRow]:
    """List the runs that are shown side by side.

    Args:
        evidence: a run's files.

    Returns:
        A row per run.
    """
    rows = [mapping(row) for row in listed(evidence.comparison.get("rows"))]
    return [
        RunRow(str(row.get("label", "")), count(row.get("n"), "image"), _dice(row.get("dice_mean")))
        for row in rows
    ]


def trust(evidence: Evidence) -> list[MeasureRow]:
    """Show whether the confidence says which answers are the worse ones.

    Args:
        evidence: a run's files.

    Returns:
        Rows of a table; none where it was not measured.
    """
    measured = mapping(evidence.summary.get("trust"))
    gain = mapping(measured.get("gain"))
    if not gain:
        return []
    share = measured.get("share")
    surest = f"The surest {number(100 * share, 0)} %" if is_number(share) else "The surest"
    expected = mapping(evidence.summary.get("expected"))
    return [
        MeasureRow(
            surest,
            "mean Dice of these alone",
            number(mapping(measured.get("surest")).get("mean")),
            span(measured.get("surest")),
        ),
        MeasureRow(
            "Over all answers",
            "the mean of these minus the mean of all",
            number(gain.get("mean"), signed=True),
            span(gain),
        ),
        MeasureRow(
            "Confidence and Dice",
            "rank correlation (Spearman)",
            number(measured.get("spearman"), 2),
        ),
        MeasureRow(
            "Confidence",
            "mean probability inside the mask",
            number(measured.get("confidence"), 2),
        ),
        MeasureRow(
            "Precision",
            "share of the mask that is right",
            number(measured.get("precision"), 2),
        ),
        # Of right prompts: of wrong ones a model expects too much.
        *_expected(mapping(expected.get("right"))),
    ]


def measures(evidence: Evidence, condition: str) -> list[MeasureRow]:
    """List every measure of one prompt condition; each average is named for what it is.

    Args:
        evidence: a run's files.
        condition: its key in summary.json.

    Returns:
        Rows of a table. Distances are in pixels of the original image.
    """
    measured = mapping(evidence.conditions.get(condition))
    distance = mapping(measured.get("hausdorff_95_px"))
    tolerance = ""
    if evidence.settings:
        tolerance = f", within {evidence.settings.evaluate.surface_tolerance_px:g} px"
    return [
        _mean("Dice", measured, "dice_mean"),
        *_apart(measured),
        MeasureRow("Dice", POOLED, number(measured.get("dice_pooled"))),
        _mean("IoU", measured, "iou_mean"),
        MeasureRow("IoU", POOLED, number(measured.get("iou_pooled"))),
        _mean("Precision", measured, "precision_mean"),
        _mean("Recall", measured, "recall_mean"),
        _mean(f"Surface Dice{tolerance}", measured, "surface_dice_mean"),
        MeasureRow("Hausdorff 95 %, px", "median over images", number(distance.get("median"), 1)),
        MeasureRow(
            "Hausdorff 95 %, px",
            "mean of the finite ones",
            number(distance.get("mean_finite"), 1),
        ),
        MeasureRow(
            "Hausdorff 95 %",
            "images where it is infinite (one mask empty)",
            number(distance.get("n_infinite"), 0),
        ),
    ]


def all_conditions(evidence: Evidence) -> WideTable:
    """Put the measures of all prompt conditions side by side.

    Args:
        evidence: a run's files.

    Returns:
        A column per condition, in the order of `listening`.
    """
    conditions = [row.condition for row in listening(evidence)]
    columns = [measures(evidence, condition) for condition in conditions]
    # Every condition has the same measures, in one order.
    rows = [WideRow(cells[0].measure, cells[0].average, cells) for cells in zip(*columns)]
    heads = [name_of(condition, evidence.is_image_only)[0] for condition in conditions]
    return WideTable(heads, rows)


def _expected(measured: Mapping[str, Any]) -> list[MeasureRow]:
    """Of a run that was calibrated."""
    if not measured:
        return []
    return [
        MeasureRow(
            "Expected Dice",
            f"mean over images; the measured mean is {number(measured.get('dice'))}",
            number(measured.get("mean")),
        ),
        MeasureRow(
            "Error of the expected Dice",
            "mean distance from the Dice of an image",
            number(measured.get("error")),
        ),
    ]


def _apart(measured: Mapping[str, object]) -> list[MeasureRow]:
    """Images with a target, and those without; nothing where all have one."""
    if not has_negatives(measured):
        return []
    negatives = mapping(measured.get("negatives"))
    dice = dice_of(measured)
    return [
        MeasureRow("Dice", "mean over images with a target", number(dice.get("mean")), span(dice)),
        MeasureRow(
            "Left empty",
            f"share of {count(negatives.get('n'), 'image')} without a target",
            number(share_left_empty(measured)),
        ),
    ]


def _condition(
    evidence: Evidence, condition: str, difference: Mapping[str, object]
) -> ConditionRow:
    measured = mapping(evidence.conditions.get(condition))
    name, meaning = name_of(condition, evidence.is_image_only)
    return ConditionRow(
        condition=condition,
        name=name,
        meaning=meaning,
        n=images_of(measured),
        dice=_dice(dice_of(measured)),
        gain=_gain(difference) if difference else Gain(),
        left_empty=left_empty_of(measured),
    )


def _gain(difference: Mapping[str, object]) -> Gain:
    verdict = verdict_of(difference) or ""
    return Gain(
        difference=number(difference.get("difference"), signed=True),
        span=span(difference),
        p=p_value(difference.get("p")),
        verdict=verdict,
        tone=TONES.get(verdict, "plain"),
    )


def _dice(interval: object) -> MeanDice:
    measured = mapping(interval)
    mean, low, high = measured.get("mean"), measured.get("low"), measured.get("high")
    drawing = Markup("")
    if is_number(mean):
        drawing = bar(mean, None, None)
        if is_number(low) and is_number(high):
            drawing = bar(mean, low, high)
    return MeanDice(number(mean), span(measured), drawing)


def _mean(measure: str, measured: Mapping[str, object], key: str) -> MeasureRow:
    interval = mapping(measured.get(key))
    return MeasureRow(measure, MEAN, number(interval.get("mean")), span(interval))
