from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

from saywhere.errors import UsageError
from saywhere.fusion.stack import fuse, spread


@pytest.mark.parametrize("channel", [1, 3])
def test_image_comes_first_and_the_pseudo_image_above_it(channel: int) -> None:
    image, pseudo_image = torch.rand(2, channel, 5, 6), torch.rand(2, channel, 5, 6)
    stack = fuse(image, pseudo_image)
    assert stack.shape == (2, 2 * channel, 5, 6)
    np.testing.assert_array_equal(
        stack.numpy(), np.concatenate([image.numpy(), pseudo_image.numpy()], 1)
    )


@pytest.mark.parametrize("shape", [(2, 3, 4, 6), (2, 1, 5, 6), (1, 3, 5, 6)])
def test_two_that_do_not_lie_on_one_grid_are_refused_with_both_shapes(
    shape: tuple[int, ...],
) -> None:
    """Without the tests' own check of shapes, which would come first."""
    with pytest.raises(UsageError) as refused:
        inspect.unwrap(fuse)(torch.rand(2, 3, 5, 6), torch.rand(*shape))
    assert "(2, 3, 5, 6)" in str(refused.value)
    assert str(shape) in str(refused.value)


def test_spread_is_the_mean_standard_deviation_over_prompts() -> None:
    pseudo_image = torch.rand(7, 3, 5, 6)
    assert spread(pseudo_image).item() == pytest.approx(
        pseudo_image.numpy().std(0).mean(), rel=1e-5
    )
    assert spread(pseudo_image[:1].expand(4, -1, -1, -1)) == 0
    assert spread(pseudo_image[:1]) == 0
