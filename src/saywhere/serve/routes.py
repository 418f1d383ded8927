"""The routes under /v1."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import Depends, FastAPI, File, Form, Query, Request, Response, Security, UploadFile
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool

from saywhere.errors import UsageError
from saywhere.inference.result import Result
from saywhere.io import uploads
from saywhere.io.clinic import Picture
from saywhere.io.dicomweb import Archives, Reference, fetch, parse
from saywhere.io.limits import MAX_FILE_BYTES, MAX_PIXELS, MAX_PROMPT_CHARS
from saywhere.serve import schemas
from saywhere.serve.accept import DICOM, PNG, wanted_kind
from saywhere.serve.encode import as_base64, as_json, dicom_seg, mask_png
from saywhere.serve.errors import refusal
from saywhere.serve.metrics import Metrics
from saywhere.serve.models import Models, Served
from saywhere.serve.queue import Job, SegmentQueue
from saywhere.serve.schemas import refusals
from saywhere.serve.slow_work import DECODING, FETCHING, in_thread
from saywhere.serve.store import Store, StoredRow
from saywhere.serve.strict import refuse_unknown
from saywhere.text.directions import contradict
from saywhere.text.frames import check_orientation
from saywhere.text.prompts import refuse_endless

MAX_PROMPTS = 16
MAX_NAME_CHARS = 200
MAX_REFERENCE_CHARS = 500
# The status that nginx logs for a caller who closed the connection.
LEFT = 499
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
        Depends(refuse_unknown),
        *([Security(HTTPBearer(auto_error=False))] if needs_token else []),
    ]
    listed = archives or Archives()
    _add_models(app, models, store, listed, before)
    _add_segment(app, models, queue, metrics, listed, before)
    _add_keep(app, models, store, listed, before)


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
        """The models; the first is the default."""
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
        _check_prompts([prompt])
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

        With `Accept: image/png` the first one as a PNG of the image's size; with
        `Accept: application/dicom` all of a DICOM image as a DICOM SEG.
        """
        started = time.perf_counter()
        kind = wanted_kind(request.headers.get("accept", ""))
        chosen = models.named(model)
        prompts = prompt or [""]
        _check_prompts(prompts)
        wanted = frozenset(include or [])
        if orientation:
            check_orientation(orientation)
        # Before the image is decoded, which takes memory: a busy service refuses at once.
        queue.take()
        try:
            content = await _content(image, reference, archives)
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
            return Response(file, media_type=DICOM)
        if kind == PNG:
            content_png = await run_in_threadpool(mask_png, answers[0][0].mask)
            return Response(content_png, media_type="image/png")
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
            "size": list(pixels.shape[:2]),
            "results": results,
            "timings_ms": timings,
            "image_sha256": _sha256(content),
        }
        return JSONResponse(answer | shown)


def _add_keep(
    app: FastAPI, models: Models, store: Store | None, archives: Archives, before: list[Any]
) -> None:
    @app.post(
        "/v1/keep",
        dependencies=before,
        response_model=schemas.Kept,
        responses=refusals(*schemas.KEEP),
    )
    async def keep(
        mask: Annotated[
            UploadFile, File(description="as corrected: PNG, 0 and 255, of the image's size")
        ],
        suggested: Annotated[UploadFile, File(description="as the model gave it")],
        key: Annotated[
            str,
            Form(
                # The key becomes a file's name, so it holds nothing but these digits.
                pattern="^[0-9a-f]{32}$",
                description=(
                    "32 hexadecimal digits, the sender's own: the same key twice is one row"
                ),
            ),
        ],
        image: Annotated[UploadFile, File()] = None,  # type: ignore[assignment]
        reference: Annotated[
            str | None,
            Form(max_length=MAX_REFERENCE_CHARS, description="instead of image, as in /v1/segment"),
        ] = None,
        prompt: Annotated[str, Form(description="may be empty")] = "",
        who: Annotated[str, Form(max_length=MAX_NAME_CHARS)] = "",
        model: Annotated[str | None, Form()] = None,
    ) -> dict[str, object]:
        """Write it to the store's manifest, which `saywhere train` takes as it is."""
        if store is None:
            raise UsageError("this server keeps nothing", remedy="start it with --store DIR")
        _check_prompts([prompt])
        chosen = models.named(model)
        content = await _content(image, reference, archives)
        sent = [content, await mask.read(), await suggested.read()]
        source = _sha256(sent[0])
        pictures = await in_thread(DECODING, _pictures, *sent)
        row = await run_in_threadpool(
            store.keep, key, *pictures, prompt, who=who, model=chosen.name, source=source
        )
        return {"key": row["key"], "kept": row["kept"], "n_kept": store.n_kept}

    @app.get(
        "/v1/kept",
        dependencies=before,
        response_model=schemas.KeptList,
        responses=refusals(*schemas.GET),
    )
    def kept(
        image: Annotated[
            str | None,
            Query(
                pattern="^[0-9a-f]{64}$",
                description="image_sha256 of /v1/segment: what was kept for it, with masks",
            ),
        ] = None,
    ) -> dict[str, object]:
        """What was kept so far, without the pictures; or for one image, to go on from."""
        if store is None:
            return {"n_kept": 0, "rows": [], "images": []}
        rows = store.rows()[-200:] if image is None else store.of_image(image)
        return {
            "n_kept": store.n_kept,
            "rows": [_kept_row(row, store, with_mask=image is not None) for row in rows],
            "images": store.sources() if image is None else [],
        }


