"""Why an image cannot be read: each refusal in words."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, UnidentifiedImageError

from saywhere.errors import UnreadableFile
from saywhere.io import deep_tiff
from saywhere.io.image_formats import NAMES, sniff, sniff_other
from saywhere.io.limits import MAX_FILE_BYTES, MAX_PIXELS, MIB_VARIABLE, PIXELS_VARIABLE

_EXTRA_SAMPLES, _SEPARATED = 338, 5
PNG_END = b"IEND"
_JPEG_END = b"\xff\xd9"
_TAIL_BYTES = 64
"""An end mark is looked for in so many last bytes, since some programs write more after it."""
REMEDIES: dict[str | None, str] = {
    "DICOM": "export it as PNG",
    "NIfTI": "export its slices as PNG",
    "NRRD": "export its slices as PNG",
    "PDF": "export its pictures as PNG",
    "zip": "unpack it",
    "gzip": "unpack it",
}
"""What to do with a file of another format; any other is converted to PNG."""


_KINDS = {
    4: "in a kind of mask (transparency)",
    8: "in colours (CIE L*a*b*)",
    9: "in colours (ICC L*a*b*)",
    10: "in colours (ITU L*a*b*)",
    32803: "with the raw values of a camera (CFA)",
    32844: "in high-range greys (LogL)",
    32845: "in high-range colours (LogLuv)",
    34892: "with the raw values of a camera (LinearRaw)",
}
"""What a TIFF's PhotometricInterpretation says."""


class TruncatedFile(UnreadableFile):
    """The file is cut off: its head says an image, its tail is missing."""


class WrongChannels(UnreadableFile):
    """The file decodes, but is neither grey nor colour.

    It is CMYK, has 2 or 5 channels, is see-through, or is a coloured mask.
    """


def several_frames(path: Path) -> UnreadableFile:
    """Nobody knows which frame is meant.

    Args:
        path: How the error names the picture.

    Returns:
        The refusal.
    """
    return UnreadableFile(
        "several frames (pages, or an animation)",
        where=path,
        allowed="an image has one",
        remedy="save the frame that is meant on its own",
    )


def see_through(path: Path) -> WrongChannels:
    """What shows through depends on the viewer's background, so there is no one right picture.

    Args:
        path: How the error names the picture.

    Returns:
        The refusal.
    """
    return WrongChannels(
        "a see-through image (alpha channel)",
        where=path,
        allowed="an image is opaque",
        remedy="flatten it and save it again",
    )


def refuse_channels(path: Path, head: deep_tiff.Head) -> None:
    """Raise WrongChannels for a TIFF that is neither grey nor colour.

    Pillow takes one of 5 channels for no image at all, and one of 2 for grey.

    Args:
        path: How the error names it.
        head: Of the file.

    Raises:
        WrongChannels: It names their number.
    """
    # TIFF's codes of the two kinds of alpha: multiplied into the colours, or not.
    has_alpha = head.tags.get(_EXTRA_SAMPLES, ()) in ((1,), (2,))
    is_cmyk = head.photometric == _SEPARATED and head.n_samples == 4
    if (
        head.n_samples not in (1, 3)
        and not (has_alpha and head.n_samples in (2, 4))
        and not is_cmyk
    ):
        raise WrongChannels(
            f"{head.n_samples} channels",
            where=path,
            allowed="an image has 1 (grey) or 3 (colour)",
            remedy="choose the channels that are meant",
        )


def too_many_bytes(path: Path, n_bytes: int) -> UnreadableFile:
    """The file is over the limit.

    Args:
        path: How the error names it.
        n_bytes: Its size.

    Returns:
        The refusal.
    """
    return UnreadableFile(
        f"{n_bytes:,} bytes",
        where=path,
        allowed=f"a file has at most {MAX_FILE_BYTES:,}",
        remedy=f"make the image smaller, or set {MIB_VARIABLE} on your own machine",
    )


def too_large(path: Path, problem: str) -> UnreadableFile:
    """The picture has more pixels than the limit.

    Args:
        path: How the error names it.
        problem: How many there are.

    Returns:
        The refusal.
    """
    return UnreadableFile(
        problem,
        where=path,
        allowed=f"an image has at most {MAX_PIXELS:,} pixels",
        remedy=f"make the image smaller, or set {PIXELS_VARIABLE} on your own machine",
    )


def refusal(path: Path, content: bytes, error: Exception) -> UnreadableFile:
    """Say what a decoder's error means.

    Args:
        path: How the error names the file.
        content: All its bytes.
        error: What the decoder raised.

    Returns:
        The refusal: truncated, damaged, of another format, or of a kind that is not read.
    """
    if isinstance(error, (Image.DecompressionBombWarning, Image.DecompressionBombError)):
        return too_large(path, "a decompression bomb")
    claimed = sniff(content)
    if claimed is None and content:
        return _other(path, sniff_other(content))
    if not content or _is_cut_off(content, error):
        return TruncatedFile(
            f"a truncated {claimed or 'file'} ({len(content):,} bytes)",
            where=path,
            remedy="fetch or export the file again",
        )
    if isinstance(error, UnidentifiedImageError) and claimed == "TIFF" and _is_legal_tiff(content):
        head = deep_tiff.read_head(content)
        kind = _KINDS.get(head.photometric, "of a kind")
        return UnreadableFile(
            f"{head.described()} {kind} that is not read",
            where=path,
            allowed="grey and RGB are, and palettes of up to 8 bits",
            remedy="save it as RGB or grey",
        )
    return UnreadableFile(
        f"a damaged {claimed} ({type(error).__name__})",
        where=path,
        remedy="fetch or export the file again",
    )


def _other(path: Path, name: str | None) -> UnreadableFile:
    """Of bytes that are no image of ours, by the name of their format where it is known."""
    return UnreadableFile(
        "no image that can be read" if name is None else f"a {name} file, which is not read",
        where=path,
        allowed=f"{NAMES} are",
        remedy=REMEDIES.get(name, "convert it to PNG"),
    )


def _is_legal_tiff(content: bytes) -> bool:
    """Has it a head that makes sense? Then Pillow does not know the kind, and all may be well."""
    try:
        head = deep_tiff.read_head(content)
    except Exception:  # whatever damaged bytes raise
        return False
    has_pixels = 273 in head.tags or 324 in head.tags
    is_known = head.photometric in range(11) or head.photometric in _KINDS
    return has_pixels and head.width > 0 and head.height > 0 and is_known


def _is_cut_off(content: bytes, error: Exception) -> bool:
    """By the missing end mark where the format has one, else by what the decoder missed."""
    tail = content[-_TAIL_BYTES:]
    if sniff(content) == "PNG":
        return PNG_END not in tail
    if sniff(content) == "JPEG":
        return _JPEG_END not in tail
    # TIFF and BMP have no end mark, so the decoder's message must tell.
    message = str(error).lower()
    return "truncated" in message or "out of bounds" in message or len(content) < _TAIL_BYTES
