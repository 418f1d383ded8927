"""Pictures for people: a mask drawn on its image, and images side by side with their words."""

from __future__ import annotations

import textwrap

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from saywhere.errors import UsageError

COLOUR = (0, 229, 255)  # rare in endoscopy, skin and X-ray
PAPER, INK = (255, 255, 255), (32, 32, 32)
GAP, FONT_PX = 8, 14


def overlay(
    image: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    *,
    colour: tuple[int, int, int] = COLOUR,
    opacity: float = 0.35,
    contour: bool = True,
) -> NDArray[np.uint8]:
    """uint8 (height, width, 1 or 3) and bool (height, width) → uint8 (height, width, 3); a full-strength line runs along the inner edge."""
    if image.shape[:2] != mask.shape:
        raise UsageError(
            f"an image of {image.shape[:2]} and a mask of {mask.shape}",
            allowed="both have one size",
            remedy="resize the mask to the image",
        )
    drawn = np.repeat(image, 3 // image.shape[-1], axis=-1).astype(np.float64)
    drawn[mask] = (1 - opacity) * drawn[mask] + opacity * np.asarray(colour)
    if contour:
        drawn[edge(mask, max(1, round(max(mask.shape) / 256)))] = colour
    return np.rint(drawn).astype(np.uint8)


def edge(mask: NDArray[np.bool_], thickness_px: int = 1) -> NDArray[np.bool_]:
    """The mask's outermost pixels (4-neighbourhood); the picture's border counts as background."""
    inner = mask
    for _ in range(thickness_px):
        padded = np.pad(inner, 1)
        inner = inner & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner


def panel(
    images: list[NDArray[np.uint8]], captions: list[str], title: str = ""
) -> NDArray[np.uint8]:
    """Images (height, width, 1 or 3), brought to the tallest one's height, side by side, captions wrapped below → uint8 (height, width, 3)."""
    if not images or len(images) != len(captions):
        raise UsageError(
            f"{len(images)} images and {len(captions)} captions",
            allowed="one caption an image",
            remedy="give each image its caption",
        )
    height = max(image.shape[0] for image in images)
    pictures = [_scaled(image, height) for image in images]
    texts = [_wrapped(caption, picture.width) for caption, picture in zip(captions, pictures)]
    width = sum(picture.width for picture in pictures) + GAP * (len(pictures) + 1)
    heading = _wrapped(title, width - 2 * GAP) if title else ""
    top = GAP + (_height(heading) + GAP if heading else 0)
    canvas = Image.new("RGB", (width, top + height + GAP + max(map(_height, texts)) + GAP), PAPER)
    draw = ImageDraw.Draw(canvas)
    draw.multiline_text((GAP, GAP), heading, fill=INK, font=_font())
    left = GAP
    for picture, text in zip(pictures, texts):
        canvas.paste(picture, (left, top))
        draw.multiline_text((left, top + height + GAP), text, fill=INK, font=_font())
        left += picture.width + GAP
    return np.asarray(canvas)


def _scaled(image: NDArray[np.uint8], height: int) -> Image.Image:
    picture = Image.fromarray(np.repeat(image, 3 // image.shape[-1], axis=-1))
    return picture.resize(
        (max(1, round(picture.width * height / picture.height)), height), Image.Resampling.BILINEAR
    )


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(FONT_PX)


def _wrapped(text: str, width_px: int) -> str:
    per_line = max(8, int(width_px / (FONT_PX * 0.55)))
    return "\n".join(textwrap.wrap(text, per_line))


def _height(text: str) -> int:
    return (text.count("\n") + 1) * (FONT_PX + 6)
