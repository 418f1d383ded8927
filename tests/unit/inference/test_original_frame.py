from __future__ import annotations

import numpy as np
import torch

from saywhere.inference.original_frame import to_frame
from saywhere.inference.runtimes.runtime import Scores
from saywhere.io.framing import Box


def test_the_bars_are_cut_off_before_the_answer_is_resized() -> None:
    picture = torch.zeros(1, 1, 8, 8)
    picture[..., 2:6, :] = 0.5
    frame = to_frame(picture, Box(top=2, left=0, height=4, width=8), 16, 32)
    assert (frame.dtype, frame.shape) == (np.float32, (16, 32, 1))
    assert (frame == 0.5).all(), "nothing of the bars comes in at the edges"


def test_a_grey_pseudo_image_is_shown_in_three_equal_channels() -> None:
    random = np.random.default_rng(0)
    grey, colour = (random.random((2, n, 3, 4), np.float32) for n in (1, 3))
    probability = random.random((2, 1, 3, 4), np.float32)
    far = np.zeros(2, np.float32)
    shown = Scores(probability, grey, far).of(1).pseudo_image
    assert np.array_equal(shown, np.concatenate([grey[1:]] * 3, axis=1))
    assert np.array_equal(Scores(probability, colour, far).of(1).pseudo_image, colour[1:])
    assert np.array_equal(Scores(probability, None, far).of(0).probability, probability[:1])
