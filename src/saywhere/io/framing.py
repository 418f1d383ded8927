"""From an image's own frame to the network's square, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from saywhere.config import DataConfig
from saywhere.io.images import resize_image
from saywhere.io.mask_resize import MaskResize, ResizedMask, resized
from saywhere.phases import phase

Fit = Literal["squash", "pad"]
FITS = get_args(Fit)


class Box(NamedTuple):
    """Where the image lies in the square, in pixels of the square."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class Framing:
    """How pictures of any shape become squares. One object serves training and prediction.

    Attributes:
        size: height and width of the square, in pixels.
        fit: "squash": the image fills the square. "pad": it keeps its shape, in the middle of a
            black square; black is what surrounds an endoscope's or a dermatoscope's view as well.
        mask_resize: see `mask_resize.resized`.
    """

    size: int
    fit: Fit = "squash"
    mask_resize: MaskResize = "area"

    @classmethod
    def of(cls, data: DataConfig) -> Framing:
        """The framing that a configuration names.

        Args:
            data: its size, fit and mask_resize are taken.

        Returns:
            The framing.
        """
        return cls(data.size, data.fit, data.mask_resize)

    def box(self, height: int, width: int) -> Box:
        """Where an image lies in the square.

        Args:
            height: of the image, in its own pixels.
            width: of the image, in its own pixels.

        Returns:
            The whole square for "squash"; for "pad" at least one pixel each way.
        """
        if self.fit == "squash":
            return Box(0, 0, self.size, self.size)
        longer = max(height, width)
        # Half a pixel at most is lost to rounding: each way is scaled for itself.
        inner = [max(1, round(self.size * side / longer)) for side in (height, width)]
        return Box((self.size - inner[0]) // 2, (self.size - inner[1]) // 2, inner[0], inner[1])

    @phase("resize")
    def image(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Bring an image into the square.

        Args:
            image: uint8 (height, width, channel).

        Returns:
            uint8 (size, size, channel).
        """
        box = self.box(*image.shape[:2])
        small = resize_image(image, (box.height, box.width))
        return self._in_square(small, box)

    def mask(self, mask: NDArray[np.bool_]) -> ResizedMask:
        """Bring a mask into the square.

        Args:
            mask: bool (height, width).

        Returns:
            The mask, bool (size, size), and what became of its lesions.
        """
        box = self.box(*mask.shape)
        small = resized(mask, (box.height, box.width), self.mask_resize)
        square = self._in_square(small.mask, box)
        return ResizedMask(square, small.n_lesions, small.n_vanishing)

    def _in_square(self, small: NDArray[Any], box: Box) -> NDArray[Any]:
        if box == (0, 0, self.size, self.size):
            return small
        square = np.zeros((self.size, self.size, *small.shape[2:]), small.dtype)
        square[box.top : box.top + box.height, box.left : box.left + box.width] = small
        return square
