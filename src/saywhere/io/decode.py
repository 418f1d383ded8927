"""Untrusted bytes → a decoded Pillow image, or one UnreadableFile.

Nothing else may escape from here.
"""

from __future__ import annotations

import logging
import stat
import warnings
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from saywhere.errors import MissingFile, SaywhereError, UnreadableFile
from saywhere.io import clinic, deep_jpeg, deep_png, deep_tiff
from saywhere.io.bmp import with_whole_palette
from saywhere.io.bounds import refuse_excess
from saywhere.io.geometry import Geometry
from saywhere.io.grey import NotFinite, Range
from saywhere.io.image_formats import (
    FORMATS,
    SIGNATURES,
    SUFFIXES,
    is_lossy_webp,
    sniff,
)
from saywhere.io.limits import MAX_FILE_BYTES, MAX_PIXELS
from saywhere.io.orientation import TAG, upright, upright_picture
from saywhere.io.refusals import (
    PNG_END,
    TruncatedFile,
    WrongChannels,
    refusal,
    refuse_channels,
    see_through,
    several_frames,
    too_large,
    too_many_bytes,
)

__all__ = [
    "FORMATS",
    "SIGNATURES",
    "SUFFIXES",
    "Decoded",
    "NotFinite",
    "TruncatedFile",
    "WrongChannels",
    "decode",
    "decode_bytes",
    "from_pillow",
    "read_bytes",
    "sniff",
]
PHOTOMETRIC, EXTRA_SAMPLES = 262, 338
WHITE_IS_ZERO, BLACK_IS_ZERO, _SEPARATED = 0, 1, 5
"""Photometric interpretations of a grey TIFF."""
# At DEBUG Pillow writes EXIF's values down: names, dates.
logging.getLogger("PIL").setLevel(logging.INFO)
# Pillow opens deep TIFFs whose least value is black, but only some whose least value is white. The
# pixels are stored alike; `Decoded.is_inverted` tells the two apart.
for _key, _modes in list(TiffImagePlugin.OPEN_INFO.items()):
    if _key[1] == BLACK_IS_ZERO and _key[4] in ((16,), (32,)):
        TiffImagePlugin.OPEN_INFO.setdefault((_key[0], WHITE_IS_ZERO, *_key[2:]), _modes)
# Pillow's own limit is twice ours. Where a user has raised ours, it must not refuse before us.
if Image.MAX_IMAGE_PIXELS is not None and MAX_PIXELS > Image.MAX_IMAGE_PIXELS:
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS


@dataclass(frozen=True)
class Decoded:
    """A picture in memory.

    Attributes:
        picture: The pixels, upright: a Pillow image, or an array (height, width[, channel]) of
            more than 8 bits, which may be signed or floats.
        format: As Pillow names it; "MPO" is a phone's JPEG. Empty where it was in no file.
        orientation: EXIF's, of the file, 1 to 8; 1 is stored upright. `picture` is turned by it.
        is_inverted: Is the least value white? Only of 16 and 32 bit and floats.
        stated: The values that the file says are black and white; None where it does not say.
        n_bits: Of a grey picture whose 2 or 4 bits Pillow stretched to 8, these; else 8.
        is_lossy: Are the pixels only near those that were saved, as in a JPEG?
        geometry: Where it lies in a patient or a volume, of DICOM and NIfTI.
        notes: What a reader would not expect of it, such as "overlays are not drawn".
    """

    picture: Image.Image | NDArray[Any]
    format: str
    orientation: int = 1
    is_inverted: bool = False
    stated: Range | None = None
    n_bits: int = 8
    is_lossy: bool = False
    geometry: Geometry | None = None
    notes: tuple[str, ...] = ()


def decode(path: Path) -> Decoded:
    """Decode one image file, told by its content, not by its name.

    A picture with an orientation (EXIF's, or TIFF's own) is turned upright, as every viewer shows
    it. This holds for images and masks alike, so that a mask drawn on what a person saw fits.

    Args:
        path: The file.

    Returns:
        The picture, upright.

    Raises:
        MissingFile: There is no such file.
        UnreadableFile: It is no image that can be read within the limits; TruncatedFile,
            WrongChannels and NotFinite are kinds of it.
    """
    return decode_bytes(read_bytes(Path(path)), Path(path))


