"""Early fusion as a module of its own: what another person's loop can rely on."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from saywhere.errors import ConfigError, UsageError
from saywhere.fusion import Augmentation, EarlyFusion
from saywhere.fusion.stack import spread
from saywhere.text.controls import Control, open_place
from saywhere.text.whitening import fit

PLACES = ["upper left", "upper right", "lower left", "lower right"]
SENTENCES = [
    (f"the lesion in the {place}", f"find the bright one at the {place}", place) for place in PLACES
]
SIZE = 32


@pytest.fixture(scope="module")
def fitted(minilm: Any) -> EarlyFusion:
    return EarlyFusion.fit(SENTENCES, size=SIZE, channels=1, encoder=minilm)


@pytest.fixture
def fusion(fitted: EarlyFusion) -> EarlyFusion:
    return EarlyFusion(
        *map(deepcopy, (fitted.scale, fitted.projection, fitted.generator)), *fitted._opened
    )


def image(batch: int = 2, channels: int = 1) -> Tensor:
    return torch.rand(batch, channels, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


def test_the_stack_is_the_image_and_what_the_words_look_like(fusion: EarlyFusion) -> None:
    stack, pseudo_image = fusion(image(), ["upper left", "lower right"])
    assert stack.shape == (2, 2, SIZE, SIZE)
    assert torch.equal(stack[:, :1], image())
    assert torch.equal(stack[:, 1:], pseudo_image)
    assert 0 <= pseudo_image.min() <= pseudo_image.max() <= 1
    assert spread(fusion.generate(fusion.embeddings(PLACES))) > 0.05


def test_one_geometry_turns_both_halves_and_the_pseudo_image_stays_where_it_was(
    fusion: EarlyFusion,
) -> None:
    geometry = Augmentation().draw(3, 0, [0, 1])
    assert not geometry.is_still
    still, turned = fusion(image(), PLACES[:2]), fusion(image(), PLACES[:2], geometry)
    assert torch.equal(turned.stack, geometry(still.stack))
    assert torch.equal(turned.pseudo_image, still.pseudo_image)


def test_the_scale_is_the_one_that_a_training_of_saywhere_fits(
    fusion: EarlyFusion, minilm: Any
) -> None:
    group_of = {text: number for number, same in enumerate(SENTENCES) for text in same}
    prompts = sorted(group_of)
    groups = [group_of[prompt] for prompt in prompts]
    expected = fit(minilm.embed(prompts), groups, "within")
    assert differs(fusion.scale.matrix, expected.matrix) < 1e-3
    apart = EarlyFusion.fit(
        [text for same in SENTENCES for text in same], size=SIZE, channels=1, encoder=minilm
    )
    assert (
        differs(apart.scale.matrix, expected.matrix) > 0.1
    )  # without the groups, style counts as meaning


def differs(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Of what the scale makes of lengths and angles; directions that stretch alike may come in any
    rotation, as the last bits of an embedding have it.
    """
    ours, theirs = (matrix @ matrix.T for matrix in (ours, theirs))
    return float((ours - theirs).norm() / theirs.norm())


def test_projection_and_generator_learn_and_nothing_else_is_kept(fusion: EarlyFusion) -> None:
    assert {name.split(".")[0] for name, _ in fusion.named_parameters()} == {
        "projection",
        "generator",
    }
    assert {name.split(".")[0] for name in fusion.state_dict()} == {
        "scale",
        "projection",
        "generator",
    }
    fusion(image(), PLACES[:2]).stack.mean().backward()
    assert all(
        parameter.grad is not None and parameter.grad.abs().sum() > 0
        for parameter in fusion.generator.parameters()
    )


def test_an_encoder_that_is_a_module_does_not_learn() -> None:
    class Own(Control, torch.nn.Linear):  # type: ignore[misc]
        name = "own"
        dim = 4
        revision = "1"
        pooling = "mean"
        max_length = 9

        def __init__(self) -> None:
            torch.nn.Linear.__init__(self, 4, 4)

        def embed(self, prompts: Sequence[str]) -> np.ndarray:
            return np.array(
                [
                    [len(prompt), prompt.count("l"), prompt.count("e"), prompt.count("u")]
                    for prompt in prompts
                ],
                np.float32,
            )

    fusion = EarlyFusion.fit(SENTENCES, size=SIZE, channels=1, encoder=Own())
    assert {name.split(".")[0] for name, _ in fusion.named_parameters()} == {
        "projection",
        "generator",
    }
    assert fusion.embeddings(["upper"])[0, 0] == 5


def test_equal_seeds_give_equal_weights_and_the_callers_randomness_goes_on(minilm: Any) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, same, other = (
        EarlyFusion.fit(SENTENCES, size=SIZE, channels=1, encoder=minilm, seed=seed)
        for seed in (0, 0, 1)
    )
    assert torch.equal(torch.rand(3), expected)
    assert all(
        torch.equal(a, b) for a, b in zip(one.state_dict().values(), same.state_dict().values())
    )
    assert not torch.equal(one.generator.layers[0].weight, other.generator.layers[0].weight)


