"""The report's tables, as rows of ready words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from saywhere.evaluation.verdict import verdict_of
from saywhere.report.evidence import Evidence, listed, mapping
from saywhere.report.figures import Series, bar, line_chart
from saywhere.report.wording import (
    DEAF_BELOW,
    TONES,
    WORDS,
    count,
    duration,
    is_number,
    name_of,
    number,
    p_value,
    span,
    thousands,
)

MEAN, POOLED = "mean over images", "pooled over all pixels"


def listening(evidence: Evidence) -> list[dict[str, Any]]:
    """A row for each kind of words, right ones first: Dice, and what the right words are worth over these."""
    measured = [words for words in WORDS if words in evidence.words] + [
        words for words in evidence.words if words not in WORDS
    ]
    differences = mapping(evidence.summary.get("listening"))
    return [_heard(evidence, words, mapping(differences.get(words))) for words in measured]


def comparison(evidence: Evidence) -> list[dict[str, Any]]:
    """The runs that are shown side by side, with a bar each."""
    rows = [mapping(row) for row in listed(evidence.comparison.get("rows"))]
    return [
        {
            "label": row.get("label", ""),
            "n": count(row.get("n"), "image"),
            **_dice(row.get("dice_mean")),
        }
        for row in rows
    ]


def trust(evidence: Evidence) -> list[dict[str, str]]:
    """Does its confidence say which answers are the worse ones? Rows of a table; none where it was not measured."""
    found = mapping(evidence.summary.get("trust"))
    if not mapping(found.get("gain")):
        return []
    kept = (
        f"The surest {number(100 * found['share'], 0)} %"
        if is_number(found.get("share"))
        else "The surest"
    )
    gain = mapping(found["gain"])
    return [
        {
            "measure": kept,
            "average": "mean Dice of these alone",
            "value": number(mapping(found.get("surest")).get("mean")),
            "span": span(found.get("surest")),
        },
        {
            "measure": "Over all answers",
            "average": "the mean of these minus the mean of all",
            "value": number(gain.get("mean"), signed=True),
            "span": span(gain),
        },
        _plain("Confidence and Dice", "rank correlation (Spearman)", found.get("spearman"), 2),
        _plain(
            "How sure it says it is", "mean probability inside the mask", found.get("confidence"), 2
        ),
        _plain(
            "How right that is",
            "share of the mask that is right (precision)",
            found.get("precision"),
            2,
        ),
        *_expected(mapping(mapping(evidence.summary.get("expected")).get("right"))),
    ]


def _expected(found: Mapping[str, Any]) -> list[dict[str, str]]:
    """Of a run that was calibrated."""
    if not found:
        return []
    return [
        _plain(
            "Expected Dice",
            f"mean of what its confidence promised, where {number(found.get('dice'))} was found",
            found.get("mean"),
        ),
        _plain("How far off that is", "mean distance from the Dice of a case", found.get("error")),
    ]


def measures(evidence: Evidence, words: str) -> list[dict[str, str]]:
    """Every measure of one kind of words; each average is named for what it is."""
    found = mapping(evidence.words.get(words))
    distance = mapping(found.get("hausdorff_95_px"))
    tolerance = (
        f", within {evidence.settings.evaluate.surface_tolerance_px:g} px"
        if evidence.settings
        else ""
    )
    return [
        _mean("Dice", found, "dice_mean"),
        _plain("Dice", POOLED, found.get("dice_pooled")),
        _mean("IoU", found, "iou_mean"),
        _plain("IoU", POOLED, found.get("iou_pooled")),
        _mean("Precision", found, "precision_mean"),
        _mean("Recall", found, "recall_mean"),
        _mean(f"Surface Dice{tolerance}", found, "surface_dice_mean"),
        _plain("Hausdorff 95 %, px", "median over images", distance.get("median"), 1),
        _plain("Hausdorff 95 %, px", "mean of the finite ones", distance.get("mean_finite"), 1),
        _plain(
            "Hausdorff 95 %",
            "images where it is infinite (one mask empty)",
            distance.get("n_infinite"),
            0,
        ),
    ]


def all_words(evidence: Evidence) -> dict[str, Any]:
    """The same for every kind of words, side by side."""
    kinds = [row["words"] for row in listening(evidence)]
    columns = [measures(evidence, words) for words in kinds]
    rows = [
        {"measure": cells[0]["measure"], "average": cells[0]["average"], "cells": cells}
        for cells in zip(*columns)
    ]
    return {"heads": [name_of(words, evidence.is_image_only)[0] for words in kinds], "rows": rows}


def curves(evidence: Evidence) -> list[dict[str, Any]]:
    """Loss, Dice and the pseudo-image's spread over epochs; those that were recorded."""
    loss = [
        _series(evidence, "loss", "training", "a"),
        _series(evidence, "val_loss", "validation", "b"),
    ]
    dice = [
        _series(evidence, "val_dice_mean", MEAN, "a"),
        _series(evidence, "val_dice_pooled", POOLED, "b"),
    ]
    spread = [_series(evidence, "spread", "between prompts", "a")]
    collapsed = (DEAF_BELOW, f"collapsed below {DEAF_BELOW:g}")
    charts = [
        ("Loss", loss, line_chart("Loss over epochs", loss)),
        (
            "Dice, validation images",
            dice,
            line_chart("Validation Dice over epochs", dice, ceiling=1.0),
        ),
        (
            "Spread of the pseudo-image",
            spread,
            line_chart("Spread of the pseudo-image over epochs", spread, mark=collapsed),
        ),
    ]
    return [
        {"title": title, "series": [line for line in lines if line.points], "chart": chart}
        for title, lines, chart in charts
        if chart
    ]


