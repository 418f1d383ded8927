"""BMPs with a short table of colours, as Pillow reads them rightly."""

from __future__ import annotations

import struct

_FILE_HEAD, _SHORTEST_HEAD = 14, 40
"""Bytes of a BMP's two heads; an older one has no count of colours."""


def with_whole_palette(content: bytes) -> bytes:
    """Fill up the palette of a BMP of 4 or 8 bits that names fewer colours.

    Pillow takes two colours, black and white, for one bit a pixel, and few greys for eight.

    Args:
        content: A file's bytes.

    Returns:
        The same picture; other content as it is.

    Raises:
        struct.error: The file is cut off within its header.
    """
    (start,) = struct.unpack("<I", content[10:14])
    (head,) = struct.unpack("<I", content[14:18])
    if head < _SHORTEST_HEAD:
        return content
    (n_bits,) = struct.unpack("<H", content[28:30])
    (n_colours,) = struct.unpack("<I", content[46:50])
    palette_ends = _FILE_HEAD + head + 4 * n_colours
    if n_bits not in (4, 8) or not 0 < n_colours < 2**n_bits or palette_ends > start:
        return content
    more = bytes(4 * (2**n_bits - n_colours))
    front = content[:10] + struct.pack("<I", start + len(more)) + content[14:46] + bytes(4)
    return front + content[50:palette_ends] + more + content[palette_ends:]
