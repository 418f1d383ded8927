"""What every text encoder promises, and what one of BERT's layout promises beside it.

A subclass says how to open it, and how to open it with other weights.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from torch import nn

PROMPTS = [
    "one small round polyp, upper right",
    "",
    "   ",
    "left",
    "a " * 5_000,
    "x" * 10_000,
    "🫁 🩻 👩🏽‍⚕️",
    "ورم صغير في أعلى اليمين",
    "פוליפ קטן למעלה מימין",
    "左上の小さなポリープ",
    "маленький полип сверху справа",
    "छोटा पॉलीप ऊपर दाईं ओर",
    "a\x00b\x07\ufeff\u200f",
    "e\u0301",
    "\udcff",  # how a command line gives a byte that is no text
]


MOST_TOKENS = 10_000
"""An encoder that reads more has no limit that a test could reach."""


class EncoderConformance:
    """Inherit this, and give two fixtures.

    `encoder` (scope module) opens it. `other_weights` opens the same kind with other weights; it
    skips where there are none.
    """

    dim: ClassVar[int]

    def test_it_says_what_it_is(self, encoder: Any) -> None:
        assert encoder.dim == self.dim
        assert encoder.name
        assert encoder.pooling
        assert encoder.max_length >= 4
        assert encoder.revision

    def test_it_is_frozen_and_in_eval_mode(self, encoder: Any) -> None:
        for model in vars(encoder).values():
            if isinstance(model, nn.Module):
                assert not any(parameter.requires_grad for parameter in model.parameters())
                assert not any(module.training for module in model.modules())

    def test_a_batch_of_n_equals_n_singles(self, encoder: Any) -> None:
        together = encoder.embed(PROMPTS)
        alone = np.concatenate([encoder.embed([prompt]) for prompt in PROMPTS])
        np.testing.assert_allclose(together, alone, rtol=0, atol=1e-5)

    @pytest.mark.parametrize("prompt", PROMPTS, ids=lambda prompt: ascii(prompt)[:24])
    def test_every_text_has_a_finite_vector(self, encoder: Any, prompt: str) -> None:
        vector = encoder.embed([prompt])
        assert vector.shape == (1, self.dim)
        assert vector.dtype == np.float32
        assert np.isfinite(vector).all()
        assert vector.any()

    def test_no_text_gives_no_rows(self, encoder: Any) -> None:
        assert encoder.embed([]).shape == (0, self.dim)

    def test_every_prompt_has_tokens(self, encoder: Any) -> None:
        for states in encoder.embed_tokens(PROMPTS):
            assert 1 <= len(states) <= encoder.max_length
            assert (states.shape[1], states.dtype) == (self.dim, np.float32)
            assert np.isfinite(states).all()

    def test_it_is_deterministic(self, encoder: Any) -> None:
        assert np.array_equal(encoder.embed(PROMPTS), encoder.embed(PROMPTS))

    def test_different_words_have_different_vectors(self, encoder: Any) -> None:
        left, right = encoder.embed(["a polyp on the left", "a polyp on the right"])
        assert np.abs(left - right).max() > 1e-3

    def test_tokens_are_counted_before_truncation(self, encoder: Any) -> None:
        assert encoder.count_tokens("left") < encoder.count_tokens("left " * 5_000)

    def test_what_lies_beyond_max_length_is_cut_off(self, encoder: Any) -> None:
        if encoder.max_length > MOST_TOKENS:
            pytest.skip("it reads a prompt of any length")
        long = " ".join(["a"] * encoder.max_length)
        assert np.array_equal(encoder.embed([long]), encoder.embed([long + " right"]))

    def test_other_weights_are_another_revision(self, encoder: Any, other_weights: Any) -> None:
        assert other_weights.revision != encoder.revision
        assert np.abs(other_weights.embed(["left"]) - encoder.embed(["left"])).max() > 1e-3


class BertConformance(EncoderConformance):
    """One that is a `BertEncoder`, by its revision, its poolings and its special tokens."""

    def test_its_revision_and_pooling_are_those_of_a_bert(self, encoder: Any) -> None:
        assert encoder.pooling in ("mean", "cls", "paper_code")
        assert len(encoder.revision) == 16
        assert isinstance(encoder._model, nn.Module)

    def test_tokens_come_without_padding_and_their_own_mean_is_what_pooling_gives(
        self, encoder: Any
    ) -> None:
        tokens = encoder.embed_tokens(PROMPTS)
        assert [len(states) for states in tokens] == [
            min(encoder.count_tokens(prompt), encoder.max_length) for prompt in PROMPTS
        ]
        if encoder.pooling == "mean":
            mean = np.stack([states.mean(0) for states in tokens])
            sentence = encoder.embed(PROMPTS)
            cosine = (
                (mean * sentence).sum(1)
                / np.linalg.norm(mean, axis=1)
                / np.linalg.norm(sentence, axis=1)
            )
            np.testing.assert_allclose(cosine, 1, atol=1e-5)

    def test_special_tokens_count(self, encoder: Any) -> None:
        assert encoder.count_tokens("") == 2  # the beginning and the end
        assert encoder.count_tokens("left") == 3
        assert encoder.count_tokens("a " * 5_000) == 5_002 > encoder.max_length
