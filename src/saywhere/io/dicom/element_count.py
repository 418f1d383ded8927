"""How many elements a DICOM file holds, counted in its bytes before pydicom makes objects of them.

A file of 32 MiB can hold three million elements of ten bytes, which pydicom takes ten seconds for.
Here only tags and lengths are walked, and no further than to the limit.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from saywhere.errors import UnreadableFile
from saywhere.io.limits import MAX_FILE_BYTES

OF_ITEM = 4
"""An item of a sequence counts as so many elements: pydicom makes a data set of it."""
MAX_ELEMENTS = 200_000 * MAX_FILE_BYTES // 2**25
"""Of all levels of a file: some 3,000 frames of a SEG or an enhanced CT. More where larger files
are allowed than the usual 32 MiB. A reader parses a file three times, half a second each."""
_LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
"""Kinds of value whose length has four bytes, behind two that are empty."""
_MARK_AT = 128
_MARK = b"DICM"
_UNDEFINED = 0xFFFFFFFF
_META, _PIXELS, _DELIMITERS = 0x0002, 0x7FE0, 0xFFFE
_ITEM, _SEQUENCE_END = 0xE000, 0xE0DD
_ITEM_STARTS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")


@dataclass
class _Walk:
    """A place in a file.

    Attributes:
        content: all bytes.
        at: of the next element.
        order: of its bytes, as `struct` names it.
        is_explicit: do elements name their kinds of value?
        is_packed: is it within packed pixels, whose items are bytes and no elements?
    """

    content: bytes
    at: int
    order: str = "<"
    is_explicit: bool = True
    is_packed: bool = False

    def step(self) -> int:
        """Go to the next element, into a sequence and past any other value.

        Returns:
            What it counts.
        """
        group, element = struct.unpack_from(f"{self.order}HH", self.content, self.at)
        if group == _DELIMITERS:
            return self._pass_delimiter(element)
        kind = self.content[self.at + 4 : self.at + 6] if self.is_explicit else b""
        length = self._pass_head(kind)
        is_sequence = kind == b"SQ" or self.content[self.at : self.at + 4] in _ITEM_STARTS
        if group == _PIXELS and length == _UNDEFINED:
            self.is_packed = True
        elif length != _UNDEFINED and not is_sequence:
            self.at += length
        return 1

    def _pass_delimiter(self, element: int) -> int:
        (length,) = struct.unpack_from(f"{self.order}I", self.content, self.at + 4)
        self.at += 8
        if self.is_packed and element == _ITEM:
            self.at += length
        if element == _SEQUENCE_END:
            self.is_packed = False
        return 1 if self.is_packed or element != _ITEM else OF_ITEM

    def _pass_head(self, kind: bytes) -> int:
        """The length of the value that is next then."""
        is_long = kind in _LONG or not self.is_explicit
        n_bytes = 12 if kind in _LONG else 8
        form = "I" if is_long else "H"
        n_length = struct.calcsize(form)
        (length,) = struct.unpack_from(
            f"{self.order}{form}", self.content, self.at + n_bytes - n_length
        )
        self.at += n_bytes
        return int(length)


def refuse_many(content: bytes, path: Path) -> None:
    """Refuse a file of more elements than any honest one holds.

    Args:
        content: all of its bytes, inflated.
        path: how errors name it.

    Raises:
        UnreadableFile: it has more than `MAX_ELEMENTS`.
    """
    if count(content, MAX_ELEMENTS) >= MAX_ELEMENTS:
        raise UnreadableFile(
            f"a DICOM file of {MAX_ELEMENTS:,} elements and more",
            where=path,
            allowed="fewer are read, of all levels together",
            remedy="export fewer frames in one file, or set SAYWHERE_MAX_MIB for files of your own",
        )


def count(content: bytes, most: int) -> int:
    """Count the elements of a file.

    Args:
        content: all of its bytes, inflated.
        most: where to stop.

    Returns:
        Elements, delimiters and items (`OF_ITEM` each) of all levels. Of a damaged file those that
        stand before the damage.
    """
    is_marked = content[_MARK_AT : _MARK_AT + len(_MARK)] == _MARK
    walk = _Walk(content, _MARK_AT + len(_MARK) if is_marked else 0)
    is_in_meta = True
    n = 0
    while n < most and walk.at + 8 <= len(content):
        if is_in_meta and content[walk.at : walk.at + 2] != struct.pack("<H", _META):
            is_in_meta = False
            _tell_form(walk)
        try:
            n += walk.step()
        except struct.error:
            return n
    return n


def _tell_form(walk: _Walk) -> None:
    """Of the data set behind the meta information, by its first element."""
    head = walk.content[walk.at : walk.at + 6]
    # Groups up to 255 that begin a file: the other order of bytes has its zero first.
    walk.order = ">" if head[:1] == b"\0" and head[1:2] != b"\0" else "<"
    walk.is_explicit = head[4:6].isalpha() and head[4:6].isupper()
