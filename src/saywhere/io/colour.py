"""CMYK → RGB, as a print's colours look on a screen."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from PIL import Image, ImageCms

from saywhere.errors import UnreadableFile

_PRINT = "CMYK"


def rgb_of_cmyk(picture: Image.Image, path: Path) -> Image.Image:
    """Convert a picture of printing inks.

    With the picture's own colour profile where it has one, else by the plain rule that viewers
    take: red is what cyan and black leave of it. Pillow has turned Adobe's inverted inks already.

    Args:
        picture: Of mode CMYK.
        path: How errors name it.

    Returns:
        Of mode RGB (sRGB).

    Raises:
        UnreadableFile: Its profile is damaged, or one of another colour space.
    """
    profile = picture.info.get("icc_profile")
    if not profile:
        return picture.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        if space != _PRINT:
            raise ImageCms.PyCMSError(f"a profile of {space}")
        converted = ImageCms.profileToProfile(
            picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        raise UnreadableFile(
            f"a CMYK picture whose colour profile cannot be used ({error})",
            where=path,
            remedy="convert it to RGB, or save it without the profile",
        ) from None
    # `profileToProfile` gives None only where it changes a picture in place.
    assert converted is not None
    return converted
