"""One geometry for the stack and the mask, as plain numbers, one row per sample.

The numbers can be printed, stored, replayed and inverted.
Applying them is deterministic and differentiable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import kornia
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from saywhere.phases import phase

Rows = np.ndarray
"""One float32 number per sample, shape (batch,)."""


class Geometry(NamedTuple):
    """What was done to each sample: flips first, then rotation, scale and translation.

    Attributes:
        horizontal_flip: 1 mirrors left and right; one number per sample, as in all fields.
        vertical_flip: 1 mirrors up and down.
        degrees: of the rotation about the centre, counter-clockwise.
        scale: enlargement about the centre; 1 changes nothing.
        translate_right: shift to the right, in shares of the width.
        translate_down: shift down, in shares of the height.
    """

    horizontal_flip: Rows
    vertical_flip: Rows
    degrees: Rows
    scale: Rows
    translate_right: Rows
    translate_down: Rows

    @classmethod
    def still(cls, batch: int) -> Geometry:
        """Make the geometry that moves nothing.

        Args:
            batch: number of samples.

        Returns:
            A geometry of so many samples.
        """
        zero = np.zeros(batch, np.float32)
        return cls(zero, zero, zero, np.ones(batch, np.float32), zero, zero)

    @classmethod
    def alike(cls, batch: int, **changes: int | float) -> Geometry:
        """Make one geometry for every sample.

        Args:
            batch: number of samples.
            **changes: field → number; a field that is not named moves nothing.

        Returns:
            A geometry of so many samples.
        """
        rows = {name: np.full(batch, value, np.float32) for name, value in changes.items()}
        return cls.still(batch)._replace(**rows)

    @property
    def is_still(self) -> bool:
        """True where no sample is moved."""
        moved = [
            self.horizontal_flip,
            self.vertical_flip,
            self.degrees,
            self.scale - 1,
            self.translate_right,
            self.translate_down,
        ]
        return not any(rows.any() for rows in moved)

    def record(self) -> list[dict[str, float]]:
        """Make plain numbers: print them, store them, replay them with `from_record`.

        Returns:
            One dictionary per sample, field → number.
        """
        columns = [rows.tolist() for rows in self]
        return [dict(zip(self._fields, row)) for row in zip(*columns)]

    @classmethod
    def from_record(cls, record: Sequence[dict[str, float]]) -> Geometry:
        """Undo `record`.

        Args:
            record: one dictionary per sample.

        Returns:
            The geometry that it was made from.
        """
        columns = {}
        for name in cls._fields:
            columns[name] = np.array([row[name] for row in record], np.float32)
        return cls(**columns)

    def matrix(self, height: int, width: int) -> Float[Tensor, "batch 3 3"]:
        """Compute where each pixel goes.

        Args:
            height: of the picture, in pixels.
            width: of the picture, in pixels.

        Returns:
            (batch, 3, 3), float64: homogeneous (x, y, 1) before → after, pixel centres at whole
            numbers.
        """
        n = len(self.degrees)
        # Pixel centres lie at whole numbers, so the middle of 0 … width − 1 is half a pixel less.
        centre = torch.tensor([(width - 1) / 2, (height - 1) / 2], dtype=torch.float64).expand(n, 2)
        shift = torch.from_numpy(
            np.stack([self.translate_right * width, self.translate_down * height], 1)
        ).double()
        scale = torch.from_numpy(self.scale).double()[:, None].expand(n, 2)
        turn = kornia.geometry.transform.get_affine_matrix2d(
            # kornia counts clockwise here, our fields counter-clockwise.
            shift,
            centre,
            scale,
            torch.from_numpy(-self.degrees).double(),
        )
        mirror = torch.eye(3, dtype=torch.float64).repeat(n, 1, 1)
        for axis, flipped in enumerate((self.horizontal_flip, self.vertical_flip)):
            is_flipped = torch.from_numpy(flipped > 0.5)
            mirror[is_flipped, axis, axis] = -1
            # Mirrored about the centre, not about the origin in the corner.
            mirror[is_flipped, axis, 2] = 2 * centre[0, axis]
        # The right factor acts first: flips come before the turn.
        return turn @ mirror

    def __call__(
        self, picture: Float[Tensor, "batch anything height width"], mode: str = "bilinear"
    ) -> Float[Tensor, "batch anything height width"]:
        """Move a stack or a mask; what comes in from outside is 0. Gradients flow through.

        Args:
            picture: (batch, anything, height, width).
            mode: `bilinear` for a stack, `nearest` for a mask.

        Returns:
            The same shape, in the augmented frame.
        """
        return self._warp(picture, self.matrix(*picture.shape[-2:]), mode)

    def undo(
        self, picture: Float[Tensor, "batch anything height width"], mode: str = "bilinear"
    ) -> Float[Tensor, "batch anything height width"]:
        """Move back, up to interpolation and what left the frame.

        Args:
            picture: (batch, anything, height, width), in the augmented frame.
            mode: `bilinear` for a stack, `nearest` for a mask.

        Returns:
            The same shape, in the original frame.
        """
        return self._warp(picture, torch.linalg.inv(self.matrix(*picture.shape[-2:])), mode)

    @phase("augment")
    def _warp(self, picture: Tensor, matrix: Tensor, mode: str) -> Tensor:
        # Warping by the identity would cost time, and interpolate.
        if self.is_still:
            return picture
        height, width = picture.shape[-2:]
        # float64 until here, so that `undo` inverts what was applied.
        affine = matrix[:, :2].to(picture.device, torch.float32)
        return kornia.geometry.transform.warp_affine(
            # align_corners: pixel centres at whole numbers, as in `matrix`.
            picture,
            affine,
            (height, width),
            mode=mode,
            padding_mode="zeros",
            align_corners=True,
        )
