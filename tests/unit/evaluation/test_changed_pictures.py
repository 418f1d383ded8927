"""Changed copies of pictures: the truth moves with the picture, and the answers are the model's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import saywhere
from saywhere.data.dataset import true_mask
from saywhere.data.select import evaluation_prompt, manifest_of
from saywhere.evaluation.changed_pictures import CHANGES, Change, answers
from saywhere.metrics.calibration import fit
from saywhere.metrics.functional import dice
from saywhere.runs import calibration_file

SIZE = 64


@pytest.fixture
def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    """A bright target at the upper left, and one below the middle."""
    masks = torch.zeros(2, 1, SIZE, SIZE)
    masks[0, 0, 8:20, 10:22] = 1
    masks[1, 0, 36:44, 28:40] = 1
    red = torch.tensor([0.8, 0.4, 0.3])[:, None, None]
    return 0.1 + masks * red, masks


@pytest.mark.parametrize("zoom", [0.45, 0.65, 1.5, 2.2])
def test_a_zoom_keeps_the_target_where_words_of_place_put_it(
    pictures: tuple[torch.Tensor, torch.Tensor], zoom: float
) -> None:
    images, masks = Change("zoomed", zoom=zoom)(*pictures)
    for before, after, image in zip(pictures[1], masks, images):
        middles = [np.argwhere(mask[0].numpy() > 0.5).mean(0) for mask in (before, after)]
        assert middles[1] == pytest.approx(middles[0], abs=0.8)
        area = float(after.sum() / before.sum())
        assert area == pytest.approx(zoom**2, rel=0.25)
        # The picture went along with its truth.
        assert image[0][after[0] > 0.5].mean() > 0.8


@pytest.mark.parametrize("change", [one for one in CHANGES if one.zoom == 1], ids=lambda c: c.name)
def test_grey_levels_change_and_the_truth_does_not(
    pictures: tuple[torch.Tensor, torch.Tensor], change: Change
) -> None:
    images, masks = change(*pictures)
    assert torch.equal(masks, pictures[1])
    assert (images - pictures[0]).abs().max() > 0.02
    assert images.min() >= 0
    assert images.max() <= 1


def test_dark_is_darker_flat_flatter_and_pale_paler(
    pictures: tuple[torch.Tensor, torch.Tensor],
) -> None:
    before = pictures[0]
    after = {change.name: change(*pictures)[0] for change in CHANGES}
    assert after["dark"].mean() < before.mean() < after["bright"].mean()
    assert after["flat"].std() < before.std() / 2
    spread = [one.std(1).max() for one in (after["pale"], before)]
    assert spread[0] < spread[1] / 4


def test_an_unchanged_copy_is_answered_as_the_picture_itself(trained: Path) -> None:
    segmenter = saywhere.load(trained)
    rows = list(manifest_of(segmenter.config.data).split("train"))[:5]
    prompts = [evaluation_prompt(row, segmenter.config.evaluation_level) for row in rows]
    found = answers(segmenter, rows, prompts, [Change("as it is")])
    assert len(found) == 5
    for row, prompt, one in zip(rows, prompts, found):
        result = segmenter.segment(row.image, prompt)
        size = segmenter.config.data.size
        assert result.mask.shape == (size, size), "compared where nothing is resized"
        assert one.confidence == pytest.approx(result.confidence, rel=1e-5)
        target = true_mask(row, result.mask.shape)
        assert one.dice == pytest.approx(dice(result.mask, target))


def test_calibrate_learns_from_the_copies_too(run_copy: Path) -> None:
    segmenter = saywhere.load(run_copy)
    rows = list(manifest_of(segmenter.config.data).split("train"))
    prompts = [evaluation_prompt(row, segmenter.config.evaluation_level) for row in rows]
    results = [segmenter.segment(row.image, prompt) for row, prompt in zip(rows, prompts)]
    truths = [true_mask(row, (1, 1)) for row in rows]
    scores = [dice(result.mask, truth) for result, truth in zip(results, truths)]
    copies = answers(segmenter, rows, prompts)
    assert {one.change for one in copies} == {one.name for one in CHANGES}
    sure = [result.confidence for result in results]
    wanted = fit(sure, scores, [(one.confidence, one.dice) for one in copies])
    saywhere.calibrate(run_copy, split="train")
    kept = json.loads((run_copy / calibration_file.FILE).read_text())
    assert kept["n"] == wanted.n == sum(one is not None for one in sure)
    asked = np.linspace(0.4, 1, 50)
    learned = np.interp(asked, kept["confidence"], kept["dice"])
    assert learned == pytest.approx([wanted.of(one) for one in asked], abs=2e-3)
    alone = [fit(sure, scores).of(one) for one in asked]
    assert abs(learned - alone).max() > 0.01, "the copies make a difference"
