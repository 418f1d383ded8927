"""A result as JSON and PNG."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from PIL import Image

from saywhere.inference.result import Result
from saywhere.inference.writers.coco import run_lengths
from saywhere.io.images import png_bytes
from saywhere.text.prompts import denies

LOOK_PX = 256
"""The longest side of a pseudo-image that is sent."""


def as_json(result: Result, include: frozenset[str]) -> dict[str, Any]:
    """One prompt's answer; `include`, as base64 of a PNG: `probability`, of the image's size; `pseudo_image`, LOOK_PX at most."""
    found = {
        "prompt": result.prompt,
        "mask": run_lengths(result.mask),
        "area_px": int(result.mask.sum()),
        "presence": round(result.presence, 4),
        "confidence": None if result.confidence is None else round(result.confidence, 4),
        "expected_dice": None if result.expected_dice is None else round(result.expected_dice, 4),
        "unfamiliarity": round(result.unfamiliarity, 4),
        "denies": denies(result.prompt),
    }
    if "probability" in include:
        found["probability_png"] = as_base64((result.probability * 255).round().astype(np.uint8))
    if "pseudo_image" in include and result.pseudo_image is not None:
        found["pseudo_image_png"] = as_base64(
            _to_look_at((result.pseudo_image * 255).round().astype(np.uint8))
        )
    return found


def _to_look_at(pixels: np.ndarray) -> np.ndarray:
    """No larger than LOOK_PX a side: the words' picture holds no more, and at a photograph's size it was most of an answer's bytes and a third of its time."""
    height, width = pixels.shape[:2]
    shrunk = LOOK_PX / max(height, width)
    if shrunk >= 1:
        return pixels
    size = (max(1, round(width * shrunk)), max(1, round(height * shrunk)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX, reducing_gap=2.0))


def mask_png(mask: np.ndarray) -> bytes:
    """bool (height, width) → an 8-bit PNG of 0 and 255."""
    return png_bytes(np.where(mask, np.uint8(255), np.uint8(0)))


def as_base64(pixels: np.ndarray) -> str:
    """The same PNG, in base64."""
    return base64.b64encode(png_bytes(pixels)).decode("ascii")