def decode_bytes(content: bytes, path: Path) -> Decoded:
    """Decode a file's content that is in memory, as an upload is.

    Args:
        content: All bytes of the file.
        path: How errors name it.

    Returns:
        The picture, as `decode` gives it.

    Raises:
        UnreadableFile: It is no image that can be read within the limits.
    """
    # Checked again: an upload has not gone through `read_bytes`.
    if len(content) > MAX_FILE_BYTES:
        raise too_many_bytes(path, len(content))
    # Before any decoder sees the bytes, since it would do whatever work they claim.
    refuse_excess(content, path)
    try:
        return _decoded(content, path)
    except SaywhereError:
        raise
    except Exception as error:  # Pillow's decoders raise a dozen types on damaged bytes
        raise refusal(path, content, error) from None


def _decoded(content: bytes, path: Path) -> Decoded:
    """By the format that the first bytes claim; any error of damaged bytes passes."""
    if clinical := clinic.kind_of(content):
        picture, notes = clinic.read_one(content, path)
        return Decoded(
            Image.fromarray(picture.pixels), clinical, geometry=picture.geometry, notes=notes
        )
    kind = sniff(content)
    if kind == "TIFF":
        return _of_tiff(content, path)
    if kind == "PNG":
        return _of_png(content, path)
    if kind == "JPEG":
        head = deep_jpeg.read_head(content)
        if head is not None and head.is_read_here:
            return _of_deep_jpeg(content, head, path)
    if kind == "BMP":
        content = with_whole_palette(content)
    decoded = _upright(_open(path, content))
    if kind == "WEBP":
        return replace(decoded, is_lossy=is_lossy_webp(content))
    return decoded


def _of_png(content: bytes, path: Path) -> Decoded:
    picture = _open(path, content)
    head = deep_png.read_head(content)
    if head.is_deep_colour:
        transparency = picture.info.get("transparency")
        samples = deep_png.read_deep_colours(picture, _open(path, content), head)
        _refuse_transparent(samples, transparency, path)
        orientation = _orientation(picture)
        decoded = Decoded(upright(samples, orientation), "PNG", orientation)
    else:
        decoded = _upright(picture)
        if head.n_bits == 16:
            grey = np.asarray(decoded.picture)[..., None]
            _refuse_transparent(grey, (picture.info.get("transparency"),), path)
    # Pillow forgives a lost end mark; whoever fetched the file should know.
    if PNG_END not in content:
        raise EOFError("truncated")
    if head.n_bits == 16:
        stated = deep_png.stated_range(head, np.asarray(decoded.picture))
        return replace(decoded, stated=stated)
    is_stretched = head.colour_type == deep_png.GREY and head.n_bits in (2, 4)
    return replace(decoded, n_bits=head.n_bits) if is_stretched else decoded


def _refuse_transparent(samples: NDArray[np.uint16], colour: Any, path: Path) -> None:
    """A PNG may name one colour that is see-through."""
    is_named = isinstance(colour, tuple) and None not in colour
    if is_named and samples.shape[-1] == len(colour):
        is_through = (samples == np.asarray(colour, np.uint16)).all(axis=-1)
        if is_through.any():
            raise see_through(path)


def _of_tiff(content: bytes, path: Path) -> Decoded:
    head = deep_tiff.read_head(content)
    refuse_channels(path, head)
    if head.is_read_here:
        decoded = _of_deep_tiff(content, head, path)
    else:
        decoded = _upright(_open(path, content))
    is_stretched = head.n_samples == 1 and head.n_bits in (2, 4) and head.photometric <= 1
    if _is_deep(decoded.picture):
        values = np.asarray(decoded.picture)
        return replace(decoded, stated=deep_tiff.stated_range(head, values), is_lossy=head.is_lossy)
    return replace(decoded, n_bits=head.n_bits if is_stretched else 8, is_lossy=head.is_lossy)


def _of_deep_tiff(content: bytes, head: deep_tiff.Head, path: Path) -> Decoded:
    if head.tags.next:
        raise several_frames(path)
    _check_size(path, head.width, head.height)
    samples = deep_tiff.read_samples(content, head, path)
    orientation = int(head.tags.get(TAG, 1))
    is_inverted = head.photometric == WHITE_IS_ZERO
    return Decoded(upright(samples, orientation), "TIFF", orientation, is_inverted)


def _of_deep_jpeg(content: bytes, head: deep_jpeg.Head, path: Path) -> Decoded:
    _check_size(path, head.width, head.height)
    samples = deep_jpeg.read_samples(content, head, path)
    return Decoded(
        upright(samples, head.orientation),
        "JPEG",
        head.orientation,
        stated=(0.0, 2.0**head.n_bits - 1),
        is_lossy=not head.is_lossless,
    )


