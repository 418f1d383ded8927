"""What words and fusion cost: our step with them and without, by turns, pair by pair.

Two seconds that differ by a few percent cannot be told apart by timing one way and then the other:
a machine drifts by as much. The steps of a pair follow one another, and their difference counts.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import torch
from scipy.stats import bootstrap

from saywhere.config import Config
from saywhere.training.autotune import TimeStep
from saywhere.training.setup import gather
from saywhere.training.trainer import trial

N_WARM = 2
"""Steps of either way before the first pair."""
LEVEL = 0.95
RESAMPLES = 9999


class WordsRecord(TypedDict):
    """What words and fusion cost, as the result file has it."""

    pairs: int
    with_words_s: float
    """median seconds of a step"""
    image_only_s: float
    share: float
    """percent of a step that goes to words and fusion: the median over the pairs"""
    low: float
    """end of the median's 95 % bootstrap interval, in percent"""
    high: float


def measure(settled: Config, n_pairs: int) -> WordsRecord:
    """Time pairs of steps, one with words and one without, on the same batch by the same draws.

    Args:
        settled: the training with words; precision, memory format and threads are chosen.
        n_pairs: how many, at least 2.

    Returns:
        The medians, and the share of a step that words and fusion take, with its interval. To
        read the batch is left out of both.
    """
    alone = settled.replace(**{"fusion.name": "none", "fusion.words_first": 0})
    n_threads = torch.get_num_threads()
    try:
        steps = [_timed_step(config) for config in (settled, alone)]
        for number in range(N_WARM):
            for step in steps:
                step(number)
        pairs = [_pair(steps, N_WARM + number) for number in range(n_pairs)]
    finally:
        torch.set_num_threads(n_threads)
    return summary(pairs)


def _timed_step(config: Config) -> TimeStep:
    return trial(config, gather(config), config.train.batch_size)


def _pair(steps: Sequence[TimeStep], number: int) -> tuple[float, float]:
    """Seconds with words and without; each goes first as often as the other."""
    with_words, alone = steps
    if number % 2:
        without_s = alone(number)
        return with_words(number), without_s
    return with_words(number), alone(number)


def summary(pairs: Sequence[tuple[float, float]]) -> WordsRecord:
    """Sum up pairs of steps.

    Args:
        pairs: seconds with words and without, of two pairs at least.

    Returns:
        Medians, and the share with its interval.
    """
    with_words, alone = np.array(pairs).T
    shares = 100 * (with_words - alone) / with_words
    resampled = bootstrap(
        (shares,),
        np.median,
        confidence_level=LEVEL,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    interval = resampled.confidence_interval
    return {
        "pairs": len(pairs),
        "with_words_s": float(f"{statistics.median(with_words.tolist()):.4g}"),
        "image_only_s": float(f"{statistics.median(alone.tolist()):.4g}"),
        "share": round(float(np.median(shares)), 2),
        "low": round(float(interval.low), 2),
        "high": round(float(interval.high), 2),
    }
