"""What the service decodes of an upload, as plain functions of bytes, so that a child can."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from saywhere.io import clinic, clinic_jobs, deep_jpeg, deep_tiff, grey, images
from saywhere.io.bounds import refuse_excess
from saywhere.io.decode import decode_bytes
from saywhere.io.decoding_child import Decoding
from saywhere.io.decoding_pool import shared
from saywhere.io.image_formats import FORMATS, sniff
from saywhere.io.labels import foreground
from saywhere.io.limits import MAX_PIXELS

PLACE = Path("image")
"""Not the sender's file name, which no message and no log may hold."""


def count_pixels(content: bytes) -> int:
    """Count the pixels that an upload claims to have, by its header alone.

    Args:
        content: All bytes of the file.

    Returns:
        Height × width, of DICOM and NIfTI all their values; MAX_PIXELS at most, since more are
        refused before anything is decoded, and where the header does not tell.

    Raises:
        UnreadableFile: It claims more work than any honest file.
    """
    if sniff(content) != "PNG":
        facts, _ = shared().run(f"{__name__}:stated_pixels", content)
        return min(int(facts["n_pixels"]), MAX_PIXELS)
    # It says so at a fixed place: no child is asked.
    refuse_excess(content, PLACE)
    width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    return min(width * height, MAX_PIXELS)


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
    return clinic.Picture(pixels, clinic.geometry_of(content, PLACE))


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


def stated_pixels(content: bytes) -> Decoding:
    """Count the pixels that a header states; the child calls it.

    Args:
        content: All bytes of the file.

    Returns:
        Fact `n_pixels`, and no arrays.
    """
    refuse_excess(content, PLACE)
    if kind := clinic.kind_of(content):
        return {"n_pixels": clinic_jobs.n_values(content, PLACE, kind)}, []
    try:
        width, height = _stated_size(content)
    # Broken, or of a kind that Pillow does not open: the decoder says which.
    except Exception:
        return {"n_pixels": MAX_PIXELS}, []
    return {"n_pixels": width * height}, []


def _stated_size(content: bytes) -> tuple[int, int]:
    heads = {"TIFF": deep_tiff.read_head, "JPEG": deep_jpeg.read_head}
    read_head = heads.get(sniff(content) or "")
    head = read_head(content) if read_head else None
    if head is not None:
        return head.width, head.height
    with deep_tiff.quietly():
        return Image.open(BytesIO(content), formats=FORMATS).size


def image(content: bytes, channels: int, rule: grey.Grey) -> Decoding:
    """Decode an image; the child calls it.

    Args:
        content: All bytes of the file.
        channels: 1 (grey) or 3 (colour).
        rule: What black and white are where there are more than 8 bits.

    Returns:
        No facts, and the pixels as `read_image` gives them.
    """
    return {}, [images.image_pixels(decode_bytes(content, PLACE), PLACE, channels, rule)]


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
