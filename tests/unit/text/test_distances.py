"""Does the encoder tell left from right?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from saywhere.text.bert import BertEncoder
from saywhere.text.cache import EmbeddingCache
from saywhere.text.distances import opposite_distances

SENTENCES = [
    f"{size} lesion, {row} {side}"
    for size in ("small", "large", "one")
    for row in ("upper", "lower")
    for side in ("left", "right")
]


@pytest.fixture
def cache(minilm: BertEncoder, tmp_path: Path) -> EmbeddingCache:
    return EmbeddingCache(minilm, tmp_path)


def test_it_compares_each_pair_of_opposites_that_the_prompts_name(cache: EmbeddingCache) -> None:
    distances = opposite_distances(SENTENCES, range(len(SENTENCES)), cache, "whiten")
    assert [distance.pair for distance in distances] == ["left / right", "upper / lower"]
    assert all(distance.n == len(SENTENCES) for distance in distances)


def test_the_cosine_before_scaling_is_that_of_scikit_learn(cache: EmbeddingCache) -> None:
    originals = ["lesion, left", "a spot on the left side"]
    distance = opposite_distances(originals, [0, 1], cache, "none")[0]
    there = cache.get(originals)
    opposite = cache.get([text.replace("left", "right") for text in originals])
    assert distance.cosine_before == pytest.approx(
        float(np.diag(cosine_similarity(there, opposite)).mean()), abs=1e-6
    )
    assert distance.cosine_after == pytest.approx(distance.cosine_before, abs=1e-6)


def test_scaling_parts_opposites(cache: EmbeddingCache) -> None:
    for distance in opposite_distances(SENTENCES, range(len(SENTENCES)), cache, "whiten"):
        assert distance.cosine_after < distance.cosine_before - 0.2


def test_a_sentence_that_names_both_sides_says_nothing_about_them(cache: EmbeddingCache) -> None:
    assert opposite_distances(["left and right lung"], [0], cache, "none") == []
    assert opposite_distances([], [], cache, "none") == []
