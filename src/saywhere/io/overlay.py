"""Pictures for people: a mask on its image, a caption below, images side by side."""

from __future__ import annotations

import textwrap

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from saywhere.errors import UsageError
from saywhere.io.fonts import captionable

COLOUR = (0, 229, 255)  # rare in endoscopy, skin and X-ray
PAPER, INK = (255, 255, 255), (32, 32, 32)
GAP_PX, FONT_PX = 8, 14
LINE_PX = FONT_PX + 6
LETTER = 0.55
"""Mean width of a letter, as a share of the font's size."""
MAX_CAPTION_LINES = 4
BLOCK_ROWS = 256
"""Of a picture that are drawn on at once."""


def overlay(
    image: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    *,
    colour: tuple[int, int, int] = COLOUR,
    opacity: float = 0.35,
    contour: bool = True,
) -> NDArray[np.uint8]:
    """Draw a mask on its image.

    Args:
        image: uint8 (height, width, 1 or 3).
        mask: bool (height, width).
        colour: Red, green and blue, 0 to 255.
        opacity: Of the mask's area, 0 to 1.
        contour: Draw a line of full strength along the inner edge.

    Returns:
        uint8 (height, width, 3).

    Raises:
        UsageError: Image and mask differ in size.
    """
    if image.shape[:2] != mask.shape:
        raise UsageError(
            f"an image of {image.shape[:2]} and a mask of {mask.shape}",
            allowed="both have one size",
            remedy="resize the mask to the image",
        )
    drawn = _in_colour(image)
    # Some rows at a time: floats of a whole photograph would take eight times its memory.
    for start in range(0, len(mask), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        below = drawn[rows][mask[rows]]
        mixed = (1 - opacity) * below + opacity * np.asarray(colour)
        # An assignment into uint8 would cut decimals off instead of rounding.
        drawn[rows][mask[rows]] = np.rint(mixed)
    if contour:
        # The line grows with the picture, so that it shows in a large one too.
        drawn[edge(mask, max(1, round(max(mask.shape) / 256)))] = colour
    return drawn


def edge(mask: NDArray[np.bool_], thickness_px: int = 1) -> NDArray[np.bool_]:
    """The outermost pixels of a mask, by their four neighbours.

    Args:
        mask: bool (height, width). Beyond the picture's border lies background.
        thickness_px: How many pixels deep.

    Returns:
        bool (height, width).
    """
    inner = mask
    for _ in range(thickness_px):
        # Without padding a mask that touches the border would have no edge there.
        padded = np.pad(inner, 1)
        inner = inner & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner


def captioned(picture: NDArray[np.uint8], caption: str) -> NDArray[np.uint8]:
    """Write a caption below a picture.

    Args:
        picture: uint8 (height, width, 3).
        caption: Wrapped to the picture's width, and cut after four lines.

    Returns:
        uint8 (more than height, width, 3): the picture, with the caption in a white strip below.
    """
    height, width = picture.shape[:2]
    font_px = max(10, width // 24)
    shown, font = captionable(caption, font_px)
    lines = _lines(shown, width, font_px)[:MAX_CAPTION_LINES] or [""]
    strip_px = int(1.3 * font_px * len(lines)) + font_px // 2
    canvas = Image.new("RGB", (width, height + strip_px), "white")
    canvas.paste(Image.fromarray(picture), (0, 0))
    ImageDraw.Draw(canvas).multiline_text(
        (font_px // 3, height + font_px // 5),
        "\n".join(lines),
        fill="black",
        font=font,
    )
    return np.asarray(canvas)


def panel(
    images: list[NDArray[np.uint8]], captions: list[str], title: str = ""
) -> NDArray[np.uint8]:
    """Show images side by side, with wrapped captions below.

    Args:
        images: uint8 (height, width, 1 or 3) each; they are brought to the tallest one's height.
        captions: One per image.
        title: A heading; none where it is empty.

    Returns:
        uint8 (height, width, 3).

    Raises:
        UsageError: There is no image, or not one caption per image.
    """
    if not images or len(images) != len(captions):
        raise UsageError(
            f"{len(images)} images and {len(captions)} captions",
            allowed="one caption an image",
            remedy="give each image its caption",
        )
    height = max(image.shape[0] for image in images)
    pictures = [_scaled(image, height) for image in images]
    chosen = [captionable(caption, FONT_PX) for caption in captions]
    texts = [_wrapped(text, picture.width) for (text, _), picture in zip(chosen, pictures)]
    title, title_font = captionable(title, FONT_PX)
    width = sum(picture.width for picture in pictures) + GAP_PX * (len(pictures) + 1)
    heading = _wrapped(title, width - 2 * GAP_PX) if title else ""
    top = GAP_PX + (_height_px(heading) + GAP_PX if heading else 0)
    below_px = GAP_PX + max(map(_height_px, texts)) + GAP_PX
    canvas = Image.new("RGB", (width, top + height + below_px), PAPER)
    draw = ImageDraw.Draw(canvas)
    draw.multiline_text((GAP_PX, GAP_PX), heading, fill=INK, font=title_font)
    left = GAP_PX
    for picture, text, (_, font) in zip(pictures, texts, chosen):
        canvas.paste(picture, (left, top))
        draw.multiline_text((left, top + height + GAP_PX), text, fill=INK, font=font)
        left += picture.width + GAP_PX
    return np.asarray(canvas)


def _in_colour(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(image, 3 // image.shape[-1], axis=-1)


def _scaled(image: NDArray[np.uint8], height: int) -> Image.Image:
    picture = Image.fromarray(_in_colour(image))
    width = max(1, round(picture.width * height / picture.height))
    return picture.resize((width, height), Image.Resampling.BILINEAR)


def _lines(text: str, width_px: int, font_px: int) -> list[str]:
    """The text in lines that fit the width; at least eight letters each."""
    return textwrap.wrap(text, max(8, int(width_px / (LETTER * font_px))))


def _wrapped(text: str, width_px: int) -> str:
    return "\n".join(_lines(text, width_px, FONT_PX))


def _height_px(text: str) -> int:
    return (text.count("\n") + 1) * LINE_PX