def facts(evidence: Evidence) -> list[tuple[str, str]]:
    """What the run was made from, name and value; unknown ones are left out."""
    record, data, encoder = (
        evidence.record,
        mapping(evidence.record.get("data")),
        mapping(evidence.record.get("encoder")),
    )
    parameters = mapping(record.get("parameters"))
    rows = [
        ("Status", record.get("status")),
        ("Created", record.get("created")),
        ("Took", duration(record.get("seconds"))),
        ("Manifest", data.get("manifest")),
        ("Data digest", data.get("digest")),
        ("Rows", ", ".join(f"{split} {n}" for split, n in mapping(data.get("rows")).items())),
        ("Rows set aside", data.get("quarantined")),
        (
            "Encoder",
            ", ".join(
                str(encoder[key]) for key in ("name", "revision", "pooling") if encoder.get(key)
            ),
        ),
        (
            "Parameters",
            ", ".join(
                f"{part} {thousands(n)}"
                for part, n in parameters.items()
                if isinstance(n, int) and is_number(n)
            ),
        ),
        ("Seed", record.get("seed")),
        ("Device", record.get("device")),
        ("Precision", record.get("precision")),
        ("Threads", record.get("threads")),
        ("Platform", record.get("platform")),
    ]
    return [(name, str(value)) for name, value in rows if value not in (None, "")]


def versions(evidence: Evidence) -> list[tuple[str, str]]:
    """Software, name and version."""
    own = [("saywhere", evidence.record.get("saywhere")), ("python", evidence.record.get("python"))]
    packages = [*own, *mapping(evidence.record.get("packages")).items()]
    return [(name, str(version)) for name, version in packages if version]


def _heard(evidence: Evidence, words: str, difference: dict[str, Any]) -> dict[str, Any]:
    found = mapping(evidence.words.get(words))
    name, meaning = name_of(words, evidence.is_image_only)
    verdict = verdict_of(difference) or ""
    return {
        "words": words,
        "name": name,
        "meaning": meaning,
        "n": count(found.get("n"), "image"),
        **_dice(found.get("dice_mean")),
        "gain": number(difference.get("difference"), signed=True) if difference else "",
        "gain_span": span(difference),
        "p": p_value(difference.get("p")),
        "verdict": verdict,
        "tone": TONES.get(verdict, "plain"),
    }


def _dice(interval: object) -> dict[str, Any]:
    found = mapping(interval)
    mean, low, high = found.get("mean"), found.get("low"), found.get("high")
    has_ends = is_number(low) and is_number(high)
    drawing = Markup("")
    if is_number(mean):
        ends = (low, high) if has_ends else (None, None)
        drawing = bar(float(mean), *ends)  # type: ignore[arg-type]
    return {"dice": number(mean), "dice_span": span(found), "bar": drawing}


def _mean(measure: str, found: dict[str, Any], key: str) -> dict[str, str]:
    interval = mapping(found.get(key))
    return {
        "measure": measure,
        "average": MEAN,
        "value": number(interval.get("mean")),
        "span": span(interval),
    }


def _plain(measure: str, average: str, value: object, digits: int = 3) -> dict[str, str]:
    return {"measure": measure, "average": average, "value": number(value, digits), "span": ""}


def _series(evidence: Evidence, key: str, label: str, style: str) -> Series:
    points = [
        (row.get("epoch", index), row.get(key))
        for index, row in enumerate(evidence.epochs, start=1)
    ]
    known = [(x, y) for x, y in points if is_number(x) and is_number(y)]
    return Series(label, [(float(x), float(y)) for x, y in known], style)  # type: ignore[arg-type]
