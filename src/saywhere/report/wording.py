"""Numbers as people read them, and the run's verdict in a sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from saywhere.evaluation.verdict import TOO_FEW, least_favourable, sentence, verdict_of
from saywhere.report.evidence import Evidence, mapping

DEAF_BELOW = 0.01
"""Spread of the pseudo-image between prompts under which it has collapsed."""
WORDS = {
    "right": ("Right words", "the image's own prompt"),
    "unseen": ("Unseen wording", "the same meaning in words never trained on"),
    "empty": ("No words", "an empty prompt"),
    "shuffled": ("Shuffled words", "another image's prompt"),
    "contradictory": ("Contradictory words", "left and right, upper and lower exchanged"),
}
TONES: dict[str, str] = {
    TOO_FEW: "plain",
    "heard": "good",
    "hardly heard": "fair",
    "not heard": "poor",
}
AGAINST = {
    "contradictory": "over contradictory ones",
    "shuffled": "over another image's",
    "empty": "over none",
}


@dataclass(frozen=True)
class Headline:
    """The verdict: a sentence, what it rests on, and its tone (good, fair, poor, plain)."""

    sentence: str
    detail: str
    tone: str


def number(value: object, digits: int = 3, signed: bool = False) -> str:
    """A number with a true minus sign; a dash where there is none."""
    if not is_number(value):
        return "∞" if value in (math.inf, -math.inf) else "–"
    shown = f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
    return shown.replace("-", "−")


def is_number(value: object) -> bool:
    """Finite, of a size that can be shown, and no bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e100


def span(interval: object, digits: int = 3) -> str:
    """The interval of {"low", "high"}, or nothing."""
    low, high = mapping(interval).get("low"), mapping(interval).get("high")
    return (
        f"{number(low, digits)} to {number(high, digits)}"
        if is_number(low) and is_number(high)
        else ""
    )


def p_value(p: Any) -> str:
    """As it is printed in papers."""
    if not is_number(p):
        return ""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def count(value: object, noun: str) -> str:
    """1 image, 2 images, nothing where it is unknown."""
    return (
        f"{thousands(value)} {noun}{'' if value == 1 else 's'}"
        if isinstance(value, int) and is_number(value)
        else ""
    )


def thousands(value: int) -> str:
    """A whole number with narrow spaces."""
    return f"{value:,}".replace(",", "\u202f")


def duration(seconds: Any) -> str:
    """Seconds as h, min, s."""
    if not is_number(seconds):
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes} min"
        if hours
        else f"{minutes} min {rest} s"
        if minutes
        else f"{rest} s"
    )


def name_of(words: str, image_only: bool) -> tuple[str, str]:
    """Name and explanation of a kind of words."""
    if image_only and words == "right":
        return "Image only", "this run reads no words"
    return WORDS.get(words, (words, ""))


def headline(evidence: Evidence) -> Headline:
    """The run's verdict, as far as it was measured, and the difference that it rests on: of the wrong words, the least favourable."""
    right = mapping(evidence.words.get("right"))
    dice = mapping(right.get("dice_mean"))
    size = count(right.get("n"), "image")
    reach = "; ".join(
        part for part in (f"95 % interval {span(dice)}" if span(dice) else "", size) if part
    )
    measured = f"Mean Dice {number(dice.get('mean'))}{f' ({reach})' if reach else ''}."
    if not evidence.words:
        return Headline(
            "Not evaluated yet.",
            "Nobody has measured whether this run listens, or how right it is.",
            "plain",
        )
    if evidence.is_image_only:
        return Headline("Image only: there are no words to hear.", measured, "plain")
    listening = mapping(evidence.summary.get("listening"))
    judged = {words: verdict_of(mapping(listening.get(words))) for words in AGAINST}
    verdicts = {words: verdict for words, verdict in judged.items() if verdict is not None}
    against = least_favourable(verdicts) or next(iter(verdicts), None)
    if against is None:
        return Headline("Whether it listens was not measured.", measured, "plain")
    verdict = verdicts[against]
    with_them = f"With them, mean Dice is {number(dice.get('mean'))}{f' ({span(dice)})' if span(dice) else ''}."
    detail = f"{_worth(mapping(listening[against]), against)} {with_them}{_collapse(evidence)}"
    return Headline(sentence(verdict), detail, TONES[verdict])


def _worth(difference: dict[str, Any], against: str) -> str:
    reach = f"95 % interval {span(difference)}" if span(difference) else "no interval"
    size = count(difference.get("n"), "image")
    return f"Right words are worth {number(difference.get('difference'))} Dice {AGAINST[against]} ({reach}{f'; {size}' if size else ''})."


def _collapse(evidence: Evidence) -> str:
    spread = evidence.summary.get("spread")
    if is_number(spread) and spread < DEAF_BELOW:  # type: ignore[operator]
        return f" The pseudo-image has collapsed: it hardly changes between prompts (spread {number(spread, 4)})."
    return ""
