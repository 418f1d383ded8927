"""Encoders that know no language."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from saywhere.config import TextConfig
from saywhere.errors import ConfigError
from saywhere.text.encoder import open_encoder


def embedded(encoder: str, *prompts: str) -> np.ndarray:
    return open_encoder(TextConfig(encoder=encoder)).embed(prompts)


def test_a_random_vector_is_a_sentences_own_and_says_nothing_of_its_words() -> None:
    vectors = embedded(
        "random", "one polyp, left", "one polyp, right", " one polyp,  left ", "a nevus"
    )
    assert (vectors.shape, vectors.dtype) == ((4, 384), np.float32)
    assert np.array_equal(vectors[0], vectors[2])
    cosines = vectors[[0, 1, 3]] @ vectors[[0, 1, 3]].T
    assert np.allclose(np.diag(cosines), 1, atol=1e-6)
    assert np.abs(cosines - np.eye(3)).max() < 0.2  # a tenth is what chance gives in 384 dimensions


@pytest.mark.parametrize(
    ("prompt", "cells"),
    [
        ("one polyp in the top left of the image", [0]),
        ("one polyp, upper", [1]),
        ("polyp right", [5]),
        ("polyp in the center", [4]),
        ("two polyps, top left, bottom right", [0, 2, 6, 8]),
        ("one small polyp", [9]),
        ("", [9]),
    ],
)
def test_a_place_is_its_cells_of_the_grid(prompt: str, cells: list[int]) -> None:
    assert np.flatnonzero(embedded("place", prompt)[0]).tolist() == cells


@pytest.mark.parametrize("name", ["random", "place"])
def test_a_control_is_an_encoder_of_one_token(name: str) -> None:
    encoder = open_encoder(TextConfig(encoder=name))
    (tokens,) = encoder.embed_tokens(["polyp left"])
    assert np.array_equal(tokens, encoder.embed(["polyp left"]))
    assert encoder.embed([]).shape == (0, encoder.dim)
    assert encoder.count_tokens("one polyp, left") == 3
    with pytest.raises(
        ConfigError, match=f"text.encoder is '{name}', with a path, a pooling or a length"
    ):
        open_encoder(TextConfig(encoder=name, path=Path("anywhere")))
