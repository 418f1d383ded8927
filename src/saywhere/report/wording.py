"""Numbers as people read them, and the run's verdict in a sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from saywhere.errors import counted
from saywhere.evaluation.verdict import TOO_FEW, least_favourable, sentence, verdict_of
from saywhere.metrics.printed import printed
from saywhere.report.evidence import Evidence, mapping

# The same number as training.callbacks.COLLAPSED, without loading torch for it.
COLLAPSED_BELOW = 0.01
"""Spread of the pseudo-image between prompts under which it has collapsed."""
CONDITIONS = {
    "right": ("Right prompt", "the image's own"),
    "unseen": ("Unseen wording", "the same meaning in a wording never trained on"),
    "empty": ("Empty prompt", "no words at all"),
    "shuffled": ("Another image's prompt", "shuffled among the images"),
    "contradictory": ("Contradictory prompt", "left and right, upper and lower exchanged"),
}
"""A prompt condition of the evaluation → its name, and what it is."""
TONES: dict[str, str] = {
    TOO_FEW: "plain",
    "heard": "good",
    "hardly heard": "fair",
    "not heard": "poor",
}
_AGAINST = {
    "contradictory": "a contradictory one",
    "shuffled": "another image's",
    "empty": "an empty one",
}
NOT_EVALUATED = "Nobody has measured whether this run listens, or how right it is."


@dataclass(frozen=True)
class Headline:
    """The verdict: a sentence, what it rests on, and its tone (good, fair, poor, plain)."""

    sentence: str
    detail: str
    tone: str


def number(value: object, digits: int = 3, signed: bool = False) -> str:
    """Write a number.

    Args:
        value: any JSON value.
        digits: after the point.
        signed: with a plus sign too.

    Returns:
        The number with a true minus sign; a dash where the value is none.
    """
    if not is_number(value):
        return "∞" if value in (math.inf, -math.inf) else "–"
    return printed(value, digits, "+" if signed else "").replace("-", "−")


def is_number(value: object) -> TypeGuard[float]:
    """Tell whether a value is a number that can be shown.

    Args:
        value: any JSON value.

    Returns:
        True for a finite number below 1e100 that is no bool.
    """
    # A NaN fails the comparison, too.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e100


def span(interval: object, digits: int = 3) -> str:
    """Write an interval.

    Args:
        interval: {"low", "high"}, or any other JSON value.
        digits: after the point.

    Returns:
        "0.841 to 0.901"; empty where an end is missing.
    """
    low, high = mapping(interval).get("low"), mapping(interval).get("high")
    if not is_number(low) or not is_number(high):
        return ""
    return f"{number(low, digits)} to {number(high, digits)}"


def p_value(p: Any) -> str:
    """Write a p-value as papers do.

    Args:
        p: any JSON value.

    Returns:
        "p < 0.001" or "p = 0.012"; empty where it is no number.
    """
    if not is_number(p):
        return ""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def count(value: object, noun: str) -> str:
    """Write a number of things.

    Args:
        value: any JSON value.
        noun: in the singular.

    Returns:
        "1 image", "2 images"; empty where it is no whole number.
    """
    if not isinstance(value, int) or not is_number(value):
        return ""
    return counted(int(value), noun)


def thousands(value: float) -> str:
    """Write a whole number.

    Args:
        value: a whole number.

    Returns:
        The number with narrow spaces between thousands.
    """
    return f"{value:,}".replace(",", "\u202f")


def duration(seconds: Any) -> str:
    """Write a time.

    Args:
        seconds: any JSON value.

    Returns:
        "2 h 4 min", "2 min 7 s" or "7 s"; empty where it is no number.
    """
    if not is_number(seconds):
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def name_of(condition: str, image_only: bool) -> tuple[str, str]:
    """Name a prompt condition.

    Args:
        condition: its key in summary.json.
        image_only: does the run read no prompts?

    Returns:
        Its name and what it is; an unknown one is named as it stands.
    """
    if image_only and condition == "right":
        return "Image only", "this run reads no prompt"
    return CONDITIONS.get(condition, (condition, ""))


def headline(evidence: Evidence) -> Headline:
    """Sum up a run in a sentence, as far as it was measured.

    The difference that the verdict rests on is the least favourable one of the wrong prompts.

    Args:
        evidence: a run's files.

    Returns:
        The verdict.
    """
    if not evidence.conditions:
        return Headline("Not evaluated yet.", NOT_EVALUATED, "plain")
    right = mapping(evidence.conditions.get("right"))
    dice = mapping(right.get("dice_mean"))
    mean = number(dice.get("mean"))
    interval = f"95 % interval {span(dice)}" if span(dice) else ""
    rests_on = "; ".join(part for part in (interval, count(right.get("n"), "image")) if part)
    measured = f"Mean Dice {mean} ({rests_on})." if rests_on else f"Mean Dice {mean}."
    if evidence.is_image_only:
        return Headline("Image only: there is no prompt to hear.", measured, "plain")
    differences = mapping(evidence.summary.get("listening"))
    judged = {condition: verdict_of(mapping(differences.get(condition))) for condition in _AGAINST}
    verdicts = {condition: verdict for condition, verdict in judged.items() if verdict is not None}
    # The empty prompt decides only where nothing else was compared.
    against = least_favourable(verdicts) or next(iter(verdicts), None)
    if against is None:
        return Headline("Whether it listens was not measured.", measured, "plain")
    verdict = verdicts[against]
    with_it = f"With it, mean Dice is {mean} ({span(dice)})." if span(dice) else measured
    detail = f"{_worth(mapping(differences[against]), against)} {with_it}{_collapse(evidence)}"
    return Headline(sentence(verdict), detail, TONES[verdict])


def _worth(difference: Mapping[str, object], against: str) -> str:
    interval = f"95 % interval {span(difference)}" if span(difference) else "no interval"
    size = count(difference.get("n"), "image")
    rests_on = f"{interval}; {size}" if size else interval
    gain = number(difference.get("difference"))
    return f"The right prompt is worth {gain} Dice over {_AGAINST[against]} ({rests_on})."


def _collapse(evidence: Evidence) -> str:
    spread = evidence.summary.get("spread")
    if not is_number(spread) or spread >= COLLAPSED_BELOW:
        return ""
    return (
        " The pseudo-image has collapsed: it hardly changes between prompts "
        f"(spread {number(spread, 4)})."
    )
