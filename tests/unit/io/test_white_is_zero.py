"""TIFFs whose least value is white, through every reader of images and masks."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saywhere.io.images import read_image, read_mask
from saywhere.io.inputs import as_mask


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "picture.any"


def white_is_zero(
    stored: bytes, size: tuple[int, int], n_bits: int, is_float: bool, order: str
) -> bytes:
    """A TIFF of one strip whose least value is white, which Pillow does not write."""
    height, width = size
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, n_bits),
        (259, 3, 1, 1),
        (262, 3, 1, 0),
        (273, 4, 1, 8),
        (277, 3, 1, 1),
        (278, 4, 1, height),
        (279, 4, 1, len(stored)),
        (339, 3, 1, 3 if is_float else 1),
    ]
    directory = struct.pack(f"{order}H", len(entries))
    for tag, kind, n, value in entries:
        # A short number stands at the left of its four bytes, whatever the order of bytes.
        form = "Hxx" if kind == 3 else "I"
        directory += struct.pack(f"{order}HHI{form}", tag, kind, n, value)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    head = mark + struct.pack(f"{order}I", 8 + len(stored))
    return head + stored + directory + struct.pack(f"{order}I", 0)


@pytest.mark.parametrize(
    ("kind", "n_bits"),
    [
        ("|u1", 1),
        ("|u1", 8),
        ("<u2", 16),
        (">u2", 16),
        ("<u4", 32),
        (">u4", 32),
        ("<u8", 64),
        ("<f4", 32),
        (">f4", 32),
        ("<f8", 64),
    ],
)
def test_a_tiff_whose_least_value_is_white_is_read_as_it_looks(
    path: Path, kind: str, n_bits: int
) -> None:
    bright = np.zeros((16, 24), bool)
    bright[4:9, 3:15] = True
    white = {1: 1, 8: 255}.get(n_bits, 65535)
    is_float = kind[1] == "f"
    order = ">" if kind.startswith(">") else "<"
    stored = (~bright * (1.0 if is_float else white)).astype(kind)
    content = np.packbits(stored, axis=1).tobytes() if n_bits == 1 else stored.tobytes()
    path.write_bytes(white_is_zero(content, bright.shape, n_bits, is_float, order))
    np.testing.assert_array_equal(read_image(path, 1)[..., 0], bright * np.uint8(255))
    np.testing.assert_array_equal(read_mask(path), bright)
    # Pillow alone does not open the others.
    if kind not in (">u4", "<u8", "<f8"):
        np.testing.assert_array_equal(as_mask(Image.open(path)), bright)
