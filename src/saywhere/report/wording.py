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


def has_negatives(measured: Mapping[str, object]) -> bool:
    """Tell whether some images have no target.

    Args:
        measured: of one prompt condition; one of an earlier version does not say it.

    Returns:
        True where some are known to have none.
    """
    n = mapping(measured.get("negatives")).get("n")
    return is_number(n) and n > 0


def dice_of(measured: Mapping[str, object]) -> Mapping[str, object]:
    """The mean Dice to show: where some images have no target, that of the others.

    A model that marks nothing would else earn the share of images without a target.

    Args:
        measured: of one prompt condition.

    Returns:
        Mean and interval; empty where no image has a target.
    """
    if has_negatives(measured):
        return mapping(mapping(measured.get("positives")).get("dice_mean"))
    return mapping(measured.get("dice_mean"))


def images_of(measured: Mapping[str, object]) -> str:
    """Count the images that `dice_of` is over.

    Args:
        measured: of one prompt condition.

    Returns:
        "65 images with a target", or "78 images" where all have one.
    """
    if not has_negatives(measured):
        return count(measured.get("n"), "image")
    n = count(mapping(measured.get("positives")).get("n"), "image")
    return f"{n} with a target" if n else ""


def share_left_empty(measured: Mapping[str, object]) -> float | None:
    """The share of the images without a target in which nothing was marked.

    Args:
        measured: of one prompt condition.

    Returns:
        In [0, 1]; None where it is not known.
    """
    negatives = mapping(measured.get("negatives"))
    n, empty = negatives.get("n"), negatives.get("left_empty")
    return empty / n if is_number(n) and is_number(empty) and n > 0 else None


def left_empty_of(measured: Mapping[str, object]) -> str:
    """Say how many images without a target were left empty.

    Args:
        measured: of one prompt condition.

    Returns:
        One sentence without an end stop; empty where every image has a target.
    """
    share = share_left_empty(measured)
    if share is None:
        return ""
    negatives = mapping(measured.get("negatives"))
    n = count(negatives.get("n"), "image")
    empty = number(negatives.get("left_empty"), 0)
    return f"Of {n} without a target, {empty} left empty ({number(100 * share, 0)} %)"


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
    measured = _measured(mapping(evidence.conditions.get("right")))
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
    worth = _worth(mapping(differences[against]), against)
    with_it = _with_it(mapping(evidence.conditions.get("right"))) or measured
    return Headline(sentence(verdict), f"{worth} {with_it}{_collapse(evidence)}", TONES[verdict])


def _measured(right: Mapping[str, object]) -> str:
    dice = dice_of(right)
    interval = f"95 % interval {span(dice)}" if span(dice) else ""
    rests_on = "; ".join(part for part in (interval, images_of(right)) if part)
    about = f" ({rests_on})" if rests_on else ""
    return f"Mean Dice {number(dice.get('mean'))}{about}.{_and_empty(right)}"


def _with_it(right: Mapping[str, object]) -> str:
    dice = dice_of(right)
    if not span(dice):
        return ""
    return f"With it, mean Dice is {number(dice.get('mean'))} ({span(dice)}).{_and_empty(right)}"


def _and_empty(right: Mapping[str, object]) -> str:
    return f" {left_empty_of(right)}." if left_empty_of(right) else ""


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
