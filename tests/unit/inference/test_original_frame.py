from __future__ import annotations

import numpy as np
import torch

from saywhere.inference.original_frame import coloured, to_frame
from saywhere.io.framing import Box


def test_the_bars_are_cut_off_before_the_answer_is_resized() -> None:
    picture = torch.zeros(1, 1, 8, 8)
    picture[..., 2:6, :] = 0.5
    frame = to_frame(picture, Box(top=2, left=0, height=4, width=8), 16, 32)
    assert (frame.dtype, frame.shape) == (np.float32, (16, 32, 1))
    assert (frame == 0.5).all(), "nothing of the bars comes in at the edges"


def test_a_grey_pseudo_image_is_shown_in_three_equal_channels() -> None:
    grey = torch.rand(1, 1, 3, 4)
    assert torch.equal(coloured(grey), grey.repeat(1, 3, 1, 1))
    colour = torch.rand(1, 3, 3, 4)
    assert coloured(colour) is colour
