"""BMPs whose table of colours is shorter than their bits allow."""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from saywhere.io.images import read_image, read_mask
from saywhere.io.inputs import as_mask

INDICES = np.zeros((11, 14), np.uint8)
INDICES[2:8, 3:9] = 1
GREYS = [(0, 0, 0), (255, 255, 255)]


def bmp(indices: NDArray[np.uint8], n_bits: int, colours: list[tuple[int, int, int]]) -> bytes:
    """As Windows' programs write it: the head says how many colours there are."""
    height, width = indices.shape
    rows = []
    for row in indices[::-1]:
        packed = row if n_bits == 8 else (row[0::2] << 4) | row[1::2]
        rows.append(packed.tobytes() + bytes(-len(packed) % 4))
    table = b"".join(bytes([blue, green, red, 0]) for red, green, blue in colours)
    pixels = b"".join(rows)
    start = 54 + len(table)
    head = struct.pack(
        "<IiiHHIIiiII", 40, width, height, 1, n_bits, 0, len(pixels), 0, 0, len(colours), 0
    )
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + head + table + pixels


@pytest.mark.parametrize("n_bits", [4, 8])
def test_two_colours_of_four_or_eight_bits_are_those_colours(tmp_path: Path, n_bits: int) -> None:
    path = tmp_path / "mask.bmp"
    path.write_bytes(bmp(INDICES, n_bits, GREYS))
    np.testing.assert_array_equal(read_image(path, 1)[..., 0], INDICES * np.uint8(255))
    np.testing.assert_array_equal(read_mask(path), INDICES == 1)
    opened = Image.open(BytesIO(path.read_bytes()))
    np.testing.assert_array_equal(as_mask(opened), INDICES == 1)


def test_few_greys_in_four_bits_are_read(tmp_path: Path) -> None:
    path = tmp_path / "image.bmp"
    indices = INDICES + np.uint8(2) * np.eye(11, 14, dtype=np.uint8)
    path.write_bytes(bmp(indices, 4, [(grey, grey, grey) for grey in range(4)]))
    np.testing.assert_array_equal(read_image(path, 1)[..., 0], indices)