def _kept_row(row: StoredRow, store: Store, *, with_mask: bool) -> dict[str, str]:
    shown = {"key": row["key"], "prompt": row["prompt"], "kept": row["kept"]}
    return shown | {"mask_png": store.mask_png(row)} if with_mask else shown


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


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


def _check_prompts(prompts: list[str]) -> None:
    if len(prompts) > MAX_PROMPTS:
        raise UsageError(
            f"{len(prompts)} prompts",
            allowed=f"at most {MAX_PROMPTS} in a call",
            remedy="send the others in a second call",
        )
    refuse_endless(prompts)
    # Half a character is refused here (UnicodeError), before an encoder meets it.
    "".join(prompts).encode("utf-8")


def _check_work(pixels: np.ndarray, n_prompts: int) -> None:
    """A pixel of a result takes some 17 bytes until it is answered."""
    height, width = pixels.shape[:2]
    if height * width * n_prompts > MAX_PIXELS:
        raise UsageError(
            f"{n_prompts} prompts on {height} × {width} pixels",
            allowed=f"pixels times prompts are at most {MAX_PIXELS:,}",
            remedy="send fewer prompts in a call, or a smaller image",
        )


async def _content(image: UploadFile | None, reference: str | None, archives: Archives) -> bytes:
    """The bytes that were sent, or those in an archive: exactly one of the two."""
    if (image is None) == (not reference):
        raise UsageError(
            "both image and reference" if image is not None else "no image",
            allowed="image or reference",
            remedy="send one of them",
        )
    if image is not None:
        return await image.read()
    # Off the event loop: the archive may be slow.
    return await in_thread(FETCHING, _fetched, parse(reference), archives)


def _fetched(reference: Reference, archives: Archives) -> bytes:
    files = fetch(reference, archives, most_bytes=MAX_FILE_BYTES)
    if len(files) != 1:
        raise UsageError(
            f"a reference to {len(files)} images",
            allowed="one image in a call",
            remedy="name the instance: …/series/UID/instances/UID",
        )
    return files[0]


def _decoded(content: bytes, model: Served) -> Picture:
    data = model.segmenter.config.data
    return uploads.read_picture(content, data.channels, data.grey)


def _pictures(
    image: bytes, mask: bytes, suggested: bytes
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pixels = uploads.read_image(image, channels=3)
    return pixels, _mask(mask, "mask", pixels), _mask(suggested, "suggested", pixels)


def _mask(content: bytes, name: str, image: np.ndarray) -> np.ndarray:
    mask = uploads.read_mask(content, name)
    if mask.shape != image.shape[:2]:
        raise UsageError(
            f"{name} is {mask.shape[0]} × {mask.shape[1]}",
            allowed=f"the image is {image.shape[0]} × {image.shape[1]}",
            remedy="send both alike",
        )
    return mask
