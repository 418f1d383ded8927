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
from saywhere.io.decode import Decoded


def as_image(picture: Any, channels: int = 3) -> NDArray[np.uint8]:
    """Whatever holds an image → uint8 (height, width, channel), channels 1 or 3.

    A path, a PIL image, an array (height, width[, channel]), or a torch tensor of that shape or (channel, height, width), on any device; arrays and
    tensors are uint8, or float in [0, 1]. Raises UsageError naming what was given, and what `read_image` raises.
    """
    if isinstance(picture, (str, PathLike)):
        return images.read_image(Path(picture), channels)
    if isinstance(picture, Image.Image):
        return images.image_pixels(
            Decoded(picture, picture.format or "", 1),
            Path(getattr(picture, "filename", "") or "the PIL image"),
            channels,
        )
    array = _array(picture, "an image")
    shape = array.shape
    array = array[..., None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[2] not in (1, 3) or not array.size:
        raise UsageError(f"an image of shape {shape}", allowed="(height, width), (height, width, 1) or (height, width, 3)",
                         remedy="put the channel last" if len(shape) == 3 else "give one image at a time")  # fmt: skip
    if array.dtype != np.uint8:
        if (
            not np.issubdtype(array.dtype, np.floating)
            or not np.isfinite(array).all()
            or array.min() < 0
            or array.max() > 1
        ):
            raise UsageError(
                f"an image of type {array.dtype}",
                allowed="uint8, or float with values in [0, 1]",
                remedy="scale it to [0, 1] first",
            )
        array = (array * 255).round().astype(np.uint8)
    if array.shape[2] == channels:
        return array
    return (
        np.repeat(array, 3, axis=2)
        if channels == 3
        else np.asarray(Image.fromarray(array).convert("L"))[..., None]
    )


def as_mask(picture: Any) -> NDArray[np.bool_]:
    """Whatever holds a mask → bool (height, width): a path, a PIL image, an array or tensor of two values, 0 and 1 or 0 and 255, with or without a channel.

    Raises UsageError naming what was given, and what `read_mask` raises.
    """
    if isinstance(picture, (str, PathLike)):
        return images.read_mask(Path(picture))
    if isinstance(picture, Image.Image):
        return images.as_mask(
            Decoded(picture, picture.format or "", 1),
            Path(getattr(picture, "filename", "") or "the PIL image"),
        )
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
    if array.dtype.kind not in "uif" or (
        not np.isin(array, (0, 1)).all() and not np.isin(array, (0, 255)).all()
    ):
        raise UsageError(f"a mask of type {array.dtype} that has other values than two", allowed="bool, 0 and 1, or 0 and 255",
                         remedy="say which label is meant: labels == 2")  # fmt: skip
    return array > 0


def _array(picture: Any, noun: str) -> NDArray[Any]:
    """Of an array, or of a torch tensor with its channel put last. Raises UsageError for another kind of thing."""
    if isinstance(picture, np.ndarray):
        return picture
    if not hasattr(picture, "detach"):
        raise UsageError(f"{noun} is a {type(picture).__name__}", allowed="a path, a PIL image, a NumPy array or a torch tensor",
                         remedy="one at a time; segment_many takes several")  # fmt: skip
    tensor = picture.detach().cpu()
    array = (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    return np.moveaxis(array, 0, -1) if array.ndim == 3 and array.shape[0] in (1, 3) else array
