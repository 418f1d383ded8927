"""Can the encoder tell left from right?

Measured is the cosine between sentences of a data set that differ in one position word alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from saywhere import seeds
from saywhere.text.cache import EmbeddingCache
from saywhere.text.directions import PAIRS
from saywhere.text.whitening import fit

N_SENTENCES = 20
"""Per pair of words, at most."""
N_FITTED = 600
"""Prompts that the scale is fitted on, at most."""


@dataclass(frozen=True)
class Distance:
    """How alike sentences stay when one word is exchanged for its opposite.

    Attributes:
        pair: The two words, as "left / right".
        n: Sentences that were compared.
        cosine_before: Mean cosine of the encoder's vectors; 1 means it sees no difference.
        cosine_after: The same after `text.scale`.
    """

    pair: str
    n: int
    cosine_before: float
    cosine_after: float


def opposite_distances(
    prompts: Sequence[str],
    groups: Sequence[int],
    cache: EmbeddingCache,
    scale_name: str,
    seed: int = 0,
) -> list[Distance]:
    """Measure each pair of opposite words that the prompts name.

    Args:
        prompts: Distinct texts.
        groups: A number per prompt, equal for texts of equal meaning, as `whitening.fit` takes it.
        cache: The encoder's vectors, one per sentence.
        scale_name: `text.scale`, fitted on at most 600 of the prompts.
        seed: Which prompts are drawn, where there are more.

    Returns:
        One result per pair that at least one of the drawn prompts names, in the order of `PAIRS`.
    """
    if not prompts:
        return []
    # Sorted back, so that the fit does not depend on the order of the draw.
    drawn = sorted(seeds.generator(seed, "distances").permutation(len(prompts))[:N_FITTED])
    texts = [prompts[i] for i in drawn]
    scale = fit(cache.get(texts), [groups[i] for i in drawn], scale_name)
    distances = []
    for first, second in PAIRS:
        # A sentence that names both words would mean the same after the exchange.
        naming_one = [text for text in texts if _names(text, first) != _names(text, second)]
        originals = naming_one[:N_SENTENCES]
        if not originals:
            continue
        exchanged = [_exchange(text, first, second) for text in originals]
        vectors = torch.from_numpy(cache.get(originals + exchanged))
        before = _cosine(vectors.numpy())
        after = _cosine(scale(vectors).numpy())
        distances.append(Distance(f"{first} / {second}", len(originals), before, after))
    return distances


def _cosine(vectors: np.ndarray) -> float:
    """Mean cosine of the i-th of the first half with the i-th of the second."""
    # A vector of zeros has no direction. It counts as unlike everything.
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    originals, exchanged = np.split(vectors / lengths, 2)
    return float((originals * exchanged).sum(1).mean())


def _names(text: str, word: str) -> bool:
    return re.search(rf"\b{word}\b", text, re.IGNORECASE) is not None


def _exchange(text: str, first: str, second: str) -> str:
    def other(match: re.Match[str]) -> str:
        return second if match.group().lower() == first else first

    return re.sub(rf"\b({first}|{second})\b", other, text, flags=re.IGNORECASE)
