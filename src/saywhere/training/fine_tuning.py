"""Did a fine-tuning help? The validation images before and after it, and a verdict in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import cast

import numpy as np

from saywhere.errors import counted
from saywhere.metrics.sample_size import FEWEST_CASES
from saywhere.metrics.statistics import PairedDifference, paired_difference, with_span
from saywhere.runs.run_record import FineTuningRecord


@dataclass(frozen=True)
class FineTuning:
    """Mean Dice per image of the weights that it started from, and of its best ones.

    The best epoch is chosen on the same images, so that `after` is a little too high: a test
    split, measured by `saywhere evaluate`, is the fair judge.

    Attributes:
        before: mean Dice of the first weights, [0, 1], at the network's size.
        after: mean Dice of the best weights, [0, 1].
        n_images: images that both were measured on.
        best_epoch: the epoch of the best weights; 0 for those that it started from.
        verdict: one sentence.
    """

    before: float
    after: float
    n_images: int
    best_epoch: int
    verdict: str

    def to_json(self) -> FineTuningRecord:
        """Make what run.json holds.

        Returns:
            Field name → value.
        """
        return cast(FineTuningRecord, asdict(self))


@dataclass(frozen=True)
class Images:
    """The images that before and after are measured on.

    Attributes:
        before: Dice of each with the first weights, [0, 1].
        after: Dice of each with the best weights, in the same order.
        are_held_out: False where no validation rows exist, and training rows stood in for them.
    """

    before: Sequence[float]
    after: Sequence[float]
    are_held_out: bool = True

    @property
    def described(self) -> str:
        """Number and kind, as the verdict names them."""
        kind = "validation" if self.are_held_out else "training"
        return counted(len(self.before), f"{kind} image")


def judge(images: Images, best_epoch: int, resamples: int, seed: int) -> FineTuning:
    """Compare before and after on the same images.

    Args:
        images: Dice of each, before and after.
        best_epoch: the epoch of the best weights; 0 for those that it started from.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        Both means, and the verdict.
    """
    before, after = float(np.mean(images.before)), float(np.mean(images.after))
    numbers = f"Dice before {before:.3f}, after {after:.3f} on {images.described}"
    conclusion = _conclusion(images, best_epoch, resamples, seed)
    return FineTuning(before, after, len(images.before), best_epoch, f"{numbers}: {conclusion}")


def _conclusion(images: Images, best_epoch: int, resamples: int, seed: int) -> str:
    if best_epoch == 0:
        return "no epoch was better, so the weights it started from stay the best"
    # Images that it learned from are nearly always better afterwards, however many there are.
    if not images.are_held_out:
        return "it learned from these very images, which says nothing of others"
    if len(images.before) < FEWEST_CASES:
        return f"too few to tell (a verdict needs {FEWEST_CASES})"
    return _in_words(paired_difference(images.after, images.before, resamples, seed))


def _in_words(gain: PairedDifference) -> str:
    span = with_span(gain.difference, gain.low, gain.high, sign="+")
    if gain.low > 0:
        return f"better, by {span}"
    if gain.high < 0:
        return f"worse, by {span}"
    return f"no sure difference, {span}"
