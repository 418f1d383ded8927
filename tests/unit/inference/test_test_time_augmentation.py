"""Mirroring at prediction, against torch's own flips of the stack."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from saywhere.errors import UsageError
from saywhere.fusion.stack import fuse
from saywhere.inference.segmenter import load
from saywhere.inference.test_time_augmentation import mirrored, refuse_mirrors
from saywhere.modeling.build import build_model
from saywhere.modeling.referring import ReferringSegmenter

PROMPT = "the small bright spot, upper left"


@torch.inference_mode()
def test_it_is_the_mean_over_four_flips_of_the_stack(trained: Path) -> None:
    segmenter = load(trained)
    model = segmenter.model
    embedding = segmenter.embeddings([PROMPT, ""])
    assert isinstance(model, ReferringSegmenter)
    image = torch.rand(
        2, segmenter.config.data.channels, 32, 32, generator=torch.Generator().manual_seed(0)
    )
    stack = fuse(image, model.generate(embedding))
    expected = torch.stack(
        [
            model.network(model.normalize(stack.flip(axes))).sigmoid().flip(axes)
            for axes in ((), (3,), (2,), (2, 3))
        ]
    ).mean(0)
    found, pseudo_image, presence = mirrored(model, image, embedding)
    assert presence is None
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(pseudo_image, model.generate(embedding))
    assert (found - model(image, embedding).logits.sigmoid()).abs().max() > 1e-3


def test_an_answer_is_mirrored_where_it_is_asked_for(trained: Path, manifest: Path) -> None:
    picture = manifest.parent / "images/test_0000.png"
    plain, asked = load(trained), load(trained, mirror=True)
    assert not plain.config.evaluate.mirror
    assert not np.allclose(
        plain.segment(picture, PROMPT).probability,
        asked.segment(picture, PROMPT).probability,
        atol=1e-3,
    )
    assert plain.digest != asked.digest  # so that a batch that is done without it is redone with it


@pytest.mark.parametrize("changes", [{"fusion.name": "film"}, {"fusion.arm": "swap"}])
def test_words_that_do_not_turn_cannot_be_mirrored(trained: Path, changes: dict[str, str]) -> None:
    segmenter = load(trained)
    assert isinstance(segmenter.model, ReferringSegmenter)
    model = build_model(segmenter.config.replace(**changes), segmenter.model.scale)
    with pytest.raises(
        UsageError,
        match="not transformed with its images; early fusion with the prompt policy fuse-first",
    ):
        refuse_mirrors(model)
