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
from saywhere.io.labels import StoredMask, foreground

BIT_DEPTHS = (8, 10, 12, 14, 16)
CHROMA_NOISE = 24  # largest difference between the channels of a grey picture after JPEG


def read_image(path: Path, channels: int = 3) -> NDArray[np.uint8]:
    """Read an image.

    16 bit is read from [0, the smallest of 8, 10, 12, 14, 16 bits that holds the greatest value],
    float from [0, 1] or [0, 255]. Palettes are looked up. An alpha channel is dropped when it is
    wholly opaque, else refused.

    Args:
        path: A PNG, JPEG, TIFF or BMP.
        channels: 1 (grey) or 3 (colour).

    Returns:
        uint8 (height, width, channels), upright.

    Raises:
        MissingFile: There is no such file.
        UnreadableFile: It is no image that can be read.
    """
    return image_pixels(decode(path), Path(path), channels)


def image_pixels(decoded: Decoded, path: Path, channels: int = 3) -> NDArray[np.uint8]:
    """An image's pixels, as `read_image` gives them, of a file that is decoded already.

    Args:
        decoded: The picture.
        path: How errors name it.
        channels: 1 (grey) or 3 (colour).

    Returns:
        uint8 (height, width, channels).

    Raises:
        UsageError: `channels` is neither.
        UnreadableFile: The picture is neither grey nor colour, or holds values of no known range.
    """
    if channels not in (1, 3):
        raise UsageError(
            f"channels is {channels}",
            allowed="an image is read with 1 or 3",
            remedy="choose 1 (grey) or 3 (colour)",
        )
    picture = _opaque(decoded.picture, path)
    if picture.mode not in ("L", "RGB"):
        picture = Image.fromarray(_deep_values(picture, path, decoded.is_inverted))
    # Pillow gives a grey picture no channel axis.
    return np.atleast_3d(np.asarray(picture.convert("L" if channels == 1 else "RGB")))


def read_mask(path: Path) -> NDArray[np.bool_]:
    """Read a mask.

    Args:
        path: A PNG, JPEG, TIFF or BMP.

    Returns:
        bool (height, width); `saywhere.io.labels` says which values are foreground.

    Raises:
        MissingFile: There is no such file.
        UnreadableFile: It is no mask that can be read, or a label map.
    """
    return foreground(mask_values(path), Path(path))


def mask_values(path: Path) -> StoredMask:
    """Read a mask before any rule says which values are foreground.

    Args:
        path: A PNG, JPEG, TIFF or BMP.

    Returns:
        Its values as stored.

    Raises:
        MissingFile: There is no such file.
        UnreadableFile: It is no mask that can be read.
    """
    return _stored(decode(path), Path(path))


def as_mask(decoded: Decoded, path: Path) -> NDArray[np.bool_]:
    """A mask, as `read_mask` gives it, of a file that is decoded already.

    Args:
        decoded: The picture.
        path: How errors name it.

    Returns:
        bool (height, width).

    Raises:
        UnreadableFile: The picture is no mask, or a label map.
    """
    return foreground(_stored(decoded, path), path)


