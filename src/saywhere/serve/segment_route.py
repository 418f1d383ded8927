"""`POST /v1/segment`: a mask per prompt, of a picture or of each slice of a volume."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import FastAPI, File, Form, Request, Response, UploadFile
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from saywhere.errors import UsageError
from saywhere.inference.result import Result
from saywhere.io import uploaded_volume
from saywhere.io.dicomweb import Archives
from saywhere.io.limits import MAX_PIXELS
from saywhere.io.uploaded_volume import MAX_UNPACKED_BYTES, Uploaded
from saywhere.serve import schemas
from saywhere.serve.accept import DICOM, JSON, NIFTI, PNG, accept_of, wanted_kind
from saywhere.serve.content import (
    MAX_PROMPTS,
    MAX_REFERENCE_CHARS,
    check_prompts,
    contents_of,
    sha256,
)
from saywhere.serve.encode import as_base64, as_json, dicom_seg, mask_png, nifti
from saywhere.serve.errors import refusal
from saywhere.serve.metrics import LEFT, Metrics
from saywhere.serve.models import Models, Served
from saywhere.serve.queue import BATCH_SIZE, Job, SegmentQueue
from saywhere.serve.schemas import refusals
from saywhere.serve.slow_work import DECODING, count_pixels, in_thread
from saywhere.text.frames import check_orientation

MAX_ANSWERS = 512
"""Slices times prompts of a call."""
SEGMENTED: dict[int | str, dict[str, Any]] = {
    200: {
        "model": schemas.Segmented,
        "content": {
            kind: {"schema": {"type": "string", "contentMediaType": kind}}
            for kind in (PNG, DICOM, NIFTI)
        },
    }
}


@dataclass(frozen=True)
class _Call:
    """What a caller wants, checked."""

    model: Served
    prompts: list[str]
    threshold: float | None
    orientation: str | None
    include: frozenset[str]
    kind: str

    def jobs(self, picture: Any) -> list[Job]:
        shows = "pseudo_image" in self.include
        rest = (self.threshold, self.orientation, shows, self.pack)
        return [Job(self.model.segmenter, picture, text, *rest) for text in self.prompts]

    def pack(self, result: Result) -> Any:
        """By the worker, at once: as run lengths where nothing else is wanted of a result."""
        if self.kind != JSON:
            # No file holds it, and it is most of a result's bytes.
            return replace(result, pseudo_image=None)
        return result if self.include else as_json(result, self.include)


@dataclass(frozen=True)
class _Answered:
    """The answers to a call: slice after slice, and of each slice one per prompt."""

    results: list[Any]
    """as `_Call.pack` gives them"""
    model_ms: float


def add_segment_route(
    app: FastAPI,
    models: Models,
    queue: SegmentQueue,
    metrics: Metrics,
    archives: Archives,
    before: list[Any],
) -> None:
    """Add the route to a service.

    Args:
        app: the service.
        models: the models that it offers.
        queue: where requests wait for a model.
        metrics: counts the masks.
        archives: hosts that images may be fetched from by reference.
        before: what is checked before each call.
    """

    @app.post("/v1/segment", dependencies=before, responses=SEGMENTED | refusals(*schemas.SEGMENT))
    async def segment(
        request: Request,
        image: Annotated[
            # Not `| None`: /openapi.json would no longer say that it is sent as a file.
            UploadFile,
            File(
                description="PNG, JPEG, TIFF, BMP, GIF, WebP, DICOM or NIfTI; also a volume: a "
                "file of several frames or slices, or a zip of the DICOM files of one series"
            ),
        ] = None,  # type: ignore[assignment]
        reference: Annotated[
            str | None,
            Form(
                max_length=MAX_REFERENCE_CHARS,
                description="instead of image: dicomweb://HOST/studies/UID/series/UID/instances/"
                "UID, or …/series/UID of a volume, of a host that the server lists",
            ),
        ] = None,
        prompt: Annotated[
            list[str] | None,
            Form(description=f"what to segment; {MAX_PROMPTS} at most; may be empty"),
        ] = None,
        model: Annotated[str | None, Form()] = None,
        threshold: Annotated[float | None, Form(gt=0, lt=1)] = None,
        orientation: Annotated[
            str | None,
            Form(
                max_length=20,
                description="how the picture lies in the patient, as DICOM writes it: L\\F for a "
                "standard chest film; needed where a prompt names the other frame's left or right",
            ),
        ] = None,
        wanted_slice: Annotated[
            int | None,
            Form(
                alias="slice",
                ge=1,
                le=10**9,
                description="only this slice or frame of a volume, from 1; all without it",
            ),
        ] = None,
        include: Annotated[
            list[Literal["probability", "pseudo_image", "image"]] | None,
            Form(description="also as PNG"),
        ] = None,
    ) -> Response:
        """A mask per prompt, as COCO RLE; of a volume for each slice, one slice at a time.

        With `Accept: image/png` the mask of one prompt as a PNG of the image's size, with
        `Accept: application/x-nifti` as a packed NIfTI volume; with `Accept: application/dicom`
        all of a DICOM image or series as a DICOM SEG.
        """
        started = time.perf_counter()
        kind = wanted_kind(accept_of(request))
        chosen = models.named(model)
        prompts = prompt or [""]
        check_prompts(prompts)
        if orientation:
            check_orientation(orientation)
        wanted = frozenset[str](include or [])
        call = _Call(chosen, prompts, threshold, orientation or None, wanted, kind)
        _check_fits(call)
        # Before the image is decoded, which takes memory: a busy service refuses at once.
        with queue.place():
            files = await contents_of(image, reference, archives, MAX_UNPACKED_BYTES)
            async with queue.pixels.reserve(await _pixels(files, call)):
                # Off the event loop: decoding would hold up every other request.
                uploaded = await in_thread(DECODING, _read, files, chosen, wanted_slice)
                _check_work(uploaded, call)
                answered = await _answered(request, queue, uploaded, call)
                if answered is None:
                    # For the log: nobody is there to read it.
                    return refusal(LEFT, "client_left", "the caller went away")
                metrics.masks.labels(chosen.name).inc(len(answered.results))
                if kind != JSON:
                    return await run_in_threadpool(_file, answered.results, call)
                body = await run_in_threadpool(_body, files, uploaded, answered.results, call)
        timings = {
            # Not the sum: prompts of one batch each have the time of the whole batch.
            "model": round(answered.model_ms, 1),
            "total": round(1000 * (time.perf_counter() - started), 1),
        }
        return JSONResponse({**body, "timings_ms": timings})


async def _pixels(files: Sequence[bytes], call: _Call) -> int:
    """As the headers state them, for each prompt; `_check_work` refuses more than MAX_PIXELS."""
    if len(files) > 1:
        return MAX_PIXELS
    return min(await count_pixels(files[0]) * len(call.prompts), MAX_PIXELS)


def _check_fits(call: _Call) -> None:
    """Refuse what this kind of answer has no place for, which would be left out without a word."""
    if call.kind in (PNG, NIFTI) and len(call.prompts) > 1:
        raise UsageError(
            f"{len(call.prompts)} prompts, and an answer as {call.kind}",
            allowed="it holds the mask of one",
            remedy=f"send one prompt in a call, or Accept: {JSON}",
        )
    if call.kind != JSON and call.include:
        raise UsageError(
            f"include, and an answer as {call.kind}",
            allowed=f"include is for {JSON}",
            remedy="leave include out, or the header Accept",
        )


def _named(model: Served) -> dict[str, str]:
    """Which model an answer without JSON is from."""
    facts = model.segmenter
    return {"X-Model-Digest": facts.digest, "X-Model-Frame": facts.prompt_facts.frame}


def _read(files: Sequence[bytes], model: Served, wanted: int | None) -> Uploaded:
    data = model.segmenter.config.data
    return uploaded_volume.read(files, data.channels, data.grey, wanted)


def _check_work(uploaded: Uploaded, call: _Call) -> None:
    """A pixel of a result takes some 17 bytes until it is answered."""
    n_prompts = len(call.prompts)
    n_slices = len(uploaded.pictures)
    n_pixels = sum(int(np.prod(picture.pixels.shape[:2])) for picture in uploaded.pictures)
    if n_pixels * n_prompts > MAX_PIXELS or n_slices * n_prompts > MAX_ANSWERS:
        height, width = uploaded.pictures[0].pixels.shape[:2]
        several = f"{n_slices:,} slices of " if n_slices > 1 else ""
        raise UsageError(
            f"{n_prompts} prompts on {several}{height} × {width} pixels",
            allowed=f"pixels times prompts are at most {MAX_PIXELS:,}, slices times prompts "
            f"{MAX_ANSWERS}",
            remedy="send fewer prompts in a call, ask for one slice with slice, or send a smaller "
            "image",
        )
    if n_slices == 1:
        return
    if call.kind == PNG or "image" in call.include:
        raise UsageError(
            f"a volume of {uploaded.n_slices:,} slices as one picture",
            allowed=f"all slices as {JSON}, {NIFTI} or, of DICOM, {DICOM}, without include=image",
            remedy="name the slice, such as slice=1",
        )


async def _answered(
    request: Request, queue: SegmentQueue, uploaded: Uploaded, call: _Call
) -> _Answered | None:
    """All answers; None where the caller went away."""
    results: list[Any] = []
    model_ms = 0.0
    pictures = uploaded.pictures
    # Few slices wait for the model at once, so that other callers' pictures come in between.
    for start in range(0, len(pictures), BATCH_SIZE):
        part = pictures[start : start + BATCH_SIZE]
        jobs = [job for picture in part for job in call.jobs(picture)]
        answers = await _unless_left(request, [queue.submit(job) for job in jobs])
        if answers is None:
            return None
        results += [result for result, _ in answers]
        model_ms += max(took for _, took in answers)
    return _Answered(results, model_ms)


async def _unless_left(request: Request, answers: list[Any]) -> list[tuple[Any, float]] | None:
    """The answers of the queue; None where the caller goes away before.

    Then what still waits takes no model's time.
    """
    results = asyncio.gather(*map(asyncio.wrap_future, answers))
    left = asyncio.ensure_future(_left(request))
    either: set[asyncio.Future[Any]] = {results, left}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        return await results if results.done() else None
    finally:
        left.cancel()
        # A job that the model has begun is finished; nothing is done where all were.
        results.cancel()
        # Nobody asks for it any more, which asyncio would write down as a fault.
        results.add_done_callback(lambda ended: ended.cancelled() or ended.exception())


async def _left(request: Request) -> None:
    # BodyLimit has read the body: all that comes now is the end of the connection.
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _file(results: list[Result], call: _Call) -> Response:
    if call.kind == DICOM:
        content = dicom_seg(results, call.model)
    elif call.kind == NIFTI:
        content = nifti(results)
    else:
        content = mask_png(results[0].mask)
    return Response(content, media_type=call.kind, headers=_named(call.model))


def _body(
    files: Sequence[bytes], uploaded: Uploaded, results: list[Any], call: _Call
) -> dict[str, object]:
    """The answer as `schemas.Segmented` describes it, but for the timings."""
    is_volume = uploaded.n_slices > 1
    numbers = [number for number in uploaded.numbers for _ in call.prompts]
    first = uploaded.pictures[0].pixels
    if call.include:
        results = [as_json(result, call.include) for result in results]
    answer: dict[str, object] = {
        "model": call.model.name,
        "model_digest": call.model.segmenter.digest,
        "frame": call.model.segmenter.prompt_facts.frame,
        "size": list(first.shape[:2]),
        "slices": uploaded.n_slices,
        "notes": list(uploaded.notes),
        "results": [
            {**result, "slice": number if is_volume else None}
            for result, number in zip(results, numbers)
        ],
        "image_sha256": sha256(*files),
    }
    if "image" in call.include:
        answer["image_png"] = as_base64(first.squeeze())
    return answer
