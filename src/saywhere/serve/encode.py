"""A result as JSON and PNG."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from saywhere.inference import writers
from saywhere.inference.answer import rounded
from saywhere.inference.result import Result
from saywhere.inference.writers.coco import run_lengths
from saywhere.inference.writers.writer import Options
from saywhere.io.images import png_bytes
from saywhere.serve.models import Served
from saywhere.text.prompts import denies

LOOK_PX = 256
"""The longest side of a pseudo-image that is sent."""
BLOCK_ROWS = 256
"""Of a picture that are turned into bytes at once."""


def as_json(result: Result, include: frozenset[str]) -> dict[str, object]:
    """Write one prompt's answer.

    Args:
        result: of the model.
        include: what to add as base64 of a PNG: `probability`, of the image's size, and
            `pseudo_image`, LOOK_PX a side at most.

    Returns:
        The answer, as `schemas.Found` describes it.
    """
    answer: dict[str, object] = {
        "prompt": result.prompt,
        "mask": run_lengths(result.mask),
        "area_px": int(result.mask.sum()),
        "presence": rounded(result.presence),
        "confidence": rounded(result.confidence),
        "expected_dice": rounded(result.expected_dice),
        "unfamiliarity": rounded(result.unfamiliarity),
        "picture_unfamiliarity": rounded(result.picture_unfamiliarity),
        "denies": denies(result.prompt),
        "frame": result.frame,
        "read_as": result.read_as,
        "warnings": list(result.warnings),
    }
    if "probability" in include:
        answer["probability_png"] = as_base64(_as_bytes(result.probability))
    if "pseudo_image" in include and result.pseudo_image is not None:
        answer["pseudo_image_png"] = as_base64(_to_look_at(_as_bytes(result.pseudo_image)))
    return answer


def _as_bytes(values: np.ndarray) -> np.ndarray:
    """Shares in [0, 1] → uint8 of the same shape, some rows at a time to spare memory."""
    pixels = np.empty(values.shape, np.uint8)
    for start in range(0, len(values), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        pixels[rows] = (values[rows] * 255).round()
    return pixels


def _to_look_at(pixels: np.ndarray) -> np.ndarray:
    """No larger than LOOK_PX a side.

    A pseudo-image holds no finer detail, and at a photograph's size it was most of an answer's
    bytes and a third of its time.
    """
    height, width = pixels.shape[:2]
    shrunk = LOOK_PX / max(height, width)
    if shrunk >= 1:
        return pixels
    size = (max(1, round(width * shrunk)), max(1, round(height * shrunk)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX, reducing_gap=2.0))


def dicom_seg(results: Sequence[Result], model: Served, *, is_corrected: bool = False) -> bytes:
    """Write all answers to a DICOM image as a DICOM SEG.

    Args:
        results: One per prompt, each with the image's geometry: its file is not read again.
            An empty mask has a segment as well: a caller asked for each.
        model: That made them.
        is_corrected: A person corrected them.

    Returns:
        A DICOM file.

    Raises:
        UsageError: The image is no DICOM file, or one that DICOM cannot be written of.
    """
    answers = [replace(result, pseudo_image=None) for result in results]
    segmenter = model.segmenter
    options = Options(
        write_empty=True,
        model=model.name,
        digest=segmenter.digest,
        target=model.name,
        is_corrected=is_corrected,
    )
    with TemporaryDirectory(prefix="saywhere-seg-") as folder:
        parts = writers.choose_parts("dicom-seg")
        written, _ = writers.write(answers, Path(folder), "a", parts, options)
        return written[parts[0]].read_bytes()


def nifti(results: Sequence[Result]) -> bytes:
    """Write one prompt's answers as a NIfTI volume.

    Args:
        results: One per slice; of a NIfTI all of its slices.

    Returns:
        A packed NIfTI file (.nii.gz).

    Raises:
        UsageError: Slices are missing, or do not lie in one even stack.
    """
    answers = [replace(result, pseudo_image=None) for result in results]
    with TemporaryDirectory(prefix="saywhere-nifti-") as folder:
        written, _ = writers.write(answers, Path(folder), "a", writers.choose_parts("nifti"))
        (file,) = written.values()
        return file.read_bytes()


def mask_png(mask: np.ndarray) -> bytes:
    """Write a mask as a PNG.

    Args:
        mask: bool (height, width).

    Returns:
        An 8-bit grey PNG of 0 and 255.
    """
    return png_bytes(np.where(mask, np.uint8(255), np.uint8(0)))


def as_base64(pixels: np.ndarray) -> str:
    """Write pixels as a PNG in base64.

    Args:
        pixels: uint8 (height, width) or (height, width, channel).

    Returns:
        ASCII text.
    """
    return base64.b64encode(png_bytes(pixels)).decode("ascii")
