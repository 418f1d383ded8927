"""Untrusted bytes → a decoded Pillow image, or one UnreadableFile.

Nothing else may escape from here.
"""

from __future__ import annotations

import logging
import stat
import threading
import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image, TiffImagePlugin

from saywhere.errors import MissingFile, SaywhereError, UnreadableFile
from saywhere.io.bounds import refuse_excess
from saywhere.io.limits import MAX_FILE_BYTES, MAX_PIXELS

FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
"""What their files' names end in."""
SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"BM": "BMP",
}
ORIENTATION, PHOTOMETRIC, SAMPLES_PER_PIXEL, EXTRA_SAMPLES = 274, 262, 277, 338
WHITE_IS_ZERO, BLACK_IS_ZERO = 0, 1
"""Photometric interpretations of a grey TIFF."""
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation → what turns the stored pixels upright; 1, and anything else, is upright."""
# At DEBUG Pillow writes EXIF's values down: names, dates.
logging.getLogger("PIL").setLevel(logging.INFO)
# Pillow opens deep TIFFs whose least value is black, but only some whose least value is white. The
# pixels are stored alike; `Decoded.is_inverted` tells the two apart.
for _key, _modes in list(TiffImagePlugin.OPEN_INFO.items()):
    if _key[1] == BLACK_IS_ZERO and _key[4] in ((16,), (32,)):
        TiffImagePlugin.OPEN_INFO.setdefault((_key[0], WHITE_IS_ZERO, *_key[2:]), _modes)
_header_lock = threading.Lock()  # catch_warnings changes the whole process
_PNG_END = b"IEND"
_JPEG_END = b"\xff\xd9"
_TAIL_BYTES = 64
"""An end mark is looked for in so many last bytes, since some programs write more after it."""


class TruncatedFile(UnreadableFile):
    """The file is cut off: its head says an image, its tail is missing."""


class WrongChannels(UnreadableFile):
    """The file decodes, but is neither grey nor colour.

    It is CMYK, has 2 or 5 channels, is see-through, or is a coloured mask.
    """


class NotFinite(UnreadableFile):
    """The file decodes, but holds NaN or infinity."""


@dataclass(frozen=True)
class Decoded:
    """A picture in memory.

    Attributes:
        picture: The pixels, upright.
        format: As Pillow names it; "MPO" is a phone's JPEG. Empty where it was in no file.
        orientation: EXIF's, of the file, 1 to 8; 1 is stored upright. `picture` is turned by it.
        is_inverted: Is the least value white? Only of 16 and 32 bit and floats.
    """

    picture: Image.Image
    format: str
    orientation: int = 1
    is_inverted: bool = False


def decode(path: Path) -> Decoded:
    """Decode one PNG, JPEG, TIFF or BMP, told by its content, not by its name.

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
        raise _too_many_bytes(path, len(content))
    # Before any decoder sees the bytes, since it would do whatever work they claim.
    refuse_excess(content, path)
    try:
        picture = _open(path, content)
        decoded = from_pillow(picture)
        # Pillow forgives a lost end mark; whoever fetched the file should know.
        if picture.format == "PNG" and _PNG_END not in content:
            raise EOFError("truncated")
    except SaywhereError:
        raise
    except Exception as error:  # Pillow's decoders raise a dozen types on damaged bytes
        raise _refusal(path, content, error) from None
    return decoded


def from_pillow(picture: Image.Image) -> Decoded:
    """Turn a Pillow image upright.

    Args:
        picture: As opened, or made in memory.

    Returns:
        The picture, upright, with what its file says of it.
    """
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
    if file_format != "TIFF" and orientation in UPRIGHT:
        picture = picture.transpose(UPRIGHT[orientation])
    return Decoded(picture, file_format, orientation, is_inverted)


