"""Corrected masks as a DICOM SEG, of the DICOM image that the page has open.

The store keeps no DICOM file, so what is exported from it cannot lie in a study. Who corrected the
masks has the file: it is sent along, and nothing of it is kept.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import FastAPI, File, Form, Response, UploadFile
from starlette.concurrency import run_in_threadpool

from saywhere.errors import UsageError
from saywhere.inference.result import Result
from saywhere.io import uploads
from saywhere.io.clinic import Picture
from saywhere.io.dicomweb import Archives
from saywhere.io.limits import MAX_PIXELS
from saywhere.serve import schemas
from saywhere.serve.accept import DICOM
from saywhere.serve.content import MAX_REFERENCE_CHARS, check_prompts, content_of
from saywhere.serve.encode import dicom_seg
from saywhere.serve.kept_routes import mask_of_image
from saywhere.serve.models import Models, Served
from saywhere.serve.queue import SegmentQueue
from saywhere.serve.schemas import refusals
from saywhere.serve.slow_work import DECODING, count_pixels, in_thread

FILE: dict[int | str, Any] = {
    200: {"content": {DICOM: {"schema": {"type": "string", "contentMediaType": DICOM}}}}
}

DicomFile = Annotated[UploadFile, File(description="a DICOM file")]


def add_corrected_routes(
    app: FastAPI, models: Models, queue: SegmentQueue, archives: Archives, before: list[Any]
) -> None:
    """Add the route to a service.

    Args:
        app: the service.
        models: the models that it offers.
        queue: a call takes a place of it while its pictures are decoded.
        archives: hosts that images may be fetched from by reference.
        before: what is checked before each call.
    """

    @app.post(
        "/v1/dicom-seg",
        dependencies=before,
        response_class=Response,
        responses=FILE | refusals(*schemas.PICTURE),
    )
    async def corrected(
        mask: Annotated[
            list[UploadFile],
            File(description="one per prompt: PNG, 0 and 255, of the image's size"),
        ],
        prompt: Annotated[list[str], Form(description="one per mask, each another")],
        image: DicomFile = None,  # type: ignore[assignment]
        reference: Annotated[
            str | None,
            Form(max_length=MAX_REFERENCE_CHARS, description="instead of image, as in /v1/segment"),
        ] = None,
        model: Annotated[str | None, Form(description="that gave what was corrected")] = None,
    ) -> Response:
        """Masks that a person corrected, as a DICOM SEG of their DICOM image; nothing is kept."""
        chosen = models.named(model)
        check_prompts(prompt)
        if len(mask) != len(prompt) or len(set(prompt)) != len(prompt):
            raise UsageError(
                f"{len(mask)} masks and {len(set(prompt))} different prompts",
                allowed="a mask for each prompt, and each prompt once",
            )
        with queue.place():
            content = await content_of(image, reference, archives)
            masks = [await each.read() for each in mask]
            n_pixels = [await count_pixels(file) for file in (content, *masks)]
            # A call over the limit waits until it is alone.
            async with queue.pixels.reserve(min(sum(n_pixels), MAX_PIXELS)):
                results = await in_thread(DECODING, _results, content, masks, prompt, chosen)
                written = await run_in_threadpool(dicom_seg, results, chosen, is_corrected=True)
        return Response(written, media_type=DICOM)


def _results(content: bytes, masks: list[bytes], prompts: list[str], model: Served) -> list[Result]:
    data = model.segmenter.config.data
    picture = uploads.read_picture(content, data.channels, data.grey)
    return [_result(picture, mask, prompt) for mask, prompt in zip(masks, prompts)]


def _result(picture: Picture, content: bytes, prompt: str) -> Result:
    mask = mask_of_image(content, "mask", picture.pixels)
    # A person's mask has no probability of a model: 0 and 1.
    return Result(
        picture.pixels,
        prompt,
        mask.astype(np.float32),
        mask,
        None,
        0.0,
        geometry=picture.geometry,
    )
