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

Rows = np.ndarray
"""One float32 number per sample, shape (batch,)."""


class Geometry(NamedTuple):
    """What was done to each sample: flips first, then rotation (degrees, counter-clockwise), scale
    and translation about the centre.

    Each field holds one number a sample; translation is in shares of the side, to the right and
    down.
    """

    horizontal_flip: Rows
    vertical_flip: Rows
    degrees: Rows
    scale: Rows
    translate_right: Rows
    translate_down: Rows

    @classmethod
    def still(cls, batch: int) -> Geometry:
        """Nothing is moved."""
        zero = np.zeros(batch, np.float32)
        return cls(zero, zero, zero, np.ones(batch, np.float32), zero, zero)

    @classmethod
    def alike(cls, batch: int, **changes: int | float) -> Geometry:
        """The same for every sample: still, but for what is named."""
        return cls.still(batch)._replace(
            **{name: np.full(batch, value, np.float32) for name, value in changes.items()}
        )

    @property
    def is_still(self) -> bool:
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
        """One plain dictionary a sample: print it, store it, replay it with `from_record`."""
        return [dict(zip(self._fields, row)) for row in zip(*(rows.tolist() for rows in self))]

    @classmethod
    def from_record(cls, record: Sequence[dict[str, float]]) -> Geometry:
        """The inverse of `record`."""
        return cls(*(np.array([row[name] for row in record], np.float32) for name in cls._fields))

    def matrix(self, height: int, width: int) -> Float[Tensor, "batch 3 3"]:
        """Pixel coordinates before → after, homogeneous (x, y, 1),
        pixel centres at whole numbers.
        """
        n = len(self.degrees)
        centre = torch.tensor([(width - 1) / 2, (height - 1) / 2], dtype=torch.float64).expand(n, 2)
        shift = torch.from_numpy(
            np.stack([self.translate_right * width, self.translate_down * height], 1)
        ).double()
        scale = torch.from_numpy(self.scale).double()[:, None].expand(n, 2)
        turn = kornia.geometry.transform.get_affine_matrix2d(
            shift, centre, scale, torch.from_numpy(-self.degrees).double()
        )
        mirror = torch.eye(3, dtype=torch.float64).repeat(n, 1, 1)
        for axis, flipped in enumerate((self.horizontal_flip, self.vertical_flip)):
            is_flipped = torch.from_numpy(flipped > 0.5)
            mirror[is_flipped, axis, axis] = -1
            mirror[is_flipped, axis, 2] = 2 * centre[0, axis]
        return turn @ mirror

    def __call__(
        self, picture: Float[Tensor, "batch anything height width"], mode: str = "bilinear"
    ) -> Float[Tensor, "batch anything height width"]:
        """Move a stack (`bilinear`) or a mask (`nearest`); what comes in from outside is 0.

        Gradients flow through.
        """
        return self._warp(picture, self.matrix(*picture.shape[-2:]), mode)

    def undo(
        self, picture: Float[Tensor, "batch anything height width"], mode: str = "bilinear"
    ) -> Float[Tensor, "batch anything height width"]:
        """Move back, up to interpolation and what left the frame."""
        return self._warp(picture, torch.linalg.inv(self.matrix(*picture.shape[-2:])), mode)

    def _warp(self, picture: Tensor, matrix: Tensor, mode: str) -> Tensor:
        if self.is_still:
            return picture
        height, width = picture.shape[-2:]
        affine = matrix[:, :2].to(picture.device, torch.float32)
        return kornia.geometry.transform.warp_affine(
            picture, affine, (height, width), mode=mode, padding_mode="zeros", align_corners=True
        )
