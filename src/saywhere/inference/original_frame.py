"""From the original image's size to the network's, and back again."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from saywhere.io.framing import Box
from saywhere.phases import phase


def to_network(squares: Tensor) -> Tensor:
    """Bring pixels to the numbers that the network was trained with.

    Args:
        squares: uint8 (batch, size, size, channel), on any device.

    Returns:
        float32 (batch, channel, size, size), [0, 1], on that device.
    """
    return squares.permute(0, 3, 1, 2).float() / 255


@phase("resize")
def to_frame(picture: Tensor, box: Box, height: int, width: int) -> np.ndarray:
    """Bring an outcome back onto the original image's grid.

    Args:
        picture: (1, channel, size, size), at the network's size.
        box: Where the image lies in it; the rest are bars.
        height: Of the original, px.
        width: Of the original, px.

    Returns:
        float32 (height, width, channel), in the original frame.
    """
    # Without the bars of `data.fit = "pad"`: what lies there is no part of the image.
    picture = picture[..., box.top : box.top + box.height, box.left : box.left + box.width]
    # `align_corners` off: pixels are areas, as where the image was made small. Else the mask would
    # lie up to half a coarse pixel beside the image.
    in_frame = np.empty((height, width, picture.shape[1]), np.float32)
    # Channel by channel into its place: all at once would be there twice, 24 bytes per pixel.
    for channel in range(picture.shape[1]):
        resized = torch.nn.functional.interpolate(
            picture[:, channel : channel + 1].float(),
            (height, width),
            mode="bilinear",
            align_corners=False,
        )
        in_frame[..., channel] = resized[0, 0].numpy()
    return in_frame