def resize_image(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize an image, bilinear with antialiasing (Pillow's).

    Args:
        image: uint8 (height, width, channel).
        size: The new (height, width).

    Returns:
        uint8 (*size, channel).
    """
    picture = Image.fromarray(_without_single_channel(image))
    # Pillow names the width first.
    return np.atleast_3d(np.asarray(picture.resize(size[::-1], Image.Resampling.BILINEAR)))


def resize_mask(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Resize a mask by the nearest pixel, so that there are no half lesions.

    Args:
        mask: bool (height, width).
        size: The new (height, width).

    Returns:
        bool of `size`.
    """
    picture = Image.fromarray(mask.astype(np.uint8))
    return np.asarray(picture.resize(size[::-1], Image.Resampling.NEAREST)) > 0


def write_mask(path: Path, mask: NDArray[np.bool_]) -> None:
    """Write a mask as an 8-bit PNG of 0 and 255, atomically.

    Args:
        path: Where.
        mask: bool (height, width).

    Raises:
        NotWritable: The disk is full, or the folder takes no files.
    """
    write_image(path, np.where(mask, np.uint8(255), np.uint8(0)))


def write_image(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an image as a PNG, atomically.

    Args:
        path: Where.
        image: uint8 (height, width), (height, width, 1) or (height, width, 3).

    Raises:
        NotWritable: The disk is full, or the folder takes no files.
    """
    picture = Image.fromarray(_without_single_channel(image))
    with writing(path) as temporary, open(temporary, "wb") as file:
        picture.save(file, format="PNG")


def png_bytes(image: NDArray[np.uint8]) -> bytes:
    """Encode an image as a PNG in memory.

    Args:
        image: uint8 (height, width) or (height, width, 3).

    Returns:
        The file's content.
    """
    stream = BytesIO()
    # The lowest compression: an answer of the service waits for it.
    Image.fromarray(image).save(stream, format="PNG", compress_level=1)
    return stream.getvalue()


def _without_single_channel(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(height, width) of a grey image, which Pillow takes no channel of."""
    return image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image


def _stored(decoded: Decoded, path: Path) -> StoredMask:
    """A mask's values, of any kind of picture."""
    if decoded.picture.mode == "P":
        return _of_palette(decoded.picture)
    picture = _opaque(decoded.picture, path)
    if decoded.format in ("JPEG", "MPO"):
        grey = _lossy_grey(picture, path)
        return StoredMask(grey, grey, is_lossy=True)
    if picture.mode == "RGB":
        return _of_colours(np.asarray(picture))
    if picture.mode == "L":
        grey = np.asarray(picture)
        return StoredMask(grey, grey)
    return _of_deep_values(picture, path, decoded.is_inverted)


def _of_palette(picture: Image.Image) -> StoredMask:
    """Labels are indices, whatever grey or colour the palette shows them in.

    The exception is a picture of black and white alone: programs that shrink PNGs put white first,
    and a person sees which of the two is the background.
    """
    indices = np.asarray(picture)
    colours = np.asarray(picture.convert("RGB"))
    is_grey = np.ptp(colours, axis=-1).max() == 0
    if is_grey and set(np.unique(colours).tolist()) <= {0, 255}:
        is_index_0_black = not colours[indices == 0].any() and (indices == 0).any()
        shown = indices if is_index_0_black else colours[..., 0]
        return StoredMask(shown, shown, may_be_soft=False)
    # An antialiased mask that was saved with the palette of plain greys is what it was as grey.
    is_plain_grey = bool((colours == indices[..., None]).all())
    return StoredMask(indices, indices, may_be_soft=is_plain_grey)


def _of_colours(colours: NDArray[np.uint8]) -> StoredMask:
    if np.ptp(colours, axis=-1).max() == 0:
        grey = colours[..., 0]
        return StoredMask(grey, grey)
    red, green, blue = np.moveaxis(colours.astype(np.int32), -1, 0)
    labels = (red << 16) | (green << 8) | blue
    return StoredMask(labels, colours[..., 0], is_coloured=True, may_be_soft=False)


def _of_deep_values(picture: Image.Image, path: Path, is_inverted: bool) -> StoredMask:
    """16 and 32 bit. Scaled to 8 bit, labels such as 1000 and 1001 would be one."""
    grey = _deep_values(picture, path, is_inverted)
    if picture.mode == "F" or is_inverted:
        return StoredMask(grey, grey)
    return StoredMask(np.asarray(picture).astype(np.int64), grey)


def _lossy_grey(picture: Image.Image, path: Path) -> NDArray[np.uint8]:
    """uint8 (height, width); WrongChannels where channels differ by more than noise."""
    if picture.mode == "RGB" and np.ptp(np.asarray(picture), axis=-1).max() > CHROMA_NOISE:
        raise WrongChannels(
            "a coloured mask",
            where=path,
            allowed="a mask is grey, 0 and 255",
            remedy="save the label that is meant as 0/255",
        )
    return np.asarray(picture.convert("L"))


def _opaque(picture: Image.Image, path: Path) -> Image.Image:
    """The picture with palettes looked up and opaque alpha dropped.

    WrongChannels for a see-through image, or a colour space that is not ours.
    """
    has_alpha = "transparency" in picture.info or picture.mode == "PA"
    if has_alpha and picture.mode in ("1", "L", "RGB", "P", "PA"):
        picture = picture.convert("RGBA")
    if picture.mode in ("LA", "RGBA", "La", "RGBa"):
        # What shows through depends on the viewer's background, so there is no one right picture.
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


def _deep_values(picture: Image.Image, path: Path, is_inverted: bool) -> NDArray[np.uint8]:
    """16 and 32 bit integers and floats → uint8 (height, width), 0 black."""
    with np.errstate(invalid="ignore"):  # a signalling NaN; refused in the next line
        # float64 holds every 32-bit integer exactly; float32 does not.
        values = np.asarray(picture).astype(np.float64)
    if not np.isfinite(values).all():
        n_bad = int((~np.isfinite(values)).sum())
        raise NotFinite(
            f"{n_bad:,} NaN or infinite values",
            where=path,
            remedy="replace them, or export the file again",
        )
    white = _white(values, path, is_float=picture.mode == "F")
    grey = np.rint(values * (255 / white)).astype(np.uint8)
    return np.uint8(255) - grey if is_inverted else grey


def _white(values: NDArray[np.float64], path: Path, *, is_float: bool) -> int:
    """The value that stands for white, by the range in use; UnreadableFile where none fits."""
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > (255 if is_float else 65535):
        allowed = "floats are in [0, 1] or [0, 255]" if is_float else "integers are in [0, 65535]"
        raise UnreadableFile(
            f"values from {low:g} to {high:g}",
            where=path,
            allowed=allowed,
            remedy="rescale them, or save as 8-bit PNG",
        )
    if is_float:
        # A float file does not say its range, so the values have to.
        return 1 if high <= 1 else 255
    # Scanners store 10, 12 or 14 bits in 16, which would look black if read as 16.
    return next(2**bits - 1 for bits in BIT_DEPTHS if high < 2**bits)
