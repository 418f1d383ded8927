"""Small drawings: a caption under a picture."""

from __future__ import annotations

import textwrap

import numpy as np
from PIL import Image, ImageDraw, ImageFont


def captioned(picture: np.ndarray, caption: str) -> np.ndarray:
    """uint8 (height, width, 3) → the same with the caption in a white strip below, wrapped to the width."""
    height, width = picture.shape[:2]
    size = max(10, width // 24)
    lines = textwrap.wrap(caption, max(8, int(width / (0.55 * size))))[:4] or [""]
    canvas = Image.new("RGB", (width, height + int(1.3 * size * len(lines)) + size // 2), "white")
    canvas.paste(Image.fromarray(picture), (0, 0))
    ImageDraw.Draw(canvas).multiline_text(
        (size // 3, height + size // 5),
        "\n".join(lines),
        fill="black",
        font=ImageFont.load_default(size),
    )
    return np.asarray(canvas)
