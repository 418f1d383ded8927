"""What DICOM makes of values: tables that replace them, and windows that show a range of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Table:
    """A lookup table of one channel.

    Attributes:
        first: The value that the first entry stands for; smaller ones are like it.
        entries: What the values become; greater ones are like the last.
        top: The greatest value that an entry may have.
    """

    first: int
    entries: NDArray[np.float64]
    top: float

    def look_up(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Replace values by their entries.

        Args:
            values: Numbers of any shape.

        Returns:
            float64 of the same shape.
        """
        places = np.clip(values.astype(np.int64) - self.first, 0, len(self.entries) - 1)
        return self.entries[places]


@dataclass(frozen=True)
class Window:
    """A range of values that is shown from black to white.

    Attributes:
        center: Of the range.
        width: Of the range.
        function: DICOM's VOILUTFunction: LINEAR, LINEAR_EXACT or SIGMOID.
    """

    center: float
    width: float
    function: str

    def to_unit(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bring values to [0, 1].

        Args:
            values: After the modality's rescale.

        Returns:
            By DICOM's formula (PS3.3 C.11.2.1.2 and C.11.2.1.3), black 0.
        """
        if self.function == "SIGMOID":
            exponent = np.clip(-4 * (values - self.center) / self.width, -700, 700)
            return 1 / (1 + np.exp(exponent))
        if self.function == "LINEAR_EXACT":
            return np.clip((values - self.center) / self.width + 0.5, 0, 1)
        # LINEAR counts the pixels' own widths: a window of 1 is a threshold.
        center, width = self.center - 0.5, self.width - 1
        if width == 0:
            return (values > center).astype(np.float64)
        return np.clip((values - center) / width + 0.5, 0, 1)
