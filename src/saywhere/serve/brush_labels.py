"""Masks as Label Studio's brush has them: run lengths of red, green, blue and opacity, bit by bit.

Written after what its own `label_studio_sdk.converter.brush` reads: 32 bits with the number of
bytes, 5 with the width of a byte less one, four times 4 with the widths of a run's length less one;
then for each run 1 bit (all alike), 2 bits (which of the four widths), its length less one, and the
byte. The last byte is filled up with zeros.
"""

from __future__ import annotations

import numpy as np

CHANNELS = 4
"""Red, green, blue and opacity: Label Studio counts each, and looks at the last."""
WORD_BITS = 8
LENGTH_BITS = (3, 4, 8, 16)
MOST = 1 << LENGTH_BITS[-1]
"""Bytes of the longest run; a longer one is written as several."""


def encode(mask: np.ndarray) -> list[int]:
    """Write a mask.

    Args:
        mask: bool (height, width).

    Returns:
        Bytes, 0 to 255: 255 in all four channels of a marked pixel, 0 elsewhere.
    """
    flat = mask.astype(bool).ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    bounds = np.concatenate([[0], changes, [flat.size]])
    lengths = np.diff(bounds) * CHANNELS
    head = f"{flat.size * CHANNELS:032b}{WORD_BITS - 1:05b}"
    head += "".join(f"{bits - 1:04b}" for bits in LENGTH_BITS)
    runs = [_run(int(n), bool(flat[start])) for n, start in zip(lengths, bounds)]
    bits = head + "".join(runs)
    filled = bits.ljust(-(-len(bits) // 8) * 8, "0")
    return list(int(filled, 2).to_bytes(len(filled) // 8, "big"))


def _run(length: int, is_marked: bool) -> str:
    word = f"{255 if is_marked else 0:0{WORD_BITS}b}"
    whole = "1" + f"{len(LENGTH_BITS) - 1:02b}" + f"{MOST - 1:0{LENGTH_BITS[-1]}b}" + word
    n_whole, rest = divmod(length, MOST)
    return whole * n_whole + (_short(rest, word) if rest else "")


def _short(length: int, word: str) -> str:
    which = next(i for i, bits in enumerate(LENGTH_BITS) if length <= 1 << bits)
    return f"1{which:02b}{length - 1:0{LENGTH_BITS[which]}b}{word}"
