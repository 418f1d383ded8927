"""Shorter versions of a sentence: words are left out, the words for places stay.

A data set's sentences are all of one make; a person's are not. A model that has met each sentence
in several lengths judges a sentence of a new make by its words for places, not by its make.
"""

from __future__ import annotations

import hashlib
import re

import numpy as np

from saywhere.text.directions import POSITIONS

# Of the words that name no place, the share that is left out.
LEAST = 0.1
MOST = 0.7
ESSENTIAL = POSITIONS | {"no", "not", "without"}
"""Words that always stay: without them the sentence would mean something else."""
_WORD = re.compile(r"[^\W_]+")


def variants(prompt: str, n: int) -> list[str]:
    """Shorter versions of a prompt.

    Args:
        prompt: A sentence.
        n: How many are tried.

    Returns:
        Up to n versions that differ from the prompt and from each other. Equal prompts have equal
        versions, on every machine.
    """
    digest = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).digest()
    # The prompt is the seed: its versions do not depend on the other prompts or the order.
    random = np.random.default_rng(int.from_bytes(digest[:8], "little"))
    versions = [_shorter(prompt, random) for _ in range(n)]
    return [version for version in dict.fromkeys(versions) if version not in ("", prompt)]


def _shorter(prompt: str, random: np.random.Generator) -> str:
    words = prompt.split()
    share = random.uniform(LEAST, MOST)
    stays = random.random(len(words)) >= share
    # All words draw, the essential ones too: the draws do not depend on the list of these.
    chosen = [word for word, stay in zip(words, stays) if stay or _is_essential(word)]
    return " ".join(chosen).rstrip(",;:")


def _is_essential(word: str) -> bool:
    return not ESSENTIAL.isdisjoint(part.lower() for part in _WORD.findall(word))
