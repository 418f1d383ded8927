"""What a caller hands over: a path, a PIL image, an array or a tensor, as one kind of array."""

from __future__ import annotations

import logging
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from saywhere.errors import UsageError
from saywhere.io import clinic, grey, images
from saywhere.io.channels import of_channels
from saywhere.io.decode import Decoded, decode, from_pillow
from saywhere.io.geometry import Geometry
from saywhere.phases import phase

log = logging.getLogger("saywhere")


def as_image(picture: Any, channels: int = 3, rule: grey.Grey = grey.DEFAULT) -> NDArray[np.uint8]:
    """Bring anything that holds an image into one form.

    An array is read as a file of the same values is, or refused with the same words.

    Args:
        picture: A path, a PIL image, an array (height, width[, channel]), or a torch tensor of
            that shape or (channel, height, width), on any device. One channel is grey, two are
            grey and alpha, three RGB, four RGB and alpha. uint8 stays as it is.
        channels: 1 (grey) or 3 (colour).
        rule: What black and white are where there are more than 8 bits; a model's `data.grey`.

    Returns:
        uint8 (height, width, channels).

    Raises:
        UsageError: It is something else; the error names what was given.
        MissingFile: There is no file of that name.
        UnreadableFile: The file, or the array, is no image that can be read.
    """
    return of_channels(_own_pixels(picture, channels, rule), channels)


def _own_pixels(picture: Any, channels: int, rule: grey.Grey) -> NDArray[np.uint8]:
    """A picture as `as_image` takes it; grey ones have one channel."""
    if isinstance(picture, (str, PathLike)):
        return _pixels(decode(Path(picture)), Path(picture), channels, rule)
    if isinstance(picture, Image.Image):
        return _pixels(from_pillow(picture), _name(picture), channels, rule)
    array = _array(picture, "an image")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] > 4) or not array.size:
        remedy = "put the channel last" if array.ndim == 3 else "give one image at a time"
        raise UsageError(
            f"an image of shape {array.shape}",
            allowed="(height, width), or (height, width, channel) with 1 to 4 channels",
            remedy=remedy,
        )
    return _pixels(_decoded(array, "an image"), Path("the array"), channels, rule)


@phase("decode")
def as_located(
    picture: Any, channels: int = 3, rule: grey.Grey = grey.DEFAULT
) -> tuple[NDArray[np.uint8], Geometry | None]:
    """Bring anything that holds an image into one form, and tell where it lies.

    Args:
        picture: As `as_image` takes it, or a `clinic.Picture`: a slice of a volume.
        channels: 1 (grey) or 3 (colour).
        rule: What black and white are where there are more than 8 bits; a model's `data.grey`.

    Returns:
        uint8 (height, width, channels), or (height, width, 1) of a grey picture; and its geometry,
        None where it is a plain picture.

    Raises:
        UsageError: As `as_image`.
        MissingFile: As `as_image`.
        UnreadableFile: As `as_image`.
    """
    if isinstance(picture, clinic.Picture):
        most = min(channels, picture.pixels.shape[-1])
        return of_channels(picture.pixels, most), picture.geometry
    if isinstance(picture, (str, PathLike)):
        decoded = decode(Path(picture))
        return _pixels(decoded, Path(picture), channels, rule), decoded.geometry
    return _own_pixels(picture, channels, rule), None


def notes_of(decoded: Decoded, pixels: NDArray[np.uint8]) -> tuple[str, ...]:
    """Say what a reader would not expect of a picture.

    Args:
        decoded: The picture.
        pixels: Of it, from `own_pixels`.

    Returns:
        The file's own notes, and whether a deep picture of one value has become black.
    """
    if pixels.any():
        return decoded.notes
    stored = np.asarray(decoded.picture)
    is_deep = stored.dtype != np.uint8 and stored.dtype != np.bool_
    if not is_deep or not stored.any():
        return decoded.notes
    return (
        *decoded.notes,
        f"all its pixels have the value {stored.flat[0]:g}: it is read as black",
    )


def _pixels(decoded: Decoded, path: Path, channels: int, rule: grey.Grey) -> NDArray[np.uint8]:
    """Read a picture, and log what a caller would not expect of it."""
    pixels = images.own_pixels(decoded, path, channels, rule)
    for note in notes_of(decoded, pixels):
        log.warning("%s: %s", path, note)
    return pixels


def as_mask(picture: Any) -> NDArray[np.bool_]:
    """Bring anything that holds a mask into one form.

    An array is read as a file of the same values is, or refused with the same words.

    Args:
        picture: A path, a PIL image, or an array or tensor of two values, 0 and 1, 0 and 255 or
            0 and one other, with or without channels.

    Returns:
        bool (height, width).

    Raises:
        UsageError: It is something else; the error names what was given.
        MissingFile: There is no file of that name.
        UnreadableFile: The file, or the array, is no mask that can be read.
    """
    if isinstance(picture, (str, PathLike)):
        return images.read_mask(Path(picture))
    if isinstance(picture, Image.Image):
        return images.as_mask(from_pillow(picture), _name(picture))
    array = _array(picture, "a mask")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] > 4) or not array.size:
        raise UsageError(
            f"a mask of shape {array.shape}",
            allowed="(height, width), or (height, width, channel) with 1 to 4 channels",
            remedy="give one mask at a time",
        )
    return images.as_mask(_decoded(array, "a mask"), Path("the array"))


def _decoded(array: NDArray[Any], noun: str) -> Decoded:
    """The array as a file of its values would be decoded."""
    array = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if array.dtype == np.bool_ and array.ndim == 2:
        return Decoded(Image.fromarray(array), "")
    if array.dtype == np.uint8:
        # Grey, LA, RGB or RGBA, by the number of channels.
        return Decoded(Image.fromarray(np.ascontiguousarray(array)), "")
    # Longer floats than 64 bits are in no file.
    if array.dtype.kind not in "uif" or array.dtype.itemsize > 8:
        raise UsageError(
            f"{noun} of type {array.dtype} and shape {array.shape}",
            allowed="integers or floats of up to 64 bits, or bool (height, width)",
            remedy="convert it: array.astype(numpy.uint8)",
        )
    # In this machine's order of bytes, as the readers of files give it.
    return Decoded(array.astype(array.dtype.newbyteorder("=")), "")


def _name(picture: Image.Image) -> Path:
    """How errors name a PIL image."""
    return Path(getattr(picture, "filename", "") or "the PIL image")


def _array(picture: Any, noun: str) -> NDArray[Any]:
    """The array, or the torch tensor with its channel put last; UsageError for anything else."""
    if isinstance(picture, np.ndarray):
        return picture
    # A torch tensor is known by its method, so that arrays alone cost no import of torch.
    if not hasattr(picture, "detach"):
        raise UsageError(
            f"{noun} is a {type(picture).__name__}",
            allowed="a path, a PIL image, a NumPy array or a torch tensor",
            remedy="one at a time; segment_many takes several",
        )
    tensor = picture.detach().cpu()
    # NumPy knows neither bfloat16 nor floats of 8 bits.
    is_short = tensor.is_floating_point() and tensor.element_size() < 4
    array = (tensor.float() if is_short else tensor).numpy()
    return np.moveaxis(array, 0, -1) if _is_channel_first(array.shape) else array


def _is_channel_first(shape: tuple[int, ...]) -> bool:
    """PyTorch puts the channel first. Hardly any image is one or three pixels high."""
    if len(shape) != 3:
        return False
    return shape[0] in (1, 3) or (shape[0] in (2, 4) and shape[2] > 4)
