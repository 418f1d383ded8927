"""The report's charts: training over steps, and the distribution of Dice over images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from markupsafe import Markup

from saywhere.report.evidence import Evidence
from saywhere.report.figures import Series, histogram, line_chart
from saywhere.report.wording import COLLAPSED_BELOW, count, is_number, name_of, number

# As many as there are prompt conditions.
MOST_HISTOGRAMS = 5


@dataclass(frozen=True)
class Chart:
    """A drawing with its title and the key to its lines."""

    title: str
    series: list[Series]
    drawing: Markup


@dataclass(frozen=True)
class Distribution:
    """How Dice is distributed over the images, for one prompt condition."""

    name: str
    detail: str
    """number of images, median, how many are below one half"""
    drawing: Markup


def curves(evidence: Evidence) -> list[Chart]:
    """Draw what was recorded while the run was trained.

    Args:
        evidence: a run's files.

    Returns:
        Training and validation loss, validation Dice and the pseudo-image's spread against step
        (against epoch, where no checkpoint says how many steps one has); without those that were
        not recorded.
    """
    loss = [
        _series(evidence, "loss", "training", "a"),
        _series(evidence, "val_loss", "validation", "b"),
    ]
    dice = [
        _series(evidence, "val_dice_mean", "mean over images", "a"),
        _series(evidence, "val_dice_pooled", "pooled over all pixels", "b"),
    ]
    spread = [_series(evidence, "spread", "between prompts", "a")]
    over = "step" if evidence.steps_per_epoch else "epoch"
    collapsed = (COLLAPSED_BELOW, f"collapsed below {COLLAPSED_BELOW:g}")
    drawings = (
        ("Loss", loss, line_chart("Loss", loss, x_label=over)),
        ("Validation Dice", dice, line_chart("Dice", dice, x_label=over, ceiling=1.0)),
        (
            "Spread of the pseudo-image",
            spread,
            line_chart("Spread", spread, x_label=over, mark=collapsed),
        ),
    )
    charts = []
    for title, lines, drawing in drawings:
        if drawing:
            charts.append(Chart(title, [line for line in lines if line.points], drawing))
    return charts


def distributions(evidence: Evidence, conditions: Sequence[str]) -> list[Distribution]:
    """Draw how Dice is distributed over the images: a mean hides the images that were missed.

    Args:
        evidence: a run's files.
        conditions: prompt conditions, in the order in which they are shown.

    Returns:
        A histogram per condition that has cases.
    """
    measured = [condition for condition in conditions if evidence.dice.get(condition)]
    return [
        _distribution(name_of(condition, evidence.is_image_only)[0], evidence.dice[condition])
        for condition in measured[:MOST_HISTOGRAMS]
    ]


def _distribution(name: str, values: Sequence[float]) -> Distribution:
    middle = number(median(values))
    n_poor = sum(value < 0.5 for value in values)
    detail = f"{count(len(values), 'image')}, median {middle}, {n_poor} below 0.5"
    return Distribution(name, detail, histogram(values, "Dice per image"))


def _series(evidence: Evidence, key: str, label: str, style: str) -> Series:
    per_epoch = evidence.steps_per_epoch or 1
    points = []
    for index, row in enumerate(evidence.epochs, start=1):
        epoch, value = row.get("epoch", index), row.get(key)
        if is_number(epoch) and is_number(value):
            points.append((epoch * per_epoch, value))
    return Series(label, points, style)
