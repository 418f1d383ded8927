"""What one file says about itself: each distinct image and mask is decoded once, whatever the number of rows that name it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from saywhere.errors import MissingFile, SaywhereError, UnreadableFile
from saywhere.io.decode import NotFinite, TruncatedFile, WrongChannels, decode
from saywhere.io.images import image_pixels, mask_values, to_mask

Progress = Callable[[int, int], None]
"""Called with (done, total)."""
LABEL_MAP = 4  # a lossless mask of 3 or 4 values is a label map; more are an antialiased edge, unless they fill an area
PLATEAU = np.ones((5, 5), dtype=bool)  # px; edges blurred by JPEG or resizing are thinner


@dataclass(frozen=True)
class Facts:
    """Of one file: `kind` and `reason` of its fault, if any; size (height, width); digest of an image's pixels; EXIF orientation."""

    kind: str | None = None
    reason: str = ""
    size: tuple[int, int] | None = None
    digest: str = ""
    orientation: int = 1


def gather(
    images: Iterable[Path], masks: Iterable[Path], progress: Progress | None = None
) -> tuple[dict[Path, Facts], dict[Path, Facts]]:
    """Facts of the distinct files among `images` and among `masks`, on every core (decoding releases Python's lock)."""
    todo = [(image_facts, path) for path in dict.fromkeys(images)] + [
        (mask_facts, path) for path in dict.fromkeys(masks)
    ]
    known: dict[tuple[object, Path], Facts] = {}
    with ThreadPoolExecutor() as pool:
        for done, (task, facts) in enumerate(
            zip(todo, pool.map(lambda task: task[0](task[1]), todo)), start=1
        ):
            known[task] = facts
            if progress is not None:
                progress(done, len(todo))
    return tuple(
        {path: facts for (kind, path), facts in known.items() if kind is wanted}
        for wanted in (image_facts, mask_facts)
    )  # type: ignore[return-value]


def image_facts(path: Path) -> Facts:
    """Never raises: a fault is a fact."""
    try:
        decoded = decode(path)
        pixels = image_pixels(decoded, path)
    except (MissingFile, UnreadableFile) as error:
        return Facts(kind=_kind(error), reason=_reason("image", error))
    digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
    return Facts(size=pixels.shape[:2], digest=digest, orientation=decoded.orientation)


def mask_facts(path: Path) -> Facts:
    """Never raises: a fault is a fact."""
    try:
        values, is_lossy = mask_values(path)
    except (MissingFile, UnreadableFile) as error:
        return Facts(kind=_kind(error), reason=_reason("mask", error))
    size = values.shape[:2]
    if has_third_value(values, is_lossy):
        shown = ", ".join(map(str, np.unique(values)[:6]))
        return Facts(
            "three_value_mask",
            f"mask: {len(np.unique(values))} values ({shown} …) in {path}; a mask has two, 0 and 255",
            size,
        )
    if not to_mask(values, is_lossy).any():
        return Facts(
            "empty_mask",
            f"mask: no foreground (greatest value {int(values.max())}, foreground begins at 128) in {path}",
            size,
        )
    return Facts(size=size)


def has_third_value(values: NDArray[np.uint8], is_lossy: bool) -> bool:
    """Is this a label map rather than a mask?

    Lossless: 3 or 4 values are. More values (or any JPEG): only if values between 1/8 and 7/8 of the greatest fill some area of 5 × 5 px,
    since the edges of a mask that JPEG or a resize has blurred are thinner than that.
    """
    levels = np.unique(values)
    if not is_lossy and len(levels) <= LABEL_MAP:
        return len(levels) > 2
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
