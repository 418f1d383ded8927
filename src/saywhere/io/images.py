"""Images and masks as arrays: what each kind of file means, in one place."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from saywhere.errors import UnreadableFile, UsageError
from saywhere.io.decode import Decoded, NotFinite, WrongChannels, decode
from saywhere.io.files import writing

THRESHOLD = 128
BIT_DEPTHS = (8, 10, 12, 14, 16)
CHROMA_NOISE = 24  # largest difference between the channels of a grey picture after JPEG


def read_image(path: Path, channels: int = 3) -> NDArray[np.uint8]:
    """Read an image as uint8 (height, width, channels), channels 1 or 3, on the stored grid (`decode` says why EXIF does not turn it).

    16 bit: from [0, the smallest of 8, 10, 12, 14, 16 bits that holds the greatest value]. Float: from [0, 1] or [0, 255]. Palettes are looked up.
    An alpha channel is dropped when wholly opaque, else refused. Raises MissingFile, UnreadableFile.
    """
    return image_pixels(decode(path), Path(path), channels)


def image_pixels(decoded: Decoded, path: Path, channels: int = 3) -> NDArray[np.uint8]:
    """The same from an already decoded file."""
    if channels not in (1, 3):
        raise UsageError(
            f"channels is {channels}",
            allowed="an image is read with 1 or 3",
            remedy="choose 1 (grey) or 3 (colour)",
        )
    picture = _opaque(decoded.picture, path)
    if picture.mode not in ("L", "RGB"):
        picture = Image.fromarray(_deep_values(picture, path))
    return np.atleast_3d(np.asarray(picture.convert("L" if channels == 1 else "RGB")))


def read_mask(path: Path) -> NDArray[np.bool_]:
    """Read a mask as bool (height, width): 8 bit at 128, or above 0 where the greatest value is 1 (not in a JPEG, where 1 is noise).

    Raises MissingFile, UnreadableFile.
    """
    return to_mask(*mask_values(path))


def to_mask(values: NDArray[np.uint8], is_lossy: bool) -> NDArray[np.bool_]:
    """Grey values (height, width) → foreground."""
    is_binary = not is_lossy and values.size > 0 and int(values.max()) <= 1
    return values > 0 if is_binary else values >= THRESHOLD


def mask_values(path: Path) -> tuple[NDArray[np.uint8], bool]:
    """A mask's values before any threshold, uint8 (height, width), and whether JPEG noise is to be expected."""
    return _values(decode(path), Path(path))


def as_mask(decoded: Decoded, path: Path) -> NDArray[np.bool_]:
    """`read_mask` of an already decoded file."""
    return to_mask(*_values(decoded, path))


def _values(decoded: Decoded, path: Path) -> tuple[NDArray[np.uint8], bool]:
    is_lossy = decoded.format in ("JPEG", "MPO")
    return _grey_values(decoded.picture, path, CHROMA_NOISE if is_lossy else 0), is_lossy


def _grey_values(picture: Image.Image, path: Path, tolerance: int) -> NDArray[np.uint8]:
    if picture.mode == "P":
        colours = np.asarray(picture.convert("RGB"))
        return (
            colours[..., 0] if np.ptp(colours, axis=-1).max() == 0 else np.asarray(picture)
        )  # a coloured palette names labels by index
    picture = _opaque(picture, path)
    if picture.mode == "L":
        return np.asarray(picture)
    if picture.mode != "RGB":
        return _deep_values(picture, path)
    if np.ptp(np.asarray(picture), axis=-1).max() > tolerance:
        raise WrongChannels(
            "a coloured mask",
            where=path,
            allowed="a mask is grey, 0 and 255",
            remedy="save the label that is meant as 0/255",
        )
    return np.asarray(picture.convert("L"))


def _opaque(picture: Image.Image, path: Path) -> Image.Image:
    """Palettes looked up, opaque alpha dropped. Raises WrongChannels for a see-through image or a colour space that is not ours."""
    if picture.mode in ("1", "L", "RGB", "P", "PA") and (
        "transparency" in picture.info or picture.mode == "PA"
    ):
        picture = picture.convert("RGBA")
    if picture.mode in ("LA", "RGBA", "La", "RGBa"):
        if np.asarray(picture)[..., -1].min() < 255:
            raise WrongChannels(
                "a see-through image (alpha channel)",
                where=path,
                allowed="an image is opaque",
                remedy="flatten it and save it again",
            )
        return picture.convert("L" if picture.mode in ("LA", "La") else "RGB")
    if picture.mode == "1":
        return picture.convert("L")
    if picture.mode in ("P", "YCbCr"):
        return picture.convert("RGB")
    if picture.mode in ("L", "RGB", "F", "I") or picture.mode.startswith("I;16"):
        return picture
    raise WrongChannels(
        f"colour space {picture.mode}",
        where=path,
        allowed="an image is grey or RGB",
        remedy="convert it to RGB",
    )


def _deep_values(picture: Image.Image, path: Path) -> NDArray[np.uint8]:
    """16 and 32 bit integers and floats → uint8 (height, width)."""
    with np.errstate(invalid="ignore"):  # a signalling NaN; refused in the next line
        values = np.asarray(picture).astype(np.float64)
    if not np.isfinite(values).all():
        n_bad = int((~np.isfinite(values)).sum())
        raise NotFinite(
            f"{n_bad:,} NaN or infinite values",
            where=path,
            remedy="replace them, or export the file again",
        )
    low, high = float(values.min()), float(values.max())
    is_float = picture.mode == "F"
    if low < 0 or high > (255 if is_float else 65535):
        allowed = "floats are in [0, 1] or [0, 255]" if is_float else "integers are in [0, 65535]"
        raise UnreadableFile(
            f"values from {low:g} to {high:g}",
            where=path,
            allowed=allowed,
            remedy="rescale them, or save as 8-bit PNG",
        )
    whole = (
        (1 if high <= 1 else 255)
        if is_float
        else next(2**bits - 1 for bits in BIT_DEPTHS if high < 2**bits)
    )
    return np.rint(values * (255 / whole)).astype(np.uint8)


def resize_image(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """uint8 (height, width, channel) → uint8 (*size, channel), bilinear with antialiasing (Pillow's)."""
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    return np.atleast_3d(np.asarray(picture.resize(size[::-1], Image.Resampling.BILINEAR)))


def resize_mask(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """bool (height, width) → bool of `size`, nearest: no half-lesions."""
    return (
        np.asarray(
            Image.fromarray(mask.astype(np.uint8)).resize(size[::-1], Image.Resampling.NEAREST)
        )
        > 0
    )


def write_mask(path: Path, mask: NDArray[np.bool_]) -> None:
    """bool (height, width) → an 8-bit PNG of 0 and 255, atomically. Raises NotWritable."""
    write_image(path, np.where(mask, np.uint8(255), np.uint8(0)))


def write_image(path: Path, image: NDArray[np.uint8]) -> None:
    """uint8 (height, width), (height, width, 1) or (height, width, 3) → PNG, atomically. Raises NotWritable."""
    picture = Image.fromarray(image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image)
    with writing(path) as temporary, open(temporary, "wb") as file:
        picture.save(file, format="PNG")


def png_bytes(image: NDArray[np.uint8]) -> bytes:
    """uint8 (height, width) or (height, width, 3) → a PNG in memory."""
    written = BytesIO()
    Image.fromarray(image).save(written, format="PNG", compress_level=1)
    return written.getvalue()
