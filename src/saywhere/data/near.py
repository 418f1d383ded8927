"""One picture on both sides of a split: copies that differ in bytes and pixels, by their hashes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import combinations, product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from saywhere.data.folds import COLUMN
from saywhere.data.manifest_row import Row
from saywhere.errors import MissingExtra
from saywhere.io.images import read_image

HASH_SIDE = 16
"""The hash has so many bits squared: the signs of the lowest frequencies of a small grey copy."""
# Measured on 60 pictures each of kvasir, isic and lungs: JPEG of quality 50, one pixel changed,
# half the size, and brightness 20 higher give 14 at most, a stronger contrast 24. Of all 1.2
# million pairs of other pictures across their splits, the nearest is above 40.
LARGEST_DISTANCE = 24


@dataclass(frozen=True)
class NearPair:
    """Two rows of different splits or folds that show nearly the same picture.

    Attributes:
        row: line of the first row in the manifest, from 1.
        id: of the first row.
        split: of the first row.
        other_row: line of the second row.
        other_id: of the second row.
        other_split: of the second row.
        distance: differing bits of 256, 0 to LARGEST_DISTANCE.
        is_mirrored: is one the mirror image of the other, left and right exchanged?
    """

    row: int
    id: str
    split: str
    other_row: int
    other_id: str
    other_split: str
    distance: int
    is_mirrored: bool

    def to_json(self) -> dict[str, object]:
        """Returns the fields by name."""
        return asdict(self)


def near_duplicates(
    rows: Sequence[Row], advance: Callable[[int], None] = lambda done: None
) -> list[NearPair]:
    """Find pictures that stand nearly alike in two splits or folds.

    Args:
        rows: whose images can be read. Of several rows of one image and split the first counts.
        advance: called with 1 after each image.

    Returns:
        Pairs, nearest first.

    Raises:
        MissingExtra: ImageHash is not installed.
        UnreadableFile: an image cannot be read.
    """
    _refuse_missing()
    places = {(row.image, row.split, _fold(row)): row for row in reversed(rows)}
    chosen = list(places.values())[::-1]
    hashes: list[tuple[NDArray[np.bool_], NDArray[np.bool_]] | None] = []
    with ThreadPoolExecutor() as pool:
        for pair in pool.map(_hashes, (row.image for row in chosen)):
            hashes.append(pair)
            advance(1)
    # A picture of one grey value has a hash that says nothing.
    known = [(row, pair) for row, pair in zip(chosen, hashes) if pair is not None]
    if not known:
        return []
    hashed = [row for row, _ in known]
    plain = np.array([pair[0] for _, pair in known])
    mirrored = np.array([pair[1] for _, pair in known])
    pairs = [
        *_pairs(hashed, plain, plain, is_mirrored=False),
        *_pairs(hashed, mirrored, plain, is_mirrored=True),
    ]
    nearest: dict[tuple[int, int], NearPair] = {}
    for one in sorted(pairs, key=lambda pair: (pair.distance, pair.is_mirrored, pair.row)):
        # A symmetric picture is near in both ways: it is told once.
        nearest.setdefault((one.row, one.other_row), one)
    return list(nearest.values())


def in_words(pairs: Sequence[NearPair], shown: int = 10) -> list[str]:
    """Warn of the nearest pairs.

    Args:
        pairs: nearest first.
        shown: so many are named.

    Returns:
        A sentence for each, and one that counts the others.
    """
    sentences = [
        f"near-duplicate across splits: row {one.row} ({one.id}, {one.split}) and row "
        f"{one.other_row} ({one.other_id}, {one.other_split}), distance {one.distance} of "
        f"{HASH_SIDE**2}{', mirrored' if one.is_mirrored else ''}: look at both, and move one "
        "into the other's split"
        for one in pairs[:shown]
    ]
    if len(pairs) > shown:
        sentences.append(f"{len(pairs) - shown:,} more near-duplicates: --json lists all")
    return sentences


def _refuse_missing() -> None:
    try:
        import imagehash  # noqa: F401
    except ImportError:
        raise MissingExtra(
            "ImageHash is not installed",
            where="check --near",
            remedy="pip install 'saywhere[near]'",
        ) from None


def _hashes(path: Path) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
    """Of the picture, and of its mirror image; None for one grey value."""
    import imagehash

    pixels = read_image(path, channels=1)[..., 0]
    if pixels.min() == pixels.max():
        return None
    plain, mirrored = (
        imagehash.phash(Image.fromarray(np.ascontiguousarray(picture)), hash_size=HASH_SIDE).hash
        for picture in (pixels, pixels[:, ::-1])
    )
    return plain.ravel(), mirrored.ravel()


def _pairs(
    rows: Sequence[Row],
    left: NDArray[np.bool_],
    right: NDArray[np.bool_],
    *,
    is_mirrored: bool,
) -> Iterator[NearPair]:
    for i, j in _candidates(left, right):
        distance = int((left[i] != right[j]).sum())
        if i >= j or distance > LARGEST_DISTANCE or _place(rows[i]) == _place(rows[j]):
            continue
        one, other = rows[i], rows[j]
        yield NearPair(
            one.number,
            one.id,
            one.split,
            other.number,
            other.id,
            other.split,
            distance,
            is_mirrored,
        )


def _candidates(left: NDArray[np.bool_], right: NDArray[np.bool_]) -> Iterable[tuple[int, int]]:
    """Pairs that can be near enough, without comparing each with each.

    Of more bands than two hashes may differ in by two, at least two bands are equal. So only
    pictures that share two whole bands are compared.
    """
    n_bands = LARGEST_DISTANCE + 2
    # Bits far from each other in one band: neighbours are alike in all pictures of a kind.
    bands = [np.arange(start, left.shape[1], n_bands) for start in range(n_bands)]
    candidates: set[tuple[int, int]] = set()
    for first, second in combinations(bands, 2):
        bits = np.concatenate([first, second])
        buckets: dict[bytes, list[int]] = defaultdict(list)
        for j, key in enumerate(np.packbits(right[:, bits], axis=1)):
            buckets[key.tobytes()].append(j)
        for i, key in enumerate(np.packbits(left[:, bits], axis=1)):
            candidates.update(product((i,), buckets.get(key.tobytes(), ())))
    return candidates


def _fold(row: Row) -> str:
    return str(row.extra.get(COLUMN, ""))


def _place(row: Row) -> tuple[str, str]:
    return row.split, _fold(row)
