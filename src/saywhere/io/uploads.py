"""What the service decodes of an upload, as plain functions of bytes, so that a child can."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from saywhere.io import clinic, grey, images
from saywhere.io.decode import decode_bytes
from saywhere.io.decoding_child import Decoding
from saywhere.io.decoding_pool import shared
from saywhere.io.labels import foreground


def read_image(content: bytes, channels: int, rule: grey.Grey = grey.DEFAULT) -> np.ndarray:
    """Decode an uploaded image in a child process.

    Args:
        content: All bytes of the file.
        channels: 1 (grey) or 3 (colour).
        rule: What black and white are where there are more than 8 bits.

    Returns:
        uint8 (height, width, channels), upright.

    Raises:
        UnreadableFile: It is no image that can be read within the limits.
    """
    _, (pixels,) = shared().run(f"{__name__}:image", content, channels=channels, rule=rule)
    return pixels


def read_picture(content: bytes, channels: int, rule: grey.Grey = grey.DEFAULT) -> clinic.Picture:
    """Decode an uploaded image in a child process, and tell where it lies.

    Args:
        content: All bytes of the file.
        channels: 1 (grey) or 3 (colour).
        rule: What black and white are where there are more than 8 bits.

    Returns:
        Its pixels (height, width, channels); the geometry of DICOM and NIfTI.

    Raises:
        UnreadableFile: It is no image that can be read within the limits.
    """
    pixels = read_image(content, channels, rule)
    if clinic.kind_of(content) is None:
        return clinic.Picture(pixels, None)
    return clinic.Picture(pixels, clinic.geometry_of(content, Path("image")))


def read_mask(content: bytes, name: str) -> np.ndarray:
    """Decode an uploaded mask in a child process.

    Args:
        content: All bytes of the file.
        name: How errors name it.

    Returns:
        bool (height, width).

    Raises:
        UnreadableFile: It is no mask that can be read within the limits.
    """
    _, (mask,) = shared().run(f"{__name__}:mask", content, name=name)
    return mask


def image(content: bytes, channels: int, rule: grey.Grey) -> Decoding:
    """Decode an image; the child calls it.

    Args:
        content: All bytes of the file.
        channels: 1 (grey) or 3 (colour).
        rule: What black and white are where there are more than 8 bits.

    Returns:
        No facts, and the pixels as `read_image` gives them.
    """
    # Not the sender's file name, which no message and no log may hold.
    place = Path("image")
    return {}, [images.image_pixels(decode_bytes(content, place), place, channels, rule)]


def mask(content: bytes, name: str) -> Decoding:
    """Decode a mask; the child calls it.

    Args:
        content: All bytes of the file.
        name: How errors name it.

    Returns:
        No facts, and the mask as `read_mask` gives it.
    """
    return {}, [foreground(images.stored_mask(content, Path(name)), Path(name))]


def nothing(content: bytes) -> Decoding:
    """Do nothing, in a child that is warm then.

    Args:
        content: Ignored.

    Returns:
        No facts and no arrays.
    """
    return {}, []
