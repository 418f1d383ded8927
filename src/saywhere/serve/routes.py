"""The routes under /v1."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import Depends, FastAPI, File, Form, Request, Response, Security, UploadFile
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool

from saywhere.errors import UsageError
from saywhere.inference.result import Result
from saywhere.io import uploads
from saywhere.io.clinic import Picture
from saywhere.io.dicomweb import Archives
from saywhere.io.limits import MAX_FILE_BYTES, MAX_PIXELS, MAX_PROMPT_CHARS
from saywhere.serve import schemas
from saywhere.serve.accept import DICOM, JSON, PNG, accept_of, check_accept, wanted_kind
from saywhere.serve.content import (
    MAX_PROMPTS,
    MAX_REFERENCE_CHARS,
    check_prompts,
    content_of,
    sha256,
)
from saywhere.serve.encode import as_base64, as_json, dicom_seg, mask_png
from saywhere.serve.errors import refusal
from saywhere.serve.kept_routes import add_kept_routes
from saywhere.serve.metrics import LEFT, Metrics
from saywhere.serve.models import Models, Served
from saywhere.serve.picture_route import add_picture_routes
from saywhere.serve.queue import Job, SegmentQueue
from saywhere.serve.review_routes import add_review_routes
from saywhere.serve.schemas import refusals
from saywhere.serve.slow_work import DECODING, in_thread
from saywhere.serve.store import Store
from saywhere.serve.strict import refuse_other_text, refuse_repeated, refuse_unknown
from saywhere.text.directions import contradict
from saywhere.text.frames import check_orientation

LIMITS = {
    "file_bytes": MAX_FILE_BYTES,
    "pixels": MAX_PIXELS,
    "prompt_chars": MAX_PROMPT_CHARS,
    "prompts": MAX_PROMPTS,
}
SEGMENTED: dict[int | str, dict[str, Any]] = {
    200: {
        "model": schemas.Segmented,
        "content": {
            kind: {"schema": {"type": "string", "contentMediaType": kind}} for kind in (PNG, DICOM)
        },
    }
}


def add_routes(
    app: FastAPI,
    models: Models,
    queue: SegmentQueue,
    metrics: Metrics,
    store: Store | None,
    archives: Archives | None = None,
    *,
    needs_token: bool,
) -> None:
    """Add the routes under /v1 to a service.

    Args:
        app: the service.
        models: the models that it offers.
        queue: where requests wait for a model.
        metrics: counts the masks.
        store: where "keep" writes; None: nothing can be kept.
        archives: hosts that images may be fetched from by reference; None: from nowhere.
        needs_token: say in /openapi.json that a token is needed; `Auth` checks it.
    """
    before = [
        *map(Depends, (check_accept, refuse_unknown, refuse_repeated, refuse_other_text)),
        *([Security(HTTPBearer(auto_error=False))] if needs_token else []),
    ]
    listed = archives or Archives()
    _add_models(app, models, store, listed, before)
    _add_segment(app, models, queue, metrics, listed, before)
    add_kept_routes(app, models, store, listed, before)
    add_picture_routes(app, queue, listed, before)
    add_review_routes(app, store, before)


def _add_models(
    app: FastAPI, models: Models, store: Store | None, archives: Archives, before: list[Any]
) -> None:
    @app.get(
        "/v1/models",
        dependencies=before,
        response_model=schemas.ModelList,
        responses=refusals(*schemas.GET),
    )
    async def list_models() -> dict[str, object]:
        """The models; a call names one where there are several."""
        return {
            "models": [model.facts() for model in models],
            "keeps": store is not None,
            # Whether, not where: an archive's address is no business of every caller.
            "takes_references": bool(archives.addresses),
            "limits": LIMITS,
        }

    @app.post(
        "/v1/opposite",
        dependencies=before,
        response_model=schemas.Opposite,
        responses=refusals(*schemas.POST),
    )
    async def opposite(prompt: Annotated[str, Form()] = "") -> dict[str, str | None]:
        """The prompt with left and right, upper and lower exchanged; null: it names no side."""
        check_prompts([prompt])
        return {"prompt": contradict(prompt)}


def _add_segment(
    app: FastAPI,
    models: Models,
    queue: SegmentQueue,
    metrics: Metrics,
    archives: Archives,
    before: list[Any],
) -> None:
    @app.post("/v1/segment", dependencies=before, responses=SEGMENTED | refusals(*schemas.SEGMENT))
    async def segment(
        request: Request,
        image: Annotated[
            # Not `| None`: /openapi.json would no longer say that it is sent as a file.
            UploadFile, File(description="PNG, JPEG, TIFF, BMP, GIF, WebP or DICOM")
        ] = None,  # type: ignore[assignment]
        reference: Annotated[
            str | None,
            Form(
                max_length=MAX_REFERENCE_CHARS,
                description="instead of image: dicomweb://HOST/studies/UID/series/UID/instances/"
                "UID, of a host that the server lists",
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
        include: Annotated[
            list[Literal["probability", "pseudo_image", "image"]] | None,
            Form(description="also as PNG"),
        ] = None,
    ) -> Response:
        """A mask per prompt, as COCO RLE.

        With `Accept: image/png` the mask of one prompt as a PNG of the image's size; with
        `Accept: application/dicom` all of a DICOM image as a DICOM SEG.
        """
        started = time.perf_counter()
        kind = wanted_kind(accept_of(request))
        chosen = models.named(model)
        prompts = prompt or [""]
        check_prompts(prompts)
        wanted = frozenset(include or [])
        _check_fits(kind, prompts, wanted)
        if orientation:
            check_orientation(orientation)
        # Before the image is decoded, which takes memory: a busy service refuses at once.
        queue.take()
        try:
            content = await content_of(image, reference, archives)
            # Off the event loop: decoding would hold up every other request.
            picture = await in_thread(DECODING, _decoded, content, chosen)
            pixels = picture.pixels
            _check_work(pixels, len(prompts))
            shows = "pseudo_image" in wanted
            jobs = [
                Job(chosen.segmenter, picture, text, threshold, orientation or None, shows)
                for text in prompts
            ]
            answers = await _unless_left(request, [queue.submit(job) for job in jobs])
        finally:
            queue.give()
        if answers is None:
            # For the log: nobody is there to read it.
            return refusal(LEFT, "client_left", "the caller went away")
        metrics.masks.labels(chosen.name).inc(len(answers))
        if kind == DICOM:
            file = await run_in_threadpool(dicom_seg, [result for result, _ in answers], chosen)
            return Response(file, media_type=DICOM, headers=_named(chosen))
        if kind == PNG:
            content_png = await run_in_threadpool(mask_png, answers[0][0].mask)
            return Response(content_png, media_type=PNG, headers=_named(chosen))
        results = await run_in_threadpool(
            lambda: [as_json(result, wanted) for result, _ in answers]
        )
        timings = {
            # Not the sum: prompts of one batch each have the time of the whole batch.
            "model": round(max(took for _, took in answers), 1),
            "total": round(1000 * (time.perf_counter() - started), 1),
        }
        shown = {}
        if "image" in wanted:
            shown["image_png"] = await run_in_threadpool(as_base64, pixels.squeeze())
        answer = {
            "model": chosen.name,
            "model_digest": chosen.segmenter.digest,
            "frame": chosen.segmenter.prompt_facts.frame,
            "size": list(pixels.shape[:2]),
            "results": results,
            "timings_ms": timings,
            "image_sha256": sha256(content),
        }
        return JSONResponse(answer | shown)


async def _unless_left(request: Request, answers: list[Any]) -> list[tuple[Result, float]] | None:
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


async def _left(request: Request) -> None:
    # BodyLimit has read the body: all that comes now is the end of the connection.
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _check_fits(kind: str, prompts: list[str], wanted: frozenset[str]) -> None:
    """Refuse what this kind of answer has no place for, which would be left out without a word."""
    if kind == PNG and len(prompts) > 1:
        raise UsageError(
            f"{len(prompts)} prompts, and an answer as PNG",
            allowed="a PNG holds the mask of one",
            remedy=f"send one prompt in a call, or Accept: {JSON}",
        )
    if kind != JSON and wanted:
        raise UsageError(
            f"include, and an answer as {kind}",
            allowed=f"include is for {JSON}",
            remedy="leave include out, or the header Accept",
        )


def _named(model: Served) -> dict[str, str]:
    """Which model an answer without JSON is from."""
    facts = model.segmenter
    return {"X-Model-Digest": facts.digest, "X-Model-Frame": facts.prompt_facts.frame}


def _check_work(pixels: np.ndarray, n_prompts: int) -> None:
    """A pixel of a result takes some 17 bytes until it is answered."""
    height, width = pixels.shape[:2]
    if height * width * n_prompts > MAX_PIXELS:
        raise UsageError(
            f"{n_prompts} prompts on {height} × {width} pixels",
            allowed=f"pixels times prompts are at most {MAX_PIXELS:,}",
            remedy="send fewer prompts in a call, or a smaller image",
        )


def _decoded(content: bytes, model: Served) -> Picture:
    data = model.segmenter.config.data
    return uploads.read_picture(content, data.channels, data.grey)
