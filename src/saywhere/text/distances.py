"""Can the encoder tell left from right? The cosine between sentences of a set that differ in one position word alone."""

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
N_FITTED = 600


@dataclass(frozen=True)
class Distance:
    """Mean cosine over n sentences with one word exchanged for its opposite: 1, the encoder hears no difference."""

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
    """One a pair of opposite words that the prompts name.

    Args:
        prompts: distinct texts; groups: equal for texts of equal meaning (see `scale.fit`).
        scale_name: `text.scale`, fitted on at most 600 of the prompts, drawn by the seed.
    """
    if not prompts:
        return []
    chosen = sorted(seeds.generator(seed, "distances").permutation(len(prompts))[:N_FITTED])
    scale = fit(cache.get([prompts[i] for i in chosen]), [groups[i] for i in chosen], scale_name)
    found = []
    for first, second in PAIRS:
        said = [
            prompts[i] for i in chosen if _names(prompts[i], first) != _names(prompts[i], second)
        ][:N_SENTENCES]
        if said:
            vectors = torch.from_numpy(
                cache.get(said + [_exchange(text, first, second) for text in said])
            )
            found.append(
                Distance(
                    f"{first} / {second}",
                    len(said),
                    _cosine(vectors.numpy()),
                    _cosine(scale(vectors).numpy()),
                )
            )
    return found


def _cosine(vectors: np.ndarray) -> float:
    """Mean cosine of the i-th of the first half with the i-th of the second."""
    said, opposite = np.split(
        vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), 2
    )
    return float((said * opposite).sum(1).mean())


def _names(text: str, word: str) -> bool:
    return re.search(rf"\b{word}\b", text, re.IGNORECASE) is not None


def _exchange(text: str, first: str, second: str) -> str:
    return re.sub(
        rf"\b({first}|{second})\b",
        lambda match: second if match.group().lower() == first else first,
        text,
        flags=re.IGNORECASE,
    )
