"""The figure: fuse, turn, normalise, segment."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError
from torch import Tensor, nn

from saywhere.config import AugmentConfig
from saywhere.fusion.conditioning import ConditionedNetwork
from saywhere.fusion.generator import Generator
from saywhere.fusion.projection import Projection
from saywhere.modeling.changes import Changes
from saywhere.modeling.feature_conditioned import FeatureSegmenter
from saywhere.modeling.image_only import ImageSegmenter
from saywhere.modeling.normalize import Normalize
from saywhere.modeling.referring import ReferringSegmenter
from saywhere.text.whitening import EmbeddingScale
from saywhere.transforms.augmentation import Augmentation
from saywhere.transforms.geometry import Geometry

SIZE, DIM = 32, 12
GEOMETRY = Augmentation(AugmentConfig(affine=1.0, horizontal_flip=1.0, degrees=30.0)).draw(
    0, 0, [0, 1]
)


class Echo(nn.Module):
    """A network that gives its input back, so that a test can look at it."""

    def forward(self, stack: Tensor) -> Tensor:
        self.stack = stack
        return stack.mean(1, keepdim=True)


def build(channel: int = 3, *, pseudo_image_turns: bool = True) -> ReferringSegmenter:
    torch.manual_seed(0)
    projection = Projection("mlp", DIM, (SIZE // 8, SIZE // 8))
    generator = Generator(channel)
    normalize = Normalize([0.25] * channel + [0.5] * channel, [0.5] * channel + [0.125] * channel)
    return ReferringSegmenter(
        EmbeddingScale(DIM, DIM), projection, generator, normalize, Echo(), pseudo_image_turns
    )


@pytest.fixture
def image() -> Tensor:
    return torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def embedding() -> Tensor:
    return torch.randn(2, DIM, generator=torch.Generator().manual_seed(2))


def test_the_network_sees_image_and_words_as_one_stack_each_half_normalised_by_its_own(
    image: Tensor, embedding: Tensor
) -> None:
    model = build()
    pseudo_image = model(image, embedding).pseudo_image
    expected = np.concatenate(
        [(image.numpy() - 0.25) / 0.5, (pseudo_image.detach().numpy() - 0.5) / 0.125], 1
    )
    np.testing.assert_allclose(model.network.stack.detach().numpy(), expected, rtol=1e-5, atol=1e-6)


def test_image_and_words_turn_together(image: Tensor, embedding: Tensor) -> None:
    model = build()
    model.normalize = nn.Identity()  # type: ignore[assignment]
    pseudo_image = model(image, embedding, Changes(GEOMETRY)).pseudo_image
    torch.testing.assert_close(
        model.network.stack, torch.cat([GEOMETRY(image), GEOMETRY(pseudo_image)], 1)
    )


def test_the_pseudo_image_stays_in_the_original_frame(image: Tensor, embedding: Tensor) -> None:
    model = build()
    assert torch.equal(
        model(image, embedding, Changes(GEOMETRY)).pseudo_image,
        model(image, embedding).pseudo_image,
    )


def test_words_that_do_not_turn_stay_behind(image: Tensor, embedding: Tensor) -> None:
    model = build(pseudo_image_turns=False)
    model.normalize = nn.Identity()  # type: ignore[assignment]
    pseudo_image = model(image, embedding, Changes(GEOMETRY)).pseudo_image
    assert torch.equal(model.network.stack, torch.cat([GEOMETRY(image), pseudo_image], 1))


def test_empty_corners_are_black_before_the_normalisation(image: Tensor, embedding: Tensor) -> None:
    """As in the public code: (0 − mean) / std, not 0."""
    model = build()
    zero = np.zeros(2, np.float32)
    model(image, embedding, Changes(Geometry(zero, zero, zero, zero + 0.5, zero, zero)))
    corner = model.network.stack[:, :, 0, 0].detach()
    torch.testing.assert_close(corner, torch.tensor([[-0.5] * 3 + [-4.0] * 3] * 2))


def test_noise_moves_the_words_only(image: Tensor, embedding: Tensor) -> None:
    model = build()
    noise = torch.ones(2, DIM)
    quiet, noisy = model(image, embedding), model(image, embedding, Changes(noise=noise))
    assert not torch.equal(quiet.pseudo_image, noisy.pseudo_image)
    assert torch.equal(
        noisy.pseudo_image, model(image, embedding + noise).pseudo_image
    )  # the scale here is the identity


def test_an_image_alone_hears_nothing(image: Tensor, embedding: Tensor) -> None:
    model = ImageSegmenter(Normalize([0.25] * 3, [0.5] * 3), Echo())
    heard = model(image, embedding, Changes(GEOMETRY))
    assert heard.pseudo_image is None
    assert torch.equal(heard.logits, model(image, None, Changes(GEOMETRY)).logits)
    torch.testing.assert_close(model.network.stack, (GEOMETRY(image) - 0.25) / 0.5)


def test_words_that_join_features_leave_the_stack_alone_and_are_scaled(
    image: Tensor, embedding: Tensor
) -> None:
    heard: list[Tensor] = []

    class Listening(ConditionedNetwork):
        def forward(self, stack: Tensor, embedding: Tensor) -> Tensor:
            heard.append(embedding)
            return self.network(stack)

    scale = EmbeddingScale(DIM, DIM)
    scale.matrix.mul_(2)
    model = FeatureSegmenter(
        scale, Normalize([0.25] * 3, [0.5] * 3), Listening(Echo(), {}), reads_tokens=False
    )
    assert model(image, embedding, Changes(GEOMETRY, torch.ones(2, DIM))).pseudo_image is None
    torch.testing.assert_close(model.network.network.stack, (GEOMETRY(image) - 0.25) / 0.5)
    torch.testing.assert_close(heard[0], 2 * embedding + 1)
    model.reads_tokens = True
    model(image, embedding[:, None], Changes(noise=torch.ones(2, DIM)))
    assert torch.equal(heard[1], embedding[:, None])


def test_gradients_reach_every_parameter_of_projection_and_generator_through_the_augmentation(
    image: Tensor, embedding: Tensor
) -> None:
    model = build()
    (
        model(image, embedding, Changes(GEOMETRY)).logits * torch.rand(2, 1, SIZE, SIZE)
    ).sum().backward()
    deaf = [
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert deaf == []
    assert len(list(model.parameters())) == 12  # 3 layers of the projection, 3 of the generator


@pytest.mark.parametrize("channel", [1, 3])
def test_a_state_holds_the_scale_but_no_constants_of_the_configuration(channel: int) -> None:
    names = set(build(channel).state_dict())
    assert {"scale.mean", "scale.matrix", "scale.reach"} < names
    assert not any(name.startswith("normalize") for name in names)


def test_shapes_are_checked_in_the_tests(embedding: Tensor) -> None:
    """The import hook in conftest.py is at work: an image without a batch never gets as far as the
    network.
    """
    with pytest.raises(TypeCheckError):
        build()(torch.rand(3, SIZE, SIZE), embedding)
