"""A picture as a model takes it, so that further prompts on it cost no decoding and no resizing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saywhere.config import DataConfig
from saywhere.inference.runtimes.runtime import Runtime
from saywhere.io.channels import of_channels
from saywhere.io.framing import Box, Framing
from saywhere.io.geometry import Geometry
from saywhere.io.inputs import as_located


@dataclass(frozen=True)
class Prepared:
    """A picture, decoded and resized for one model.

    Attributes:
        stored: uint8 (height, width, channel), original frame; one channel of a grey picture.
        geometry: Where it lies; None of a plain picture.
        square: uint8 (size, size, channel), as the network sees it.
        box: Where the picture lies in the square; the rest are bars.
    """

    stored: NDArray[np.uint8]
    geometry: Geometry | None
    square: NDArray[np.uint8]
    box: Box

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """The picture with the model's channels: uint8 (height, width, channel), original frame."""
        return of_channels(self.stored, self.square.shape[-1])

    @property
    def n_bytes(self) -> int:
        """What `pixels` takes in memory."""
        height, width = self.stored.shape[:2]
        return height * width * self.square.shape[-1]

    def in_frame(self, outcome: NDArray[np.float32], runtime: Runtime) -> NDArray[np.float32]:
        """Bring an outcome to the picture's own size.

        Args:
            outcome: float32 (1, channel, size, size), of the square.
            runtime: That computes it.

        Returns:
            float32 (height, width, channel).
        """
        # One at a time, since pictures of a batch differ in size.
        return runtime.in_frame(outcome, self.box, *self.stored.shape[:2])


def prepare(image: Any, data: DataConfig) -> Prepared:
    """Decode and resize a picture.

    Args:
        image: As `io.inputs.as_located` takes it; what is prepared already comes back as it is.
        data: The model's.

    Returns:
        The picture, prepared for models of this size, channels and rule of greys.

    Raises:
        UnreadableFile: It is no image that can be read.
        UsageError: It is something else.
    """
    if isinstance(image, Prepared):
        return image
    stored, geometry = as_located(image, data.channels, data.grey)
    framing = Framing.of(data)
    # Resized before its channels are made: three equal ones would give the same, for more.
    square = of_channels(framing.image(stored), data.channels)
    return Prepared(stored, geometry, square, framing.box(*stored.shape[:2]))
