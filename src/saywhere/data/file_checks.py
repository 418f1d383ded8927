"""The faults of single files.

Each distinct image and mask is decoded once, whatever the number of rows that name it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from saywhere.errors import MissingFile, SaywhereError, UnreadableFile
from saywhere.io.decode import NotFinite, TruncatedFile, WrongChannels, decode
from saywhere.io.framing import Framing
from saywhere.io.images import image_pixels, mask_values
from saywhere.io.labels import THRESHOLD, ColouredMask, LabelMap, StoredMask, foreground

N_AHEAD = 1024
"""Files that wait to be decoded."""
Progress = Callable[[int, int], None]
"""Called with (done, total)."""


# Slots: there may be millions of files.
@dataclass(frozen=True, slots=True)
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
    is_flat: bool = False
    """Of an image: is it one value, as it is read?"""
    foreground: float = 0.0
    """Of a mask: the share of foreground pixels, [0, 1]."""
    is_around: bool = False
    """Of a mask: does foreground touch all four sides, and background not?"""
    n_lesions: int = 0
    """Of a mask: its connected parts, where a framing was given."""
    n_vanishing: int = 0
    """Of a mask: those that no pixel would show at the network's size."""
    is_emptied: bool = False
    """Of a mask: is nothing left of it at the network's size?"""


def gather(
    images: Iterable[Path],
    masks: Iterable[Path],
    progress: Progress | None = None,
    framing: Framing | None = None,
) -> tuple[dict[Path, Facts], dict[Path, Facts]]:
    """Collect the facts of files, on every core (decoding releases Python's lock).

    Args:
        images: paths, some of them several times.
        masks: paths, some of them several times.
        progress: called with (done, total) after each distinct file.
        framing: how masks come to the network's size; None: lesions are not counted.

    Returns:
        Path → facts, of the images and of the masks.
    """
    distinct_images = list(dict.fromkeys(images))
    distinct_masks = list(dict.fromkeys(masks))
    n_files = len(distinct_images) + len(distinct_masks)
    with ThreadPoolExecutor() as pool:
        of_images = _in_parts(pool, image_facts, distinct_images)
        of_masks = _in_parts(pool, partial(mask_facts, framing=framing), distinct_masks)
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


def _in_parts(
    pool: ThreadPoolExecutor, work: Callable[[Path], Facts], paths: Sequence[Path]
) -> Iterator[Facts]:
    """In order, and some at a time: what waits in a pool takes more memory than its answer."""
    for start in range(0, len(paths), N_AHEAD):
        yield from pool.map(work, paths[start : start + N_AHEAD])


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
    is_flat = pixels.size > 0 and bool(pixels.min() == pixels.max())
    return Facts(
        size=pixels.shape[:2], digest=digest, orientation=decoded.orientation, is_flat=is_flat
    )


def mask_facts(path: Path, framing: Framing | None = None) -> Facts:
    """Decode a mask; a fault is a fact, so nothing is raised.

    Args:
        path: the file.
        framing: how masks come to the network's size; None: lesions are not counted.

    Returns:
        Its fault, or its size and what its foreground is like.
    """
    try:
        stored = mask_values(path)
    except (MissingFile, UnreadableFile) as error:
        return Facts(kind=_kind(error), reason=_reason("mask", error))
    size = (stored.grey.shape[0], stored.grey.shape[1])
    try:
        mask = foreground(stored, path)
    except LabelMap as error:
        return Facts(_kind_of_values(error, stored), _reason("mask", error), size)
    if not mask.any():
        top = f"greatest value {int(stored.grey.max())}, foreground begins at {THRESHOLD}"
        where = f"({top}) in {path}" if stored.has_soft_edges else f"(all values are 0) in {path}"
        # Of a JPEG or a lossy WebP, nothing is left that could tell.
        doubt = "; with loss, a mask of 0 and 1 is stored so as well" if stored.is_lossy else ""
        return Facts("empty_mask", f"mask: no foreground {where}{doubt}", size)
    is_around = _touches_all_sides(mask) and not _touches_all_sides(~mask)
    facts = Facts(
        size=size,
        orientation=stored.orientation,
        foreground=float(mask.mean()),
        is_around=is_around,
    )
    if framing is None:
        return facts
    small = framing.mask(mask)
    return replace(
        facts,
        n_lesions=small.n_lesions,
        n_vanishing=small.n_vanishing,
        is_emptied=not small.mask.any(),
    )


def _touches_all_sides(mask: NDArray[np.bool_]) -> bool:
    return all(side.any() for side in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))


def _kind_of_values(error: LabelMap, stored: StoredMask) -> str:
    """One value in all pixels, neither 0, 1 nor 255, is more likely no lesion than a label map."""
    if isinstance(error, ColouredMask):
        return "wrong_channels"
    return "empty_mask" if len(stored.counts) == 1 else "three_value_mask"


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
