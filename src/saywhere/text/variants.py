"""Shorter versions of a sentence: words left out, the words for places kept.

A set's sentences are of one make; a person's are not. A model that has met each sentence in several lengths judges a new make by its
words for places, not by its make.
"""

from __future__ import annotations

import hashlib
import re

import numpy as np

from saywhere.text.directions import POSITIONS

LEAST, MOST = 0.1, 0.7  # of the other words, the share that is left out
KEPT = POSITIONS | {"no", "not", "without"}
_WORD = re.compile(r"[^\W_]+")


def variants(prompt: str, n: int) -> list[str]:
    """Up to n versions that differ from the prompt and from each other; equal prompts have equal versions, on every machine."""
    seed = int.from_bytes(
        hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).digest()[:8], "little"
    )
    random = np.random.default_rng(seed)
    found = (_shorter(prompt, random) for _ in range(n))
    return [version for version in dict.fromkeys(found) if version not in ("", prompt)]


def _shorter(prompt: str, random: np.random.Generator) -> str:
    words, share = prompt.split(), random.uniform(LEAST, MOST)
    stays = random.random(len(words)) >= share
    return " ".join(
        word
        for word, stay in zip(words, stays)
        if stay or KEPT & {part.lower() for part in _WORD.findall(word)}
    ).rstrip(",;:")
