"""The picture as the page shows it: grey values of more than 8 bits, or what no browser decodes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypedDict

import numpy as np
from fastapi import FastAPI, File, Form, UploadFile
from starlette.concurrency import run_in_threadpool

from saywhere.io import clinic, grey_values, uploads
from saywhere.io.dicomweb import Archives
from saywhere.io.geometry import Geometry
from saywhere.io.grey_values import GreyValues
from saywhere.serve import schemas
from saywhere.serve.content import MAX_REFERENCE_CHARS, content_of
from saywhere.serve.encode import as_base64
from saywhere.serve.queue import SegmentQueue
from saywhere.serve.schemas import refusals
from saywhere.serve.slow_work import DECODING, count_pixels, in_thread

CT_WINDOWS = {
    "Soft tissue": (-160.0, 240.0),
    "Lung": (-1350.0, 150.0),
    "Bone": (-500.0, 1300.0),
    "Brain": (0.0, 80.0),
}
"""Usual windows in Hounsfield units (centre and width 40/400, -600/1500, 400/1800, 40/80)."""


class WindowRecord(TypedDict):
    """A window, as `schemas.Shades` checks it."""

    name: str
    low: float
    high: float


class _FrameRecord(TypedDict):
    size: list[int]
    """height, width"""
    orientation: str


class ShownRecord(_FrameRecord, total=False):
    """A picture to look at, as `schemas.ShownPicture` checks it."""

    image_png: str
    upper_png: str
    lower_png: str
    offset: float
    step: float
    windows: list[WindowRecord]


def add_picture_routes(
    app: FastAPI, queue: SegmentQueue, archives: Archives, before: list[Any]
) -> None:
    """Add the routes to a service.

    Args:
        app: the service.
        queue: a picture takes a place of it while it is decoded.
        archives: hosts that images may be fetched from by reference.
        before: what is checked before each call.
    """

    @app.post(
        "/v1/picture",
        dependencies=before,
        response_model=schemas.ShownPicture,
        responses=refusals(*schemas.PICTURE),
    )
    async def picture(
        image: Annotated[UploadFile, File()] = None,  # type: ignore[assignment]
        reference: Annotated[
            str | None,
            Form(max_length=MAX_REFERENCE_CHARS, description="instead of image, as in /v1/segment"),
        ] = None,
    ) -> ShownRecord:
        """The picture to look at: 16-bit values with their windows, or colours."""
        with queue.place():
            content = await content_of(image, reference, archives)
            async with queue.pixels.reserve(await count_pixels(content)):
                values = await in_thread(DECODING, grey_values.read, content)
                return await run_in_threadpool(_answer, content, values)

    @app.post(
        "/v1/mask",
        dependencies=before,
        response_model=schemas.ShownMask,
        responses=refusals(*schemas.PICTURE),
    )
    async def mask(
        mask: Annotated[
            UploadFile, File(description="PNG, TIFF, BMP, DICOM SEG or NIfTI of one picture")
        ],
    ) -> dict[str, object]:
        """A mask that was made elsewhere, as it is read; label maps are refused by name."""
        with queue.place():
            content = await mask.read()
            async with queue.pixels.reserve(await count_pixels(content)):
                pixels = await in_thread(DECODING, uploads.read_mask, content, "mask")
                drawn = np.where(pixels, np.uint8(255), np.uint8(0))
                shown = await run_in_threadpool(as_base64, drawn)
                return {"size": list(pixels.shape), "mask_png": shown}


def _answer(content: bytes, values: GreyValues) -> ShownRecord:
    height, width = values.pixels.shape[:2]
    geometry = _geometry(content)
    sides = geometry.patient_orientation if geometry else None
    frame: _FrameRecord = {
        "size": [height, width],
        "orientation": "\\".join(sides) if sides else "",
    }
    if not values.is_deep:
        return {**frame, "image_png": as_base64(values.pixels)}
    is_ct = geometry is not None and geometry.modality == "CT"
    windows = {"As the file says": (values.black, values.white), **(CT_WINDOWS if is_ct else {})}
    return {
        **frame,
        "upper_png": as_base64((values.pixels >> 8).astype(np.uint8)),
        "lower_png": as_base64((values.pixels & 255).astype(np.uint8)),
        "offset": values.offset,
        "step": values.step,
        "windows": [{"name": n, "low": low, "high": high} for n, (low, high) in windows.items()],
    }


def _geometry(content: bytes) -> Geometry | None:
    return clinic.geometry_of(content, Path("image")) if clinic.kind_of(content) else None