def _is_deep(picture: Image.Image) -> bool:
    """Has it more than 8 bits? Pillow inverts shallow pictures itself, and no others."""
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
        raise _too_many_bytes(path, status.st_size)
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
    if sniff(content) == "TIFF":
        _check_samples(path, content)
    with _header_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Pillow only warns of a bomb up to twice its limit. Here the bytes are not trusted.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        # Pillow tries no other decoder, whatever the first bytes say.
        picture = Image.open(BytesIO(content), formats=FORMATS)
        # Whether there is a second one: counting a TIFF's pages takes their number squared.
        has_more = getattr(picture, "is_animated", False)
    if picture.width * picture.height > MAX_PIXELS:
        raise _too_large(path, f"{picture.width} × {picture.height} pixels")
    # An MPO is a phone's JPEG with a preview behind it.
    if has_more and picture.format != "MPO":
        raise UnreadableFile(
            "several frames (pages, or an animation)",
            where=path,
            allowed="an image has one",
            remedy="save the frame that is meant on its own",
        )
    return picture


def _orientation(picture: Image.Image) -> int:
    with _header_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return int(picture.getexif().get(ORIENTATION, 1))
        except Exception:  # damaged EXIF does not spoil the pixels
            return 1


def sniff(content: bytes) -> str | None:
    """The format that the first bytes claim.

    Args:
        content: A file's bytes, or its first eight.

    Returns:
        PNG, JPEG, TIFF or BMP; None for anything else.
    """
    return next(
        (name for signature, name in SIGNATURES.items() if content.startswith(signature)), None
    )


def _check_samples(path: Path, content: bytes) -> None:
    """Raise WrongChannels for a TIFF that is neither grey nor colour.

    Pillow takes one of 5 channels for no image at all, and one of 2 for grey.
    """
    directory = TiffImagePlugin.ImageFileDirectory_v2(content[:8])
    stream = BytesIO(content)
    stream.seek(directory.next)
    with _header_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        directory.load(stream)
        n_samples = int(directory.get(SAMPLES_PER_PIXEL, 1))
        # TIFF's codes of the two kinds of alpha: multiplied into the colours, or not.
        has_alpha = directory.get(EXTRA_SAMPLES, ()) in ((1,), (2,))
    if n_samples not in (1, 3) and not (has_alpha and n_samples in (2, 4)):
        raise WrongChannels(
            f"{n_samples} channels",
            where=path,
            allowed="an image has 1 (grey) or 3 (colour)",
            remedy="choose the channels that are meant",
        )


def _too_many_bytes(path: Path, n_bytes: int) -> UnreadableFile:
    return UnreadableFile(
        f"{n_bytes:,} bytes",
        where=path,
        allowed=f"a file has at most {MAX_FILE_BYTES:,}",
        remedy="make the image smaller",
    )


def _too_large(path: Path, problem: str) -> UnreadableFile:
    return UnreadableFile(
        problem,
        where=path,
        allowed=f"an image has at most {MAX_PIXELS:,} pixels",
        remedy="make the image smaller",
    )


def _refusal(path: Path, content: bytes, error: Exception) -> UnreadableFile:
    if isinstance(error, (Image.DecompressionBombWarning, Image.DecompressionBombError)):
        return _too_large(path, "a decompression bomb")
    claimed = sniff(content)
    if claimed is None and content:
        return UnreadableFile(
            "no image that can be read",
            where=path,
            allowed="PNG, JPEG, TIFF and BMP are",
            remedy="convert it to PNG",
        )
    if not content or _is_cut_off(content, error):
        return TruncatedFile(
            f"a truncated {claimed or 'file'} ({len(content):,} bytes)",
            where=path,
            remedy="fetch or export the file again",
        )
    return UnreadableFile(
        f"a damaged {claimed} ({type(error).__name__})",
        where=path,
        remedy="fetch or export the file again",
    )


def _is_cut_off(content: bytes, error: Exception) -> bool:
    """By the missing end mark where the format has one, else by what the decoder missed."""
    tail = content[-_TAIL_BYTES:]
    if sniff(content) == "PNG":
        return _PNG_END not in tail
    if sniff(content) == "JPEG":
        return _JPEG_END not in tail
    # TIFF and BMP have no end mark, so the decoder's message must tell.
    message = str(error).lower()
    return "truncated" in message or "out of bounds" in message or len(content) < _TAIL_BYTES
