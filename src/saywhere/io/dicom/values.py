"""Grey values in a file's own units, such as Hounsfield units: the reader chooses the window."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from saywhere.io.dicom.display import scales_of, with_range
from saywhere.io.dicom.pixel_layout import Layout
from saywhere.io.dicom.voi import Table, Window
from saywhere.io.grey import Range, refuse_not_finite

if TYPE_CHECKING:
    from pydicom import Dataset


def grey_values(
    frame: NDArray[Any], dataset: Dataset, layout: Layout, path: Path
) -> tuple[NDArray[np.float64], Range, bool]:
    """A file's first frame in its own units, for a reader who chooses the window.

    Args:
        frame: As stored, grey.
        dataset: The header.
        layout: Of the file.
        path: How errors name it.

    Returns:
        float64 (rows, columns), such as Hounsfield units; the values that `show_frames` makes
        black and white (of a sigmoid or a table its ends); and whether the least value is white.

    Raises:
        UnreadableFile: A table is damaged; NotFinite for floats.
    """
    refuse_not_finite(frame, path)
    scales, _ = scales_of(dataset, layout, path)
    scale = with_range(scales, [frame], layout)[0]
    values = scale.rescaled(frame)
    window = _ends(scale.voi, values, layout)
    is_padding = scale.is_padding(frame)
    values[is_padding] = window[1] if scale.is_inverted else window[0]
    return values, window, scale.is_inverted


def _ends(voi: Table | Window | Range | None, values: NDArray[np.float64], layout: Layout) -> Range:
    if isinstance(voi, Window):
        is_linear = voi.function == "LINEAR"
        center, width = (voi.center - 0.5, voi.width - 1) if is_linear else (voi.center, voi.width)
        half = max(width, 1.0) / 2
        return center - half, center + half
    if isinstance(voi, Table):
        return float(values.min()), float(max(values.max(), values.min() + 1))
    return voi or (0.0, 2.0**layout.n_bits - 1)
