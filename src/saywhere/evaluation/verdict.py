"""Is the prompt heard? The one place where measured differences become a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from saywhere.metrics.sample_size import FEWEST_CASES

# statistics loads torch and scipy, which a report does without.
if TYPE_CHECKING:
    from saywhere.metrics.statistics import PairedDifference

Verdict = Literal["too few cases to tell", "heard", "hardly heard", "not heard"]
TOO_FEW: Verdict = "too few cases to tell"
ORDER: tuple[Verdict, ...] = (TOO_FEW, "heard", "hardly heard", "not heard")
"""From the least to the most unfavourable."""
HEARD_FROM = 0.05
"""Dice that right prompts must gain over wrong ones to be called heard.

Below it, a sure difference is "hardly heard".
"""


def verdict(difference: PairedDifference) -> Verdict:
    """Say in words whether right prompts are worth more than wrong ones.

    Args:
        difference: Dice with right prompts minus Dice with wrong (or no) prompts, over cases.

    Returns:
        "too few cases to tell" of fewer than FEWEST_CASES. Else "not heard" where the interval
        reaches 0; "heard" where the mean is HEARD_FROM or more; "hardly heard" between.
    """
    return _verdict(difference.difference, difference.low, difference.n)


def verdict_of(record: Mapping[str, Any]) -> Verdict | None:
    """The verdict on a difference that was read from a file.

    A summary of an earlier version may call five cases heard, so the numbers are judged anew.

    Args:
        record: {"difference", "low", "n"}, as summary.json holds it under "listening".

    Returns:
        The verdict; None where one of them is no number.
    """
    values = [record.get(key) for key in ("difference", "low", "n")]
    if not all(isinstance(value, (int, float)) for value in values):
        return None
    difference, low, n = values
    return _verdict(difference, low, n)  # type: ignore[arg-type]


def least_favourable(verdicts: Mapping[str, Verdict]) -> str | None:
    """Choose the condition that decides the verdict on a model.

    Without a prompt many models segment well, so "empty" does not decide.

    Args:
        verdicts: Prompt condition, such as "shuffled" → verdict.

    Returns:
        The condition with the least favourable verdict; one with too few cases decides only where
        all have too few. None where nothing but "empty" was measured.
    """
    conditions = [condition for condition in verdicts if condition != "empty"]
    return max(conditions, key=lambda one: ORDER.index(verdicts[one]), default=None)


def sentence(verdict: Verdict) -> str:
    """A verdict as a sentence.

    Args:
        verdict: What to say.

    Returns:
        "The prompt is heard.", for example.
    """
    if verdict == TOO_FEW:
        return f"Too few cases to tell whether the prompt is heard: fewer than {FEWEST_CASES}."
    return f"The prompt is {verdict}."


def _verdict(difference: float, low: float, n: float) -> Verdict:
    if n < FEWEST_CASES:
        return TOO_FEW
    # A NaN, which a file may hold, is not above 0 either.
    if not low > 0:
        return "not heard"
    return "heard" if difference >= HEARD_FROM else "hardly heard"
