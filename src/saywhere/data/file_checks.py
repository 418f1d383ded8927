"""The faults of single files.

Each distinct image and mask is decoded once, whatever the number of rows that name it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from saywhere.errors import MissingFile, SaywhereError, UnreadableFile
from saywhere.io.decode import NotFinite, TruncatedFile, WrongChannels, decode
from saywhere.io.images import image_pixels, mask_values, to_mask

Progress = Callable[[int, int], None]
"""Called with (done, total)."""
# A lossless mask of 3 or 4 values is a label map; more are an antialiased edge, unless they fill an
# area.
LABEL_MAP = 4
# Pixels; edges blurred by JPEG or by resizing are thinner.
PLATEAU = np.ones((5, 5), dtype=bool)


@dataclass(frozen=True)
class Facts:
    """What is known of one file."""

    kind: str | None = None
    """Of its fault, a key of `saywhere.data.checks.REMEDIES`; None where it has none."""
    reason: str = ""
    size: tuple[int, int] | None = None
    """(height, width); None where it could not be decoded."""
    digest: str = ""
    """Of an image's pixels."""
    orientation: int = 1
    """EXIF's, 1 to 8; size and digest are of the upright picture."""


def gather(
    images: Iterable[Path], masks: Iterable[Path], progress: Progress | None = None
) -> tuple[dict[Path, Facts], dict[Path, Facts]]:
    """Collect the facts of files, on every core (decoding releases Python's lock).

    Args:
        images: paths, some of them several times.
        masks: paths, some of them several times.
        progress: called with (done, total) after each distinct file.

    Returns:
        Path → facts, of the images and of the masks.
    """
    distinct_images = list(dict.fromkeys(images))
    distinct_masks = list(dict.fromkeys(masks))
    n_files = len(distinct_images) + len(distinct_masks)
    with ThreadPoolExecutor() as pool:
        # Both are handed to the pool before the first answer is waited for.
        of_images = pool.map(image_facts, distinct_images)
        of_masks = pool.map(mask_facts, distinct_masks)
        facts: list[Facts] = []
        for done, fact in enumerate(chain(of_images, of_masks), start=1):
            facts.append(fact)
            if progress is not None:
                progress(done, n_files)
    n_images = len(distinct_images)
    return (
        dict(zip(distinct_images, facts[:n_images])),
        dict(zip(distinct_masks, facts[n_images:])),
    )


def image_facts(path: Path) -> Facts:
    """Decode an image; a fault is a fact, so nothing is raised.

    Args:
        path: the file.

    Returns:
        Its fault, or its size, digest and orientation.
    """
    try:
        decoded = decode(path)
        pixels = image_pixels(decoded, path)
    except (MissingFile, UnreadableFile) as error:
        return Facts(kind=_kind(error), reason=_reason("image", error))
    # Of the pixels, since one picture may be saved twice with other bytes. With the shape, since
    # 2 × 8 and 4 × 4 pixels can have equal bytes.
    digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
    return Facts(size=pixels.shape[:2], digest=digest, orientation=decoded.orientation)


def mask_facts(path: Path) -> Facts:
    """Decode a mask; a fault is a fact, so nothing is raised.

    Args:
        path: the file.

    Returns:
        Its fault, or its size.
    """
    try:
        values, is_lossy = mask_values(path)
    except (MissingFile, UnreadableFile) as error:
        return Facts(kind=_kind(error), reason=_reason("mask", error))
    size = values.shape[:2]
    if has_third_value(values, is_lossy):
        levels = np.unique(values)
        shown = ", ".join(map(str, levels[:6]))
        reason = f"mask: {len(levels)} values ({shown} …) in {path}; a mask has two, 0 and 255"
        return Facts("three_value_mask", reason, size)
    if not to_mask(values, is_lossy).any():
        reason = (
            f"mask: no foreground (greatest value {int(values.max())}, "
            f"foreground begins at 128) in {path}"
        )
        return Facts("empty_mask", reason, size)
    return Facts(size=size)


def has_third_value(values: NDArray[np.uint8], is_lossy: bool) -> bool:
    """Is this a label map rather than a mask?

    Lossless: 3 or 4 values are one. More values, or any JPEG: only if values between 1/8 and 7/8 of
    the greatest fill some area of 5 × 5 px, since the edges of a mask that JPEG or a resize has
    blurred are thinner than that.

    Args:
        values: (height, width).
        is_lossy: whether the file is a JPEG.

    Returns:
        Whether it has a third value.
    """
    levels = np.unique(values)
    if not is_lossy and len(levels) <= LABEL_MAP:
        return len(levels) > 2
    # Imported late: masks of two values, as most are, do without SciPy.
    from scipy.ndimage import binary_erosion

    top = int(levels[-1])
    between = (values > top / 8) & (values < top * 7 / 8)
    return bool(binary_erosion(between, PLATEAU).any())


def _reason(what: str, error: SaywhereError) -> str:
    """Without the error's remedy: a fault has its own."""
    return f"{what}: {SaywhereError(error.found, where=error.where, allowed=error.allowed)}"


def _kind(error: Exception) -> str:
    if isinstance(error, MissingFile):
        return "missing_file"
    kinds: dict[type[Exception], str] = {
        TruncatedFile: "truncated",
        WrongChannels: "wrong_channels",
        NotFinite: "nan",
    }
    return kinds.get(type(error), "unreadable")