def from_pillow(picture: Image.Image) -> Decoded:
    """Turn a Pillow image upright.

    Of a PNG, TIFF or BMP that was opened and not yet touched, the file itself is read: Pillow alone
    would cut 16-bit colours, and take signed bytes or short palettes for others.

    Args:
        picture: As opened, or made in memory.

    Returns:
        The picture, upright, with what its file says of it.

    Raises:
        UnreadableFile: Its file is no image that can be read within the limits.
    """
    content = _untouched_file(picture)
    if content is None:
        return _upright(picture)
    return decode_bytes(content, Path(getattr(picture, "filename", "") or "the PIL image"))


def _untouched_file(picture: Image.Image) -> bytes | None:
    """The bytes that a lazily opened PNG, TIFF or BMP comes from, its first frame chosen."""
    stream = getattr(picture, "fp", None)
    is_untouched = bool(getattr(picture, "tile", None)) and picture.tell() == 0
    if stream is None or picture.format not in ("PNG", "TIFF", "BMP") or not is_untouched:
        return None
    try:
        place = stream.tell()
        stream.seek(0)
        content = stream.read()
        stream.seek(place)
    except (OSError, ValueError, AttributeError):
        return None  # a stream that cannot go back: Pillow reads on from where it stands
    return bytes(content)


def _upright(picture: Image.Image) -> Decoded:
    file_format = picture.format or ""
    # Pillow turns a TIFF itself as it loads the pixels, and then drops the tag. Of a PNG it loads
    # the pixels to look for the tag: an error would be taken for one of the tag, and a second
    # load of damaged pixels succeeds with noise.
    if file_format != "TIFF":
        picture.load()
    orientation = _orientation(picture)
    tags = getattr(picture, "tag_v2", {})
    is_inverted = tags.get(PHOTOMETRIC) == WHITE_IS_ZERO and _is_deep(picture)
    picture.load()
    if file_format != "TIFF":
        picture = upright_picture(picture, orientation)
    is_lossy = file_format in ("JPEG", "MPO")
    return Decoded(picture, file_format, orientation, is_inverted, is_lossy=is_lossy)


def _is_deep(picture: Image.Image | NDArray[Any]) -> bool:
    """Has it more than 8 bits? Pillow inverts shallow pictures itself, and no others."""
    if isinstance(picture, np.ndarray):
        return True
    return picture.mode in ("I", "F") or picture.mode.startswith("I;16")


def read_bytes(path: Path) -> bytes:
    """A regular file's content, its size checked first.

    Args:
        path: The file.

    Returns:
        All of it.

    Raises:
        MissingFile: There is no such file.
        UnreadableFile: It is a folder or a device, too large, or may not be read.
    """
    try:
        status = path.stat()
    except PermissionError:
        raise UnreadableFile(
            "a file that may not be read", where=path, remedy="check the permissions of its folder"
        ) from None
    # ValueError is Python's answer to a name with a NUL in it.
    except (OSError, ValueError):
        raise MissingFile(
            f"no file {path}", remedy="check the name, and the folder it is relative to"
        ) from None
    # Reading a pipe or a device could wait for ever.
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableFile(
            "a folder or a device",
            where=path,
            allowed="an image is a regular file",
            remedy="name the image itself",
        )
    # The size first, so that a huge file is never read into memory.
    if status.st_size > MAX_FILE_BYTES:
        raise too_many_bytes(path, status.st_size)
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableFile(
            f"a file that cannot be read ({(error.strerror or 'input error').lower()})",
            where=path,
            remedy="check its permissions",
        ) from None


def _open(path: Path, content: bytes) -> Image.Image:
    """Read and check the header; nothing is decoded yet."""
    with deep_tiff.quietly():
        # Pillow only warns of a bomb up to twice its limit. Here the bytes are not trusted.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        # Pillow tries no other decoder, whatever the first bytes say.
        picture = Image.open(BytesIO(content), formats=FORMATS)
        # Counting the frames would read all their headers; whether there is a second one suffices.
        has_more = getattr(picture, "is_animated", False)
    _check_size(path, picture.width, picture.height)
    # An MPO is a phone's JPEG with a preview behind it.
    if has_more and picture.format != "MPO":
        raise several_frames(path)
    return picture


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise too_large(path, f"{width} × {height} pixels")


def _orientation(picture: Image.Image) -> int:
    with deep_tiff.quietly():
        try:
            return int(picture.getexif().get(TAG, 1))
        except Exception:  # damaged EXIF does not spoil the pixels
            return 1
