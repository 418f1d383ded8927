"""What a file claims, counted in its raw bytes before a decoder believes it.

A decoder works for as long, and takes as much, as the file says: 31 million strips, a thousand
scans, a comment in a hundred thousand pieces. Each count has a limit here that is far above what
programs write. Only the head is walked, without a copy; a damaged file is left to the decoder,
which says so.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path

from saywhere.errors import UnreadableFile
from saywhere.io.limits import MAX_PIXELS, MAX_SIDE

MAX_CHUNKS = 50_000
"""Of a PNG. One of 32 MiB in chunks of a kilobyte has fewer."""
MAX_SEGMENTS = 10_000
"""Of a JPEG before its pixels: profiles, previews and the like take hundreds."""
MAX_SCANS = 1_000
MAX_SCANNED = 16 * MAX_PIXELS
"""Scans × pixels of a JPEG: progressive ones take about ten, and each costs like a picture."""
MAX_STRIPS = 4 * MAX_SIDE
"""Values of one tag of a TIFF: a strip for each row of each of four channels."""
MAX_RLE_PIXELS = 4_000_000
"""Of a BMP in run lengths, which Pillow decodes in Python, and hardly any program writes."""
MAX_COMMENT_BLOCKS = 10_000
"""Of a GIF, 255 bytes each, before its first picture: Pillow copies all with each new one."""
_SCAN_OR_END = re.compile(rb"\xff[\xda\xd9]")
_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""Bytes of a value, by TIFF's code of its type."""
_WIDTH, _HEIGHT, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 322, 323


def refuse_excess(content: bytes, path: Path) -> None:
    """Refuse a file that claims more work than any honest one.

    Args:
        content: All bytes of the file, of whatever format.
        path: How errors name it.

    Raises:
        UnreadableFile: One of its counts is over the limit; it names the count and the limit.
    """
    walks = {b"\x89P": _png, b"\xff\xd8": _jpeg, b"II": _tiff, b"MM": _tiff, b"BM": _bmp}
    walk = _gif if content[:4] == b"GIF8" else walks.get(content[:2])
    if walk is None:
        return
    try:
        walk(content, path)
    # The head is cut off: what is missing is the decoder's to say.
    except (struct.error, IndexError):
        return


def check_side(width: int, height: int, path: Path) -> None:
    """Refuse a picture with a side that no program shows, however few its pixels.

    A picture of 1 × 40,000,000 pixels takes a decoder's row for each pixel.

    Args:
        width: In pixels.
        height: In pixels.
        path: How errors name it.

    Raises:
        UnreadableFile: A side is over the limit.
    """
    if max(width, height) > MAX_SIDE:
        raise _excess(f"{width} × {height} pixels", f"a side has at most {MAX_SIDE:,} pixels", path)


def _png(content: bytes, path: Path) -> None:
    width, height = struct.unpack_from(">II", content, 16)
    check_side(width, height, path)
    place = 8
    n_chunks = 0
    # Some programs write more behind the end, which no decoder reads.
    while place + 8 <= len(content) and content[place + 4 : place + 8] != b"IEND":
        place += 12 + int.from_bytes(content[place : place + 4], "big")
        n_chunks += 1
        _check("chunks", n_chunks, MAX_CHUNKS, path)


def _jpeg(content: bytes, path: Path) -> None:
    place = 2
    pixels = 0
    n_segments = 0
    while content[place] == 0xFF:
        marker = content[place + 1]
        if marker == 0xDA:
            break
        is_frame = 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)
        if is_frame:
            height, width = struct.unpack_from(">HH", content, place + 5)
            pixels = width * height
        # A fill byte, or a marker without a length, stands alone.
        is_alone = marker == 0xFF or marker == 0x01 or 0xD0 <= marker <= 0xD8
        step = 0 if is_alone else struct.unpack_from(">H", content, place + 2)[0]
        place += (1 if marker == 0xFF else 2) + step
        n_segments += 1
        _check("segments", n_segments, MAX_SEGMENTS, path)
    _check_scans(content, place, pixels, path)


def _check_scans(content: bytes, start: int, pixels: int, path: Path) -> None:
    """In a scan's data each FF is followed by 00 or a restart mark, so the search is exact."""
    allowed = min(MAX_SCANS, max(16, MAX_SCANNED // max(1, pixels)))
    for n_scans, match in enumerate(_SCAN_OR_END.finditer(content, start), start=1):
        # What stands behind the end is a preview, or another file.
        if match[0] == b"\xff\xd9":
            return
        _check("scans", n_scans, allowed, path)


def _tiff(content: bytes, path: Path) -> None:
    order = "<" if content[:2] == b"II" else ">"
    (place,) = struct.unpack_from(f"{order}I", content, 4)
    sizes: dict[int, int] = {}
    for tag, kind, count, value in _entries(content, order, place):
        # Texts, profiles and the like are bytes, and cost what they weigh.
        if _TIFF_SIZES.get(kind, 0) > 1:
            _check(f"values of tag {tag}", count, MAX_STRIPS, path)
        # Numbers of two bytes stand at the front of their four.
        short = value if order == "<" else value >> 16
        sizes[tag] = short & 0xFFFF if kind == 3 else value
    check_side(sizes.get(_WIDTH, 0), sizes.get(_HEIGHT, 0), path)
    tile = sizes.get(_TILE_WIDTH, 0) * sizes.get(_TILE_HEIGHT, 0)
    _check("pixels of a tile", tile, MAX_PIXELS, path)


def _entries(content: bytes, order: str, place: int) -> Iterator[tuple[int, int, int, int]]:
    """(tag, type, count, value or its place) of a TIFF's first directory."""
    (n_entries,) = struct.unpack_from(f"{order}H", content, place)
    for i in range(n_entries):
        yield struct.unpack_from(f"{order}HHII", content, place + 2 + 12 * i)


def _bmp(content: bytes, path: Path) -> None:
    (header,) = struct.unpack_from("<I", content, 14)
    # OS/2's first kind has numbers of two bytes, and no compression.
    if header < 40:
        width, height = struct.unpack_from("<HH", content, 18)
        check_side(width, height, path)
        return
    width, height = struct.unpack_from("<ii", content, 18)
    check_side(abs(width), abs(height), path)
    (compression,) = struct.unpack_from("<I", content, 30)
    if compression in (1, 2):
        pixels = abs(width * height)
        _check("pixels in run lengths", pixels, MAX_RLE_PIXELS, path)
        # The worst runs are of one pixel each, in two bytes, beside an end for each row.
        _check("bytes of runs", len(content), 2 * pixels + 4 * abs(height) + 8_192, path)


def _gif(content: bytes, path: Path) -> None:
    width, height = struct.unpack_from("<HH", content, 6)
    check_side(width, height, path)
    flags = content[10]
    place = 13 + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0)
    n_blocks = 0
    # 0x21 begins an extension, 0x2C the first picture.
    while content[place] == 0x21:
        place += 2
        while content[place]:
            place += content[place] + 1
            n_blocks += 1
            _check("blocks before its picture", n_blocks, MAX_COMMENT_BLOCKS, path)
        place += 1


def _check(what: str, count: int, most: int, path: Path) -> None:
    if count > most:
        raise _excess(f"more than {most:,} {what}", f"a file has at most {most:,}", path)


def _excess(problem: str, allowed: str, path: Path) -> UnreadableFile:
    return UnreadableFile(
        problem, where=path, allowed=allowed, remedy="open it in an image editor and save it anew"
    )
