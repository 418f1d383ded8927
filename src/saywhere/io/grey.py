"""Grey values of more than 8 bits → 8 bits: one rule for files, arrays and tensors.

Rule `percentile`: black and white are what the file says of its values, where it says it. Else they
are the percentiles 0.5 and 99.5 of the picture's own values, so that a single hot pixel changes
nothing. Two kinds keep their own black and white: floats of [0, 1], which is how Python's libraries
hold pictures, and 8-bit pictures that were stretched to 16 bits.

Rule `maximum` is that of runs and models made before there was a choice: integers are read from
[0, the smallest of 8, 10, 12, 14, 16 bits that holds the greatest value], floats from [0, 1] where
none is greater than 1, else from [0, 255].
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from saywhere.errors import UnreadableFile, UsageError

Grey = Literal["percentile", "maximum"]
"""Names of the rules."""
Range = tuple[float, float]
"""The values that stand for black and for white."""
DEFAULT: Grey = "percentile"
"""The rule where no model says otherwise."""
TAIL = 0.005
"""Share of the values that may lie below black, and of those above white."""
BIT_DEPTHS = (8, 10, 12, 14, 16)
_BLOCK = 1 << 20
"""Values scaled at a time, so that a large picture needs no second copy in float64."""


class NotFinite(UnreadableFile):
    """The file decodes, but holds NaN or infinity."""


def check_rule(grey: str) -> None:
    """Refuse a rule that does not exist.

    Args:
        grey: Its name.

    Raises:
        UsageError: It is neither `percentile` nor `maximum`.
    """
    if grey not in get_args(Grey):
        raise UsageError(
            f"grey is {grey!r}",
            allowed="percentile or maximum",
            remedy="choose percentile; maximum is for models made before there was a choice",
        )


def to_bytes(
    values: NDArray[Any],
    path: Path,
    *,
    grey: Grey = DEFAULT,
    stated: Range | None = None,
    is_inverted: bool = False,
) -> NDArray[np.uint8]:
    """Bring deep values to 8 bits.

    Args:
        values: Integers or floats, (height, width) or (height, width, 3). All channels are scaled
            alike, so that colours stay.
        path: How errors name the picture.
        grey: The rule.
        stated: What the file says is black and white.
        is_inverted: Is the least value white?

    Returns:
        uint8 of the same shape, 0 black.

    Raises:
        NotFinite: There is NaN or infinity among them.
        UnreadableFile: By the rule `maximum`, values of no known range.
    """
    refuse_not_finite(values, path)
    if grey == "maximum" and values.ndim == 3 and values.dtype.kind in "ui":
        # As before: deep colours were cut to their upper 8 bits.
        _maximum(values, path)
        return (values >> 8).astype(np.uint8)
    low, high = _maximum(values, path) if grey == "maximum" else _robust(values, stated)
    scaled = _scaled(values, low, high)
    return np.uint8(255) - scaled if is_inverted else scaled


def refuse_not_finite(values: NDArray[Any], path: Path) -> None:
    """Raise NotFinite where a value is NaN or infinite.

    Args:
        values: Any numbers.
        path: How the error names the picture.

    Raises:
        NotFinite: It says how many there are.
    """
    if values.dtype.kind != "f":
        return
    with np.errstate(invalid="ignore"):  # a signalling NaN
        n_bad = int(values.size - np.count_nonzero(np.isfinite(values)))
    if n_bad:
        raise NotFinite(
            f"{n_bad:,} NaN or infinite values",
            where=path,
            remedy="replace them, or export the file again",
        )


def _maximum(values: NDArray[Any], path: Path) -> Range:
    """By the range in use; UnreadableFile where none fits."""
    is_float = values.dtype.kind == "f"
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > (255 if is_float else 65535):
        allowed = "floats are in [0, 1] or [0, 255]" if is_float else "integers are in [0, 65535]"
        raise UnreadableFile(
            f"values from {low:g} to {high:g}",
            where=path,
            allowed=allowed,
            remedy="rescale them, or save as 8-bit PNG",
        )
    if is_float:
        return 0.0, 1.0 if high <= 1 else 255.0
    # Scanners store 10, 12 or 14 bits in 16, which would look black if read as 16.
    return 0.0, next(2.0**bits - 1 for bits in BIT_DEPTHS if high < 2**bits)


def _robust(values: NDArray[Any], stated: Range | None) -> Range:
    low, high = percentiles(values)
    # A statement that many values break is none: some programs copy tags from another picture.
    if stated is not None and stated[0] <= low and high <= stated[1] and stated[0] < stated[1]:
        return stated
    if values.dtype.kind == "f" and low >= 0 and high <= 1:
        return 0.0, 1.0
    # In either order of bytes: a big-endian array's dtype equals no other.
    if values.dtype.newbyteorder("=") == np.uint16 and _is_of_8_bits(values):
        return 0.0, 65535.0
    if low < high:
        return low, high
    return _of_sparse(values, low)


def _is_of_8_bits(values: NDArray[Any]) -> bool:
    """Was an 8-bit picture stretched to 16? Then its values are multiples of 257."""
    counts = _counts(values, 0)
    n_positive = int(counts[1:].sum())
    return n_positive > 0 and int(counts[257::257].sum()) >= (1 - TAIL) * n_positive


def _of_sparse(values: NDArray[Any], background: float) -> Range:
    """Of a picture that is nearly all one value: by the percentiles of the others."""
    others = values[values != background]
    if not others.size:
        # One value in all pixels: there is nothing to see, and 8 bits show it as black.
        return background, background + 1
    low, high = percentiles(others)
    return min(background, low), max(background, high)


def percentiles(values: NDArray[Any], tail: float = TAIL) -> Range:
    """The values below and above which a share of all values lies.

    Args:
        values: Finite numbers, at least one.
        tail: The share, of each end.

    Returns:
        Two of the values.
    """
    # Rounded up, so that one hot pixel is left out of a small picture too.
    below = min(math.ceil(tail * values.size), (values.size - 1) // 2)
    above = values.size - 1 - below
    if values.dtype.kind in "ui" and values.dtype.itemsize <= 2:
        # By counting, which is faster than any sort and needs no copy of the picture.
        least = int(np.iinfo(values.dtype).min)
        ranks = np.cumsum(_counts(values, least))
        return (
            float(np.searchsorted(ranks, below, side="right") + least),
            float(np.searchsorted(ranks, above, side="right") + least),
        )
    ordered = np.partition(values, (below, above), axis=None)
    return float(ordered[below]), float(ordered[above])


def _counts(values: NDArray[Any], least: int) -> NDArray[np.int64]:
    counts = np.zeros(1 << (8 * values.dtype.itemsize), np.int64)
    flat = values.reshape(-1)
    for start in range(0, flat.size, _BLOCK):
        block = flat[start : start + _BLOCK].astype(np.int64) - least
        counts += np.bincount(block, minlength=counts.size)
    return counts


def _scaled(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    flat = values.reshape(-1)
    scaled = np.empty(flat.size, np.uint8)
    with np.errstate(all="ignore"):  # the widest floats overflow
        factor = np.float64(255) / (np.float64(high) - np.float64(low))
    for start in range(0, flat.size, _BLOCK):
        # float64 holds every 32-bit integer exactly; float32 does not.
        block = flat[start : start + _BLOCK].astype(np.float64)
        with np.errstate(all="ignore"):
            grey = np.nan_to_num(np.rint((block - low) * factor), nan=0.0)
        scaled[start : start + _BLOCK] = np.clip(grey, 0, 255)
    return scaled.reshape(values.shape)
