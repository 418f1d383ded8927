"""Which pixels of a mask file are foreground: one rule for every reader of masks.

A mask has background 0 and one other value. Anything else is a label map. It is refused, since a
guess would drop or join labels without a word.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from saywhere.errors import UnreadableFile, counted
from saywhere.io.decode import WrongChannels
from saywhere.io.names import comparable

THRESHOLD = 128
"""From here on a grey value of a JPEG or of a soft edge is foreground.

It is the middle of 0 and 255: JPEG noise stays near the two ends.
"""
# From here on noise cannot carry a value across the threshold.
SURE = 160
# A lossless mask of 3 or 4 values is a label map; more are an antialiased edge, unless they fill an
# area.
LABEL_MAP = 4
# Pixels; edges blurred by JPEG or by resizing are thinner.
PLATEAU = np.ones((5, 5), dtype=bool)
N_SHOWN = 8
"""Values that a refusal counts; of more it says how many there are."""
ALLOWED = "a mask has background 0 and one other value"
REMEDY = (
    "save the label that is meant as 0 and 255, or name the labels: "
    "`saywhere prepare folder --label VALUE=NAME`"
)


class LabelMap(UnreadableFile):
    """The file decodes, but holds several labels, or one value that may be either."""


class ColouredMask(LabelMap, WrongChannels):
    """The file decodes, but holds several foreground colours."""


@dataclass(frozen=True)
class StoredMask:
    """A mask file's pixels before any rule.

    Attributes:
        labels: Whole numbers (height, width): grey values, palette indices, or 0xRRGGBB.
        grey: uint8 (height, width), 0 black; of colours and palettes the same labels, unused.
        is_lossy: Was it stored as JPEG? There values near 0 and 255 are noise.
        is_coloured: Are the labels colours?
        may_be_soft: Can values in between be an antialiased edge? Not of colours or palettes.
        white: The value that means foreground where it fills the whole picture: 255, or of
            pictures of 2 and 4 bits the greatest that these hold.
        orientation: EXIF's, of the file, 1 to 8; the pixels are upright.
        segments: Of a DICOM SEG: a segment's number → its pixels, which may overlap.
        segment_names: Of a DICOM SEG: a segment's number → its label. It is free text of the
            header, so that no message has it.
    """

    labels: NDArray[np.integer]
    grey: NDArray[np.uint8]
    is_lossy: bool = False
    is_coloured: bool = False
    may_be_soft: bool = True
    white: int = 255
    orientation: int = 1
    segments: Mapping[int, NDArray[np.bool_]] = field(default_factory=dict)
    segment_names: Mapping[int, str] = field(default_factory=dict, repr=False)

    @cached_property
    def counts(self) -> dict[int, int]:
        """Value → pixels, by rising value; pixels of two segments count for both."""
        if self.segments:
            n_background = int((self.labels == 0).sum())
            background = {0: n_background} if n_background else {}
            of_each = {number: int(pixels.sum()) for number, pixels in self.segments.items()}
            return background | of_each
        if self.labels.dtype == np.uint8:
            # Several times faster than sorting all pixels, and nearly all masks are of 8 bits.
            counted = np.bincount(self.labels.ravel(), minlength=256)
            return {int(value): int(counted[value]) for value in np.flatnonzero(counted)}
        values, counted = np.unique(self.labels, return_counts=True)
        return dict(zip(values.tolist(), counted.tolist()))

    @cached_property
    def has_soft_edges(self) -> bool:
        """Are values in between an edge that JPEG or a resize has blurred, not labels?"""
        if self.is_lossy:
            return True
        is_many = self.may_be_soft and len(self.counts) > LABEL_MAP
        # Where all is dark, 128 parts nothing: these are labels 1, 2, 3 …
        return is_many and int(self.grey.max()) >= THRESHOLD

    @cached_property
    def has_third_area(self) -> bool:
        """Do values between 1/8 and 7/8 of the greatest fill some area of 5 × 5 px?

        The edges of a mask that JPEG or a resize has blurred are thinner than that. Where nothing
        reaches the threshold, or an area lies at it, a mask of 0 and 1, or of 0 and 128, would
        lose its foreground.
        """
        top = int(self.grey.max()) if self.grey.size else 0
        if top < THRESHOLD:
            return top > 0
        between = (self.grey > top / 8) & (self.grey < max(top * 7 / 8, SURE))
        if np.count_nonzero(between) < PLATEAU.size:
            return False
        # Imported late: masks of two values, as most are, do without SciPy.
        from scipy.ndimage import binary_erosion

        return bool(binary_erosion(between, PLATEAU).any())

    def name(self, value: int) -> str:
        """How people write a value.

        Args:
            value: A key of `counts`.

        Returns:
            The number, or `#rrggbb` of a colour.
        """
        return f"#{value:06x}" if self.is_coloured else str(value)

    def all_names(self, value: int) -> set[str]:
        """All that people may call a value.

        Args:
            value: A key of `counts`.

        Returns:
            Its name, and of a DICOM SEG the segment's label, as `comparable_label` writes it.
        """
        return {self.name(value), comparable_label(self.segment_names.get(value, ""))} - {""}

    def pixels(self, values: Collection[int]) -> NDArray[np.bool_]:
        """The pixels of some values.

        Args:
            values: Keys of `counts`.

        Returns:
            bool (height, width).
        """
        if self.segments:
            chosen = [self.segments[value] for value in values if value in self.segments]
            return np.logical_or.reduce([np.zeros(self.labels.shape, bool), *chosen])
        return np.isin(self.labels, list(values))

    def described(self) -> str:
        """The values with their pixel counts, as a refusal shows them.

        Returns:
            `3 values (0: 900 px, 1: 60 px, 2: 40 px)`.
        """
        pairs = list(self.counts.items())
        shown = [f"{self.name(value)}: {n:,} px" for value, n in pairs[:N_SHOWN]]
        rest = [f"and {len(pairs) - N_SHOWN:,} more"] if len(pairs) > N_SHOWN else []
        noun = "colour" if self.is_coloured else "value"
        return f"{counted(len(pairs), noun)} ({', '.join([*shown, *rest])})"


def foreground(stored: StoredMask, path: Path) -> NDArray[np.bool_]:
    """Part foreground from background.

    Args:
        stored: The mask's pixels.
        path: How errors name it.

    Returns:
        bool (height, width): every value but 0. Of a JPEG, or of a mask with soft edges, grey
        values of at least 128.

    Raises:
        LabelMap: It holds several labels, or one value, neither 0, 1 nor 255, in all pixels.
        ColouredMask: It holds several foreground colours; a kind of LabelMap.
    """
    if stored.has_soft_edges and not stored.has_third_area:
        return stored.grey >= THRESHOLD
    if stored.has_soft_edges or not _is_binary(stored):
        raise _refusal(stored, path)
    return stored.labels != 0


def label_values(stored: StoredMask, path: Path) -> StoredMask:
    """Give the labels of a map whose values a user names.

    Args:
        stored: The mask's pixels.
        path: How errors name it.

    Returns:
        The same pixels; where noise or soft edges stand between 0 and 255, with these two alone.

    Raises:
        LabelMap: It is a JPEG with a third value: its noise cannot be told from labels.
    """
    if not stored.has_soft_edges:
        return stored
    if not stored.has_third_area:
        binary = np.where(stored.grey >= THRESHOLD, np.uint8(255), np.uint8(0))
        return StoredMask(binary, binary)
    if stored.is_lossy:
        raise LabelMap(
            "a JPEG with more than two values",
            where=path,
            allowed="its noise cannot be told from labels",
            remedy="export the labels as PNG or TIFF",
        )
    return stored


def pixels_of(stored: StoredMask, names: Collection[str]) -> NDArray[np.bool_]:
    """Give the pixels of some labels as one mask.

    Args:
        stored: The mask's pixels, from `label_values`.
        names: Values as `StoredMask.all_names` writes them; others are background.

    Returns:
        bool (height, width).
    """
    wanted = set(names)
    return stored.pixels([value for value in stored.counts if stored.all_names(value) & wanted])


def comparable_label(name: str) -> str:
    """The form by which the labels of segments are compared.

    Args:
        name: As a header or a user writes it.

    Returns:
        In small, composed letters, with single spaces.
    """
    return " ".join(comparable(name).casefold().split())


def _is_binary(stored: StoredMask) -> bool:
    values = list(stored.counts)
    if len(values) == 1:
        # A picture full of another value may be all background as well as all foreground.
        # Of a SEG there is no doubt: what no segment marks is background.
        is_sure = stored.is_coloured or bool(stored.segments)
        return values[0] in (0, 1, stored.white) or is_sure
    return not values or (len(values) == 2 and values[0] == 0)


def _refusal(stored: StoredMask, path: Path) -> LabelMap:
    if stored.is_coloured:
        return ColouredMask(
            f"a coloured mask of {stored.described()}",
            where=path,
            allowed="a mask has black background and one other colour",
            remedy=REMEDY,
        )
    return LabelMap(stored.described(), where=path, allowed=ALLOWED, remedy=REMEDY)
