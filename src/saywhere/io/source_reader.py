"""Read pictures of files and archives: the content, its digest, the pixels and where they lie."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from saywhere.io import archives, clinic, grey, images
from saywhere.io.channels import of_channels
from saywhere.io.decode import decode_bytes, read_bytes
from saywhere.io.geometry import Geometry
from saywhere.io.inputs import notes_of
from saywhere.io.sources import Input, Source
from saywhere.phases import phase


@dataclass(frozen=True)
class Read:
    """A picture that was read.

    Attributes:
        pixels: uint8 (height, width, channels), upright; (height, width, 1) of a grey picture.
        geometry: Where it lies; None of a plain picture.
        notes: What a reader would not expect of it. No patient data.
        sha256: Of its file's content, in hexadecimal digits.
    """

    pixels: NDArray[np.uint8]
    geometry: Geometry | None
    notes: tuple[str, ...]
    sha256: str


def content_of(source: Source) -> bytes:
    """Read a picture's file, of a folder or an archive.

    Args:
        source: The picture.

    Returns:
        All bytes of the file.

    Raises:
        MissingFile: It is not there.
        UnreadableFile: It cannot be read, or is over the limits.
    """
    if not source.member:
        return read_bytes(source.path)
    with archives.open_archive(source.path) as archive:
        return archives.read_member(archive, source.member, source.file)


class Reader:
    """Reads pictures one after the other; a volume's file is decoded once for all its slices."""

    def __init__(self, channels: int, rule: grey.Grey) -> None:
        """Remember how a model reads.

        Args:
            channels: 1 (grey) or 3 (colour).
            rule: What black and white are of deep pictures; a model's `data.grey`.
        """
        self.channels = channels
        self.rule = rule
        # One file at a time: a volume may fill much of the memory.
        self._file: tuple[Path, str] | None = None
        self._content = b""
        self._sha256 = ""
        self._pictures: clinic.Pictures | None = None

    def sha256(self, source: Source) -> str:
        """Identify a picture's file.

        Args:
            source: The picture.

        Returns:
            Of the file's content, in hexadecimal digits.

        Raises:
            MissingFile: It is not there.
            UnreadableFile: It cannot be read.
        """
        self._open(source)
        return self._sha256

    @phase("decode")
    def read(self, source: Source) -> Read:
        """Read a picture.

        Args:
            source: The picture.

        Returns:
            Its pixels and where they lie.

        Raises:
            MissingFile: Its file is not there.
            MissingExtra: A library is not installed.
            UnreadableFile: It is no picture, damaged, or over the limits.
        """
        self._open(source)
        if not source.frame:
            decoded = decode_bytes(self._content, source.file)
            pixels = images.own_pixels(decoded, source.file, self.channels, self.rule)
            notes = notes_of(decoded, pixels)
            return Read(pixels, decoded.geometry, notes, self._sha256)
        if self._pictures is None:
            self._pictures = clinic.read(self._content, source.file)
        picture = self._pictures.pictures[source.frame - 1]
        pixels = of_channels(picture.pixels, self.channels)
        return Read(pixels, picture.geometry, self._pictures.notes, self._sha256)

    def _open(self, source: Source) -> None:
        file = (source.path, source.member)
        if self._file == file:
            return
        self._file = self._pictures = None
        self._content = content_of(source)
        self._sha256 = hashlib.sha256(self._content).hexdigest()
        self._file = file


def pictures_of(source: Input, channels: int, rule: grey.Grey) -> Iterator[clinic.Picture]:
    """Read the pictures of an input.

    Args:
        source: The input.
        channels: 1 (grey) or 3 (colour).
        rule: What black and white are of deep pictures; a model's `data.grey`.

    Yields:
        One picture after the other.

    Raises:
        MissingFile: A file is not there.
        MissingExtra: A library is not installed.
        UnreadableFile: A file is no picture, damaged, or over the limits.
    """
    reader = Reader(channels, rule)
    for part in source.sources:
        picture = reader.read(part)
        yield clinic.Picture(picture.pixels, picture.geometry)