def test_what_is_saved_is_what_is_loaded(fusion: EarlyFusion, minilm: Any) -> None:
    other = EarlyFusion.fit(SENTENCES, size=SIZE, channels=1, encoder=minilm, seed=9)
    other.load_state_dict(fusion.state_dict())
    assert torch.equal(other(image(), PLACES[:2]).stack, fusion(image(), PLACES[:2]).stack)


def test_words_are_sentences_or_their_embeddings_and_a_sentence_is_encoded_once(
    fusion: EarlyFusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = fusion(image(), ["  lower\n left ", "something new"])
    embedding = fusion.embeddings(["lower left", "something new"])
    monkeypatch.setattr(type(fusion._opened[0]), "embed", lambda *_: pytest.fail("encoded twice"))
    assert torch.equal(fusion(image(), embedding).stack, said.stack)
    assert torch.equal(fusion(image(), ("lower left", "something new")).stack, said.stack)


def test_a_copy_looks_for_the_cache_where_it_wakes_up(
    fitted: EarlyFusion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = EarlyFusion.fit(
        PLACES, size=SIZE, encoder=open_place(), projection="linear", scale="whiten"
    )
    place.embeddings(["upper right"])
    monkeypatch.setenv("SAYWHERE_CACHE", str(tmp_path / "another"))
    copied = deepcopy(place)
    assert torch.equal(
        copied.embeddings(["the very middle"]), place.embeddings(["the very middle"])
    )
    assert [
        folder.name.partition("-")[0] for folder in (tmp_path / "another/embeddings").iterdir()
    ] == ["place"]


def test_noise_moves_the_picture_a_little(fusion: EarlyFusion) -> None:
    noise = torch.full((2, fusion.scale.dims[1]), 0.1)
    calm, moved = (
        fusion(image(), PLACES[:2]).pseudo_image,
        fusion(image(), PLACES[:2], noise=noise).pseudo_image,
    )
    assert not torch.equal(calm, moved)


def test_it_says_what_it_is(fitted: EarlyFusion) -> None:
    assert "minilm: 384 → " in repr(fitted)
    assert f"numbers → {SIZE}×{SIZE}, 12 sentences known" in repr(fitted)
    place = EarlyFusion.fit(
        PLACES, size=SIZE, encoder=open_place(), projection="linear", scale="whiten"
    )
    assert "place: 10 → " in repr(place)


@pytest.mark.parametrize(
    ("given", "words", "message"),
    [
        (
            image(channels=3),
            PLACES[:2],
            r"images of shape \(2, 3, 32, 32\) in EarlyFusion; .*resize them, or fit the fusion",
        ),
        (image()[0], PLACES[:1], r"images of shape \(1, 32, 32\)"),
        (
            image().mul(255).byte(),
            PLACES[:2],
            r"images of type torch.uint8 .*image.float\(\) / 255",
        ),
        (image(), PLACES[:1], r"2 images and 1 prompts in EarlyFusion; one prompt an image"),
        (image(), "upper left", r"the sentence 'upper left' in EarlyFusion; a list of sentences"),
        (image(), ["upper left", None], r"a sentence is None in EarlyFusion; a string"),
        (image(), None, r"sentences are None"),
    ],
)
def test_what_cannot_be_fused_is_said(
    fusion: EarlyFusion, given: Any, words: Any, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        fusion(given, words)


def test_an_array_is_no_tensor(fusion: EarlyFusion) -> None:
    with pytest.raises(
        UsageError,
        match=r"an image is a ndarray in EarlyFusion; "
        r"a float tensor \(batch, 1, 32, 32\) in \[0, 1\]",
    ):
        fusion._check(
            image().numpy()
        )  # what forward asks first, before this suite's own check of types


@pytest.mark.parametrize(
    ("sentences", "options", "error", "message"),
    [
        ("upper left", {}, UsageError, r"the sentence 'upper left' in EarlyFusion.fit"),
        (
            [],
            {},
            UsageError,
            r"sentences are \[\] in EarlyFusion.fit; a list of sentences, at least one",
        ),
        ([("a", 3)], {}, UsageError, r"a sentence is 3"),
        (
            PLACES,
            {"size": 30},
            ConfigError,
            r"data.size is 30 in EarlyFusion.fit; a size must be a multiple of 8",
        ),
        (PLACES, {"channels": 2}, ConfigError, r"data.channels is 2"),
        (PLACES, {"scale": "withn"}, ConfigError, r"text.scale is \"withn\""),
        (PLACES, {"projection": "conv"}, ConfigError, r"fusion.projection is \"conv\""),
        (
            PLACES,
            {"encoder": 3},
            UsageError,
            r"an encoder is a int in EarlyFusion.fit; a name, or an object",
        ),
        (
            PLACES,
            {"encoder": "minilmm"},
            ConfigError,
            r"no text encoder 'minilmm' in text.encoder: did you mean 'minilm'",
        ),
    ],
)
def test_what_it_cannot_be_fitted_on_is_said(
    sentences: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        EarlyFusion.fit(sentences, **({"size": SIZE} | options))
