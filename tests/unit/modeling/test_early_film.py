"""`early-film`."""

from __future__ import annotations

import pytest
import torch

from saywhere.config import Config
from saywhere.modeling.build import build_model
from saywhere.text.whitening import EmbeddingScale


def test_the_vector_reaches_the_decoder_beside_the_pseudo_image(config: Config) -> None:
    model = build_model(config.replace(**{"fusion.name": "early-film"}), EmbeddingScale(384, 20))
    model.eval()
    image = torch.rand(2, 1, 32, 32)
    embedding = torch.randn(2, 384)
    pseudo_image = model.generate(embedding)
    stack = model.normalize(torch.cat([image, pseudo_image], 1))
    expected = model.network(stack, model.scale(embedding))
    segmentation = model(image, embedding)
    torch.testing.assert_close(segmentation.logits, expected)
    torch.testing.assert_close(segmentation.pseudo_image, pseudo_image)
    # Another vector for FiLM alone changes the answer.
    assert (model.network(stack, model.scale(-embedding)) - expected).abs().max() > 1e-4


def test_a_head_for_presence_sees_the_network_inside_of_the_conditioners(config: Config) -> None:
    changes = {"fusion.name": "early-film", "loss.presence": 0.1}
    model = build_model(config.replace(**changes), EmbeddingScale(384, 20))
    answer = model(torch.rand(2, 1, 32, 32), torch.randn(2, 384))
    assert answer.presence.shape == (2,)
    assert answer.logits.shape == (2, 1, 32, 32)


@pytest.mark.parametrize(("name", "n_conditioners"), [("early", 0), ("early-film", 4)])
def test_what_learns_from_the_prompts_holds_the_conditioners(
    config: Config, name: str, n_conditioners: int
) -> None:
    model = build_model(config.replace(**{"fusion.name": name}), EmbeddingScale(384, 20))
    branch = [*model.projection.parameters(), *model.generator.parameters()]
    # Two layers each, of a weight and a bias.
    assert len(model.text_parameters()) == len(branch) + 4 * n_conditioners
