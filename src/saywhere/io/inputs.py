"""What a caller hands over: a path, a PIL image, an array or a tensor, as one kind of array."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from saywhere.errors import UsageError
from saywhere.io import images
from saywhere.io.decode import from_pillow
from saywhere.io.labels import WHOLE


def as_image(picture: Any, channels: int = 3) -> NDArray[np.uint8]:
    """Bring anything that holds an image into one form.

    Args:
        picture: A path, a PIL image, an array (height, width[, channel]), or a torch tensor of
            that shape or (channel, height, width), on any device. Arrays and tensors are uint8, or
            float in [0, 1].
        channels: 1 (grey) or 3 (colour).

    Returns:
        uint8 (height, width, channels).

    Raises:
        UsageError: It is something else; the error names what was given.
        MissingFile: There is no file of that name.
        UnreadableFile: The file is no image that can be read.
    """
    if isinstance(picture, (str, PathLike)):
        return images.read_image(Path(picture), channels)
    if isinstance(picture, Image.Image):
        return images.image_pixels(from_pillow(picture), _name(picture), channels)
    array = _array(picture, "an image")
    shape = array.shape
    array = array[..., None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[2] not in (1, 3) or not array.size:
        remedy = "put the channel last" if len(shape) == 3 else "give one image at a time"
        raise UsageError(
            f"an image of shape {shape}",
            allowed="(height, width), (height, width, 1) or (height, width, 3)",
            remedy=remedy,
        )
    return _with_channels(_in_bytes(array), channels)


def as_mask(picture: Any) -> NDArray[np.bool_]:
    """Bring anything that holds a mask into one form.

    Args:
        picture: A path, a PIL image, or an array or tensor of two values, 0 and 1, 0 and 255 or
            0 and one other, with or without a channel.

    Returns:
        bool (height, width).

    Raises:
        UsageError: It is something else; the error names what was given.
        MissingFile: There is no file of that name.
        UnreadableFile: The file is no mask that can be read.
    """
    if isinstance(picture, (str, PathLike)):
        return images.read_mask(Path(picture))
    if isinstance(picture, Image.Image):
        return images.as_mask(from_pillow(picture), _name(picture))
    array = _array(picture, "a mask")
    shape = array.shape
    array = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if array.ndim != 2 or not array.size:
        raise UsageError(
            f"a mask of shape {shape}",
            allowed="(height, width) or (height, width, 1)",
            remedy="give one mask at a time, and one channel of it",
        )
    if array.dtype == np.bool_:
        return array
    # A map of several labels would else become one region of them all.
    if array.dtype.kind not in "uif" or not _has_two_values(array):
        raise UsageError(
            f"a mask of type {array.dtype} that has other values than two",
            allowed="bool, 0 and 1, 0 and 255, or 0 and one other value",
            remedy="say which label is meant: labels == 2",
        )
    return array > 0


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
    # NumPy knows no bfloat16, so that every float goes through float32.
    array = (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    # PyTorch puts the channel first. Hardly any image is one or three pixels high.
    is_channel_first = array.ndim == 3 and array.shape[0] in (1, 3)
    return np.moveaxis(array, 0, -1) if is_channel_first else array


def _in_bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    """uint8 as it is, float in [0, 1] scaled to it; UsageError for anything else."""
    if array.dtype == np.uint8:
        return array
    if not np.issubdtype(array.dtype, np.floating) or not _is_in_unit_range(array):
        raise UsageError(
            f"an image of type {array.dtype}",
            allowed="uint8, or float with values in [0, 1]",
            remedy="scale it to [0, 1] first",
        )
    # Rounded, since a cut would not give uint8 / 255 its own numbers back.
    return (array * 255).round().astype(np.uint8)


def _is_in_unit_range(array: NDArray[Any]) -> bool:
    return bool(np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1)


def _has_two_values(array: NDArray[Any]) -> bool:
    """0 and one greater value, as in files; 1 or 255 alone are a whole picture of foreground."""
    values = np.unique(array)
    if len(values) == 1:
        return values[0] in (0, *WHOLE)
    # Infinity is a mistake of the caller's, no label; NaN is greater than nothing.
    return bool(len(values) == 2 and values[0] == 0 and 0 < values[1] < np.inf)


def _with_channels(array: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    if array.shape[2] == channels:
        return array
    if channels == 3:
        return np.repeat(array, 3, axis=2)
    # By Pillow's weights, so that an array and its file give the same grey.
    return np.asarray(Image.fromarray(array).convert("L"))[..., None]
