"""Which files are images: by their first bytes, and by what their names end in."""

from __future__ import annotations

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP")
"""As Pillow names them; what is none of these is not read as an image."""
NAMES = "PNG, JPEG, TIFF, BMP, GIF and WebP"
"""As messages name them."""
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp")
"""What their files' names end in."""
SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
}
DICOM_MARK = b"DICM"
DICOM_MARK_AT = 128
HEAD_BYTES = 512
"""So many first bytes tell the format of a file."""
# It begins as a JPEG does, and no decoder of JPEGs reads it.
_JPEG_LS = b"\xff\xd8\xff\xf7"
# (position, bytes, name) of what people try to open as an image.
_OTHERS = (
    (344, b"n+1\0", "NIfTI"),
    (344, b"ni1\0", "NIfTI"),
    (4, b"n+2\0\r\n\x1a\n", "NIfTI"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, _JPEG_LS, "JPEG-LS"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (0, b"%PDF", "PDF"),
    (0, b"8BPS", "Photoshop"),
    (0, b"NRRD", "NRRD"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"PK\x03\x04", "zip"),
    (0, b"<svg", "SVG"),
)
# Brands of the container that HEIC and AVIF share.
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF"}
_HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


def sniff(content: bytes) -> str | None:
    """The image format that the first bytes claim.

    Args:
        content: A file's bytes, or its first 132. With fewer, a DICOM whose preamble looks like an
            image is taken for one.

    Returns:
        One of `FORMATS`; None for anything else.
    """
    # A DICOM's first 128 bytes are free, and some programs write a TIFF's header there.
    if is_dicom(content) or content.startswith(_JPEG_LS):
        return None
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    return next(
        (name for signature, name in SIGNATURES.items() if content.startswith(signature)), None
    )


def is_dicom(content: bytes) -> bool:
    """Is it a DICOM file with the standard's mark?

    Args:
        content: A file's bytes, or its first 132.

    Returns:
        True where DICM stands behind the preamble.
    """
    return content[DICOM_MARK_AT : DICOM_MARK_AT + len(DICOM_MARK)] == DICOM_MARK


def sniff_other(content: bytes) -> str | None:
    """The format of a file that is no image of ours, where it is a known one.

    Args:
        content: A file's bytes, or its first 512.

    Returns:
        `DICOM`, `NIfTI`, `HEIC`, `AVIF`, …; None for anything else.
    """
    if is_dicom(content):
        return "DICOM"
    if content[4:8] == b"ftyp":
        brand = content[8:12]
        return _BRANDS.get(brand) or ("HEIC" if brand in _HEIC else None)
    for position, mark, name in _OTHERS:
        if content[position : position + len(mark)] == mark:
            return name
    return None


def is_lossy_webp(content: bytes) -> bool:
    """Is it a WebP whose pixels are only near those that were saved?

    Args:
        content: A file's bytes.

    Returns:
        False for a lossless one.
    """
    at = 12
    while at + 8 <= len(content):
        name = content[at : at + 4]
        if name in (b"VP8 ", b"VP8L"):
            return name == b"VP8 "
        size = int.from_bytes(content[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    return True
