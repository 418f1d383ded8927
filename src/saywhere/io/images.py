"""Images and masks as arrays: what each kind of file means, in one place."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from saywhere.errors import UsageError
from saywhere.io import clinic, colour, grey
from saywhere.io.channels import of_channels
from saywhere.io.decode import (
    Decoded,
    WrongChannels,
    decode,
    decode_bytes,
    read_bytes,
    see_through,
)
from saywhere.io.files import writing
from saywhere.io.labels import StoredMask, foreground
from saywhere.io.orientation import TAG, as_stored
from saywhere.io.palettes import mask_of_palette

CHROMA_NOISE = 24  # largest difference between the channels of a grey picture after JPEG


def read_image(path: Path, channels: int = 3, rule: grey.Grey = grey.DEFAULT) -> NDArray[np.uint8]:
    """Read an image.

    8 bits stay as they are. More bits, signed integers and floats are brought to 8 by a rule of
    `saywhere.io.grey`. Palettes are looked up, CMYK becomes RGB. An alpha channel is dropped when
    it is wholly opaque, else refused.

    Args:
        path: A PNG, JPEG, TIFF, BMP, GIF or WebP of one frame.
        channels: 1 (grey) or 3 (colour).
        rule: What black and white are where there are more than 8 bits; a model's `data.grey`.

    Returns:
        uint8 (height, width, channels), upright.

    Raises:
        MissingFile: There is no such file.
        UnreadableFile: It is no image that can be read.
    """
    return image_pixels(decode(path), Path(path), channels, rule)


def image_pixels(
    decoded: Decoded, path: Path, channels: int = 3, rule: grey.Grey = grey.DEFAULT
) -> NDArray[np.uint8]:
    """An image's pixels, as `read_image` gives them, of a file that is decoded already.

    Args:
        decoded: The picture.
        path: How errors name it.
        channels: 1 (grey) or 3 (colour).
        rule: What black and white are where there are more than 8 bits.

    Returns:
        uint8 (height, width, channels).

    Raises:
        UsageError: `channels` is neither, or there is no such rule.
        UnreadableFile: The picture is neither grey nor colour, or holds values of no known range.
    """
    return of_channels(own_pixels(decoded, path, channels, rule), channels)


def own_pixels(
    decoded: Decoded, path: Path, channels: int = 3, rule: grey.Grey = grey.DEFAULT
) -> NDArray[np.uint8]:
    """An image's pixels, grey ones as one channel: what is done to them costs a third.

    Args:
        decoded: The picture.
        path: How errors name it.
        channels: The most, as `image_pixels` takes it.
        rule: What black and white are where there are more than 8 bits.

    Returns:
        uint8 (height, width, 1) of a grey picture, else (height, width, channels).

    Raises:
        UsageError: As `image_pixels`.
        UnreadableFile: As `image_pixels`.
    """
    if channels not in (1, 3):
        raise UsageError(
            f"channels is {channels}",
            allowed="an image is read with 1 or 3",
            remedy="choose 1 (grey) or 3 (colour)",
        )
    grey.check_rule(rule)
    picture = _opaque(decoded.picture, path)
    if isinstance(picture, np.ndarray):
        pixels = grey.to_bytes(
            picture,
            path,
            grey=rule,
            stated=decoded.stated,
            is_inverted=decoded.is_inverted,
        )
        picture = Image.fromarray(pixels)
    # Pillow's `convert` copies a picture that has the mode already.
    shown = picture if picture.mode == "L" or channels == 3 else picture.convert("L")
    # Pillow gives a grey picture no channel axis.
    return np.atleast_3d(np.asarray(shown))


def read_mask(path: Path) -> NDArray[np.bool_]:
    """Read a mask.

    Args:
        path: A PNG, JPEG, TIFF, BMP, GIF or WebP of one frame.

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
        path: An image file of one frame, or a DICOM SEG or NIfTI mask of one slice.

    Returns:
        Its values as stored.

    Raises:
        MissingFile: There is no such file.
        UnreadableFile: It is no mask that can be read.
    """
    return stored_mask(read_bytes(Path(path)), Path(path))


def stored_mask(content: bytes, path: Path) -> StoredMask:
    """A mask's values, of a file's content that is in memory, as an upload is.

    Args:
        content: All bytes of the file. A DICOM SEG's values are the segments' numbers.
        path: How errors name it.

    Returns:
        Its values as stored.

    Raises:
        MissingExtra: It is DICOM or NIfTI, and its library is not installed.
        UnreadableFile: It is no mask that can be read.
    """
    if clinic.kind_of(content) is None:
        decoded = decode_bytes(content, path)
        return replace(_stored(decoded, path), orientation=decoded.orientation)
    labels = clinic.read_one_of_labels(content, path)
    return of_labels(labels)


def of_labels(labels: clinic.Labels) -> StoredMask:
    """A mask of a DICOM or NIfTI file before any rule.

    Args:
        labels: One frame or slice.

    Returns:
        Its values as stored.
    """
    values = labels.values
    is_narrow = values.size > 0 and values.min() >= 0 and values.max() <= 255
    shown = values.astype(np.uint8) if is_narrow else np.uint8(255) * (values != 0)
    stored = shown if is_narrow else values.astype(np.int64)
    # Labels are numbers there, never soft edges, unless the file was compressed with loss.
    return StoredMask(
        stored,
        shown,
        is_lossy=labels.is_lossy,
        may_be_soft=False,
        segments=labels.segments,
        segment_names=labels.names,
    )


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


def write_mask(path: Path, mask: NDArray[np.bool_]) -> None:
    """Write a mask as an 8-bit PNG of 0 and 255, atomically.

    Args:
        path: Where.
        mask: bool (height, width).

    Raises:
        NotWritable: The disk is full, or the folder takes no files.
    """
    write_image(path, np.where(mask, np.uint8(255), np.uint8(0)))


def write_image(path: Path, image: NDArray[np.uint8], compress_level: int = 6) -> None:
    """Write an image as a PNG, atomically.

    Args:
        path: Where.
        image: uint8 (height, width), (height, width, 1) or (height, width, 3).
        compress_level: zlib's, 0 to 9; the pixels are the same at each.

    Raises:
        NotWritable: The disk is full, or the folder takes no files.
    """
    picture = Image.fromarray(_without_single_channel(image))
    with writing(path) as temporary, open(temporary, "wb") as file:
        picture.save(file, format="PNG", compress_level=compress_level)


def png_bytes(image: NDArray[np.uint8], orientation: int = 1) -> bytes:
    """Encode an image as a PNG in memory.

    Args:
        image: uint8 (height, width) or (height, width, 3), upright.
        orientation: EXIF's, by which the pixels are stored turned; readers turn them back.

    Returns:
        The file's content.
    """
    stream = BytesIO()
    # The lowest compression: an answer of the service waits for it.
    stored = Image.fromarray(as_stored(image, orientation))
    exif = Image.Exif()
    if orientation != 1:
        exif[TAG] = orientation
    stored.save(stream, format="PNG", compress_level=1, exif=exif)
    return stream.getvalue()


def _without_single_channel(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(height, width) of a grey image, which Pillow takes no channel of."""
    return image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image


