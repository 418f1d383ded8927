"""Images and masks, decoded once at the network's size, as memory-mapped uint8.

So no step of a training reads or decodes a file.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from saywhere.data import store_digests
from saywhere.data.manifest_row import Row
from saywhere.errors import MissingFile
from saywhere.io import cache, files, images
from saywhere.io.framing import Fit, Framing
from saywhere.io.grey import DEFAULT, Grey
from saywhere.io.mask_resize import MaskResize

log = logging.getLogger("saywhere")
# 1: without EXIF's orientation; 2: masks of 0 and 1 to 127, and palettes, were black; 3: without
# digests, so that a flipped byte was trained on; 4: 16-bit colours were cut to 8 bits; 5: palettes
# whose black is second were inverted.
FORMAT = 6
FILES = ("images.npy", "masks.npy")


@dataclass(frozen=True)
class Store:
    """Pictures of some rows at one size. Rows that share an image file share its decoded copy."""

    images: Tensor
    """uint8 (image, channel, size, size)"""
    masks: Tensor
    """uint8 (row, 1, size, size), 0 or 1"""
    image_of_row: np.ndarray
    """int64 (row,): numbers of `images`"""


def open_store(
    rows: Sequence[Row],
    size: int,
    channels: int,
    folder: Path,
    advance: Callable[[int], None] = lambda done: None,
    grey: Grey = DEFAULT,
    *,
    fit: Fit = "squash",
    mask_resize: MaskResize = "area",
) -> Store:
    """Open the decoded copy of some rows; it is made on first use, and anew where damaged.

    Every byte is compared with its digest first: a store is read once per opening.

    Args:
        rows: whose images and masks.
        size: height and width in pixels.
        channels: 1 (grey) or 3 (colour).
        folder: holds one store per digest of (files, size, channels, grey, fit, mask_resize).
        advance: called with 1 after each image that is decoded.
        grey: what black and white are where there are more than 8 bits.
        fit: how an image of another shape becomes a square, see `Framing`.
        mask_resize: how a mask comes to that size, see `Framing`.

    Returns:
        The pictures, mapped from disk.

    Raises:
        MissingFile: an image or a mask is not there.
        UnreadableFile: an image or a mask cannot be decoded.
        NotWritable: the folder cannot be written.
    """
    # In order of first use, so that equal rows give equal stores.
    distinct = list(dict.fromkeys(row.image for row in rows))
    framing = Framing(size, fit, mask_resize)
    place = folder / _digest(rows, framing, channels, grey)
    facts = {"format": FORMAT, "images": len(distinct), "rows": len(rows), "size": size}
    if not _is_whole(place, facts):
        _build(place, rows, distinct, facts, framing, channels, advance, grey)
    # `saywhere cache clear` goes by the last use, not by when the store was made.
    cache.use(place)
    number = {path: i for i, path in enumerate(distinct)}
    pictures, masks = (torch.from_numpy(_open(place / name)) for name in FILES)
    return Store(pictures, masks, np.array([number[row.image] for row in rows], np.int64))


# Once a process: of a training and its validation, one line suffices.
@lru_cache
def temporary_folder(instead_of: Path) -> Path | None:
    """Make a folder for stores where the cache takes none, and say so; it goes with the process.

    Args:
        instead_of: the cache's folder for stores.

    Returns:
        The folder. None where the cache may be written to, so that its disk must be full, and where
        the system has no place for temporary files either.
    """
    try:
        instead_of.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=instead_of):
            return None
    except OSError as error:
        reason = (error.strerror or "refused").lower()
    try:
        folder = Path(tempfile.mkdtemp(prefix="saywhere-stores-"))
    except OSError:
        return None
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    log.warning(
        "no cache of decoded pictures: cannot write %s (%s); they are decoded anew each time, into "
        "a temporary folder (set SAYWHERE_CACHE to a folder that you may write to)",
        instead_of,
        reason,
    )
    return folder


def _open(path: Path) -> np.ndarray:
    # Copy on write: whatever a caller does, the file stays as it is.
    return np.load(path, mmap_mode="c")


def _is_whole(place: Path, facts: dict[str, int]) -> bool:
    """A damaged store is removed, and the log says so."""
    if not place.exists():
        return False
    damage = store_digests.damage(place, facts, FILES)
    if damage is not None:
        log.warning("decoded store: %s is damaged (%s) and is made anew", place.name, damage)
        shutil.rmtree(place, ignore_errors=True)
    return damage is None


def _build(
    place: Path,
    rows: Sequence[Row],
    distinct: list[Path],
    facts: dict[str, int],
    framing: Framing,
    channels: int,
    advance: Callable[[int], None],
    grey: Grey,
) -> None:
    size = framing.size
    with files.writing_folder(place) as building:
        pictures = _memmap(building / "images.npy", (len(distinct), channels, size, size))
        for i, path in enumerate(distinct):
            picture = framing.image(images.read_image(path, channels, grey))
            pictures[i] = picture.transpose(2, 0, 1)
            advance(1)
        # One a row, not one an image: rows that share an image differ in what they name.
        masks = _memmap(building / "masks.npy", (len(rows), 1, size, size))
        for i, row in enumerate(rows):
            if row.mask is not None:
                masks[i, 0] = framing.mask(images.read_mask(row.mask)).mask
        # On the disk before the folder gets its final name.
        pictures.flush()
        masks.flush()
        # Written last: where this file stands, the pictures are whole.
        store_digests.write(building, facts, FILES)


def _memmap(path: Path, shape: tuple[int, ...]) -> np.memmap:
    """A new file with its room reserved.

    On a full disk, writing to mapped memory that has no room ends the process without a word
    (SIGBUS).
    """
    mapped = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    # macOS and Windows have no such call.
    if hasattr(os, "posix_fallocate"):
        with path.open("rb+") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return mapped


def _digest(rows: Sequence[Row], framing: Framing, channels: int, grey: Grey) -> str:
    """Of what the pictures depend on: paths, sizes and times of the files, not the prompts."""
    # With the format: once pictures are read in another way, stores are made anew.
    sha = hashlib.sha256(json.dumps([FORMAT, *astuple(framing), channels, grey]).encode())
    for row in rows:
        for path in (row.image, row.mask):
            # Size and time stand for the content: reading every file is what the store is to spare.
            status = None if path is None else _status(path)
            n_bytes, modified_ns = (status.st_size, status.st_mtime_ns) if status else (0, 0)
            sha.update(f"{path}|{n_bytes}|{modified_ns}\n".encode())
    # `io.cache` knows the cache's own folders by these 24 digits.
    return sha.hexdigest()[:24]


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except (OSError, ValueError):
        raise MissingFile(
            f"no file {path}", remedy="put it there, or run `saywhere check` on the manifest"
        ) from None
