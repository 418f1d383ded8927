"""Small files that claim much work, made byte by byte: no program would write them."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

GREY = [(256, 3, 1, 1), (257, 3, 1, 1), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
"""Tags of a grey TIFF of one pixel: (tag, type, count, value)."""


def tiff(entries: list[tuple[int, int, int, int]], following: int = 0, rest: bytes = b"") -> bytes:
    """A TIFF of one directory, in Intel's order."""
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    return head + packed + struct.pack("<I", following) + rest


def tiff_of_pages(n_pages: int) -> bytes:
    """Each page after the first is one tag, 18 bytes."""
    entries = [*GREY, (273, 4, 1, 8), (277, 3, 1, 1), (278, 3, 1, 1), (279, 4, 1, 1)]
    place = len(tiff(entries))
    pages = []
    for page in range(1, n_pages):
        following = place + 18 * page if page < n_pages - 1 else 0
        pages.append(struct.pack("<HHHIII", 1, 256, 3, 1, 1, following))
    return tiff(entries, place if n_pages > 1 else 0, b"".join(pages))


def tiff_of_strips(n_strips: int) -> bytes:
    """A grey TIFF, one pixel wide, with as many strips as claimed, each a row of the same byte."""
    sizes = [(256, 4, 1, 1), (257, 4, 1, n_strips), *GREY[2:]]
    place = 8 + 2 + 12 * 9 + 4
    strips = [
        (273, 4, n_strips, place),
        (277, 3, 1, 1),
        (278, 4, 1, 1),
        (279, 4, n_strips, place + 4 * n_strips),
    ]
    counts = struct.pack("<I", 1) * n_strips
    return tiff([*sizes, *strips], rest=struct.pack("<I", 8) * n_strips + counts)


def tiff_of_tile(side: int) -> bytes:
    """A deflated TIFF of one pixel in a tile of many."""
    tiles = [(322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, 8), (325, 4, 1, 8)]
    return tiff([*GREY[:3], (259, 3, 1, 8), GREY[4], (277, 3, 1, 1), *tiles])


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    check = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + check


def png(
    width: int, height: int, *, before: bytes = b"", n_bits: int = 8, is_colour: bool = False
) -> bytes:
    """A black PNG, grey or in colour, with chunks before its pixels."""
    n_channels = 3 if is_colour else 1
    rows = zlib.compress(bytes(height * (width * n_channels * n_bits // 8 + 1)), 9)
    kind = 2 if is_colour else 0
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, n_bits, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + before + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def png_of_chunks(n_chunks: int) -> bytes:
    """An 8 × 8 PNG, its head and pixels counted."""
    return png(8, 8, before=chunk(b"teXt", b"") * (n_chunks - 2))


def dicom_of_elements(n: int) -> bytes:
    """A DICOM header of so many numbers of two bytes."""
    meta = b"\x02\0\x10\0UI\x14\0" + b"1.2.840.10008.1.2.1\0"
    block = np.zeros((n, 10), np.uint8)
    block[:, 0] = 9
    block[:, 2:4] = np.arange(n, dtype="<u4").view(np.uint8).reshape(n, 4)[:, :2]
    block[:, 4:8] = np.frombuffer(b"US\x02\0", np.uint8)
    return bytes(128) + b"DICM" + meta + block.tobytes()


def jpeg(side: int = 8, *, progressive: bool = False) -> bytes:
    """A black grey JPEG."""
    stream = io.BytesIO()
    Image.new("L", (side, side)).save(stream, "JPEG", progressive=progressive)
    return stream.getvalue()


def jpeg_of_scans(n_more: int, side: int = 8) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    content = jpeg(side, progressive=True)
    scan = content[content.rindex(b"\xff\xda") : -2]
    return content[:-2] + scan * n_more + b"\xff\xd9"


def jpeg_of_segments(n_more: int) -> bytes:
    """A JPEG with empty comments before its pixels."""
    content = jpeg()
    return content[:2] + b"\xff\xfe\0\2" * n_more + content[2:]


def gif_of_comment(n_blocks: int) -> bytes:
    """A GIF with one comment of so many pieces, 255 bytes each."""
    stream = io.BytesIO()
    Image.new("P", (8, 8)).save(stream, "GIF")
    content = stream.getvalue()
    flags = content[10]
    place = 13 + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0)
    comment = b"\x21\xfe" + (b"\xff" + b"a" * 255) * n_blocks + b"\0"
    return content[:place] + comment + content[place:]


def bmp_of_runs(width: int, height: int, runs: bytes) -> bytes:
    """A BMP in run lengths of 8 bits."""
    place = 14 + 40 + 1024
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(runs), 0, 0, 256, 0)
    start = b"BM" + struct.pack("<IHHI", place + len(runs), 0, 0, place)
    return start + head + bytes(1024) + runs