def _stored(decoded: Decoded, path: Path) -> StoredMask:
    """A mask's values, of any kind of picture."""
    if isinstance(decoded.picture, Image.Image) and decoded.picture.mode == "P":
        return mask_of_palette(decoded.picture)
    picture = _opaque(decoded.picture, path)
    if isinstance(picture, np.ndarray):
        return _of_deep_values(picture, path, decoded)
    if decoded.is_lossy:
        pixels = _lossy_grey(picture, path)
        return StoredMask(pixels, pixels, is_lossy=True)
    if picture.mode == "RGB":
        return _of_colours(np.asarray(picture))
    pixels = np.asarray(picture)
    # Pillow stretches 2 and 4 bits to 8; the labels are the numbers that were stored.
    white = 2**decoded.n_bits - 1
    return StoredMask(pixels // np.uint8(255 // white), pixels, white=white)


def _of_colours(colours: NDArray[np.uint8]) -> StoredMask:
    if np.ptp(colours, axis=-1).max() == 0:
        grey = colours[..., 0]
        return StoredMask(grey, grey)
    red, green, blue = np.moveaxis(colours.astype(np.int32), -1, 0)
    labels = (red << 16) | (green << 8) | blue
    return StoredMask(labels, colours[..., 0], is_coloured=True, may_be_soft=False)


def _of_deep_values(values: NDArray[Any], path: Path, decoded: Decoded) -> StoredMask:
    """More than 8 bits. Scaled to 8 bit, labels such as 1000 and 1001 would be one."""
    if values.ndim == 3:
        values = _one_channel(values, path)
    pixels = grey.to_bytes(values, path, grey="maximum", is_inverted=decoded.is_inverted)
    if decoded.is_lossy:
        return StoredMask(pixels, pixels, is_lossy=True)
    if decoded.is_inverted:
        return StoredMask(pixels, pixels)
    if values.dtype.kind == "f" and (values != np.rint(values)).any():
        # Zero and one other value, however small, are a mask; more are probabilities.
        is_binary = len(np.unique(values[values != 0][:: values.size // 4096 + 1])) == 1
        others = values[values != 0]
        is_binary = is_binary and bool((others == others[0]).all())
        return StoredMask(np.uint8(255) * (values != 0) if is_binary else pixels, pixels)
    return StoredMask(values.astype(np.int64), pixels)


def _one_channel(values: NDArray[Any], path: Path) -> NDArray[Any]:
    """Grey of colours whose channels are equal; WrongChannels for others."""
    if (values != values[..., :1]).any():
        raise WrongChannels(
            f"a coloured mask of {8 * values.dtype.itemsize} bits a channel",
            where=path,
            allowed="a mask has black background and one other colour, of 8 bits",
            remedy="save the label that is meant as 0 and 255",
        )
    return values[..., 0]


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


def _opaque(picture: Image.Image | NDArray[Any], path: Path) -> Image.Image | NDArray[Any]:
    """The picture with palettes looked up and opaque alpha dropped; deep ones as an array.

    WrongChannels for a see-through image, or a colour space that is not ours.
    """
    if isinstance(picture, np.ndarray):
        return _without_alpha(picture, path)
    has_alpha = "transparency" in picture.info or picture.mode == "PA"
    if has_alpha and picture.mode in ("1", "L", "RGB", "P", "PA"):
        picture = picture.convert("RGBA")
    if picture.mode in ("LA", "RGBA", "La", "RGBa"):
        if np.asarray(picture)[..., -1].min() < 255:
            raise see_through(path)
        return picture.convert("L" if picture.mode in ("LA", "La") else "RGB")
    if picture.mode == "1":
        return picture.convert("L")
    if picture.mode in ("P", "YCbCr"):
        return picture.convert("RGB")
    if picture.mode == "CMYK":
        return colour.rgb_of_cmyk(picture, path)
    if picture.mode in ("L", "RGB"):
        return picture
    if picture.mode in ("F", "I") or picture.mode.startswith("I;16"):
        return np.asarray(picture)
    raise WrongChannels(
        f"colour space {picture.mode}",
        where=path,
        allowed="an image is grey, RGB or CMYK",
        remedy="convert it to RGB",
    )


def _without_alpha(values: NDArray[Any], path: Path) -> NDArray[Any]:
    """(height, width) or (height, width, 3) of deep values with or without opaque alpha."""
    if values.ndim == 2:
        return values
    n_channels = values.shape[-1]
    if n_channels in (2, 4):
        # Opaque is all that the type can hold; of floats, 1.
        opaque = np.iinfo(values.dtype).max if values.dtype.kind in "ui" else 1
        if (values[..., -1] != opaque).any():
            raise see_through(path)
        values = values[..., :-1]
    return values[..., 0] if values.shape[-1] == 1 else values
