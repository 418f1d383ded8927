"""The routes of what people keep: write, list, take back."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated, Any

import numpy as np
from fastapi import FastAPI, File, Form, Query, Request, UploadFile
from starlette.concurrency import run_in_threadpool

from saywhere.errors import UsageError
from saywhere.io import uploads
from saywhere.io.dicomweb import Archives
from saywhere.serve import schemas
from saywhere.serve.content import (
    MAX_NAME_CHARS,
    MAX_REFERENCE_CHARS,
    ROW_KEY,
    check_prompts,
    content_of,
    sha256,
)
from saywhere.serve.models import Models
from saywhere.serve.queue import SegmentQueue
from saywhere.serve.schemas import refusals
from saywhere.serve.slow_work import DECODING, count_pixels, in_thread
from saywhere.serve.store import Store
from saywhere.serve.stored_row import Known, StoredRow
from saywhere.serve.users import reader

MAX_SEEN = 10_000


def add_kept_routes(
    app: FastAPI,
    models: Models,
    queue: SegmentQueue,
    store: Store | None,
    archives: Archives,
    before: list[Any],
) -> None:
    """Add the routes of the store to a service.

    Args:
        app: the service.
        models: the models that it offers.
        queue: pictures take a place of it while they are decoded and written.
        store: where "keep" writes; None: nothing can be kept.
        archives: hosts that images may be fetched from by reference.
        before: what is checked before each call.
    """
    _add_keep(app, models, queue, store, archives, before)
    _add_kept(app, queue, store, before)
    _add_take_back(app, store, before)


def _add_keep(
    app: FastAPI,
    models: Models,
    queue: SegmentQueue,
    store: Store | None,
    archives: Archives,
    before: list[Any],
) -> None:
    @app.post(
        "/v1/keep",
        dependencies=before,
        response_model=schemas.Kept,
        responses=refusals(*schemas.KEEP),
    )
    async def keep(
        request: Request,
        mask: Annotated[
            UploadFile, File(description="as corrected: PNG, 0 and 255, of the image's size")
        ],
        suggested: Annotated[UploadFile, File(description="as the model gave it")],
        key: Annotated[
            str,
            Form(
                pattern=ROW_KEY,
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
        model: Annotated[str | None, Form(description="that gave `suggested`")] = None,
        seen: Annotated[
            list[str] | None,
            Form(
                description="keys of the rows of this image that the sender knows of; where one "
                "for the same prompt is not among them, 409 says so and nothing is written; an "
                "empty key stands for none",
                max_length=MAX_SEEN,
            ),
        ] = None,
        beside: Annotated[
            bool, Form(description="write it though another row was not seen: both stay")
        ] = False,
        replaces: Annotated[
            str | None,
            Form(pattern=ROW_KEY, description="a row that this one takes the place of"),
        ] = None,
        name: Annotated[
            str | None,
            Form(
                max_length=MAX_NAME_CHARS,
                description="the image's own name, for the export; names may be a patient's",
            ),
        ] = None,
        group: Annotated[
            str | None,
            Form(
                max_length=MAX_NAME_CHARS,
                description="the patient or study, whose rows share a split",
            ),
        ] = None,
    ) -> dict[str, object]:
        """Write it to the store's manifest, which `saywhere train` takes as it is."""
        opened = _opened(store)
        check_prompts([prompt])
        chosen = models.named(model)
        about: dict[str, Any] = {"who": reader(request, who), "model": chosen.name}
        about |= {field: text for field, text in (("name", name), ("group", group)) if text}
        known = Known(None if seen is None else frozenset(seen), beside=beside, replaces=replaces)
        with queue.place():
            content = await content_of(image, reference, archives)
            sent = [content, await mask.read(), await suggested.read()]
            about["source"] = sha256(content)
            # Each in its turn: a call that held one and waited for the next could wait for ever.
            n_pixels = [await count_pixels(file) for file in sent]
            async with queue.pixels.reserve(sum(n_pixels)):
                pictures = await in_thread(DECODING, _pictures, *sent)
                row = await run_in_threadpool(opened.keep, key, *pictures, prompt, known, **about)
        return {"key": row["key"], "kept": row["kept"], "n_kept": opened.n_kept}


def _add_kept(app: FastAPI, queue: SegmentQueue, store: Store | None, before: list[Any]) -> None:
    @app.get(
        "/v1/kept",
        dependencies=before,
        response_model=schemas.KeptList,
        responses=refusals(*schemas.GET, 503),
    )
    async def kept(
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
        # Masks are read whole; the list alone waits for nobody.
        with queue.place() if image else nullcontext():
            return await run_in_threadpool(_listed, store, image)


def _add_take_back(app: FastAPI, store: Store | None, before: list[Any]) -> None:
    @app.post(
        "/v1/take-back",
        dependencies=before,
        response_model=schemas.TakenBack,
        responses=refusals(*schemas.TAKE_BACK),
    )
    def take_back(
        request: Request,
        key: Annotated[str, Form(pattern=ROW_KEY, description="of the row")],
        who: Annotated[str, Form(max_length=MAX_NAME_CHARS)] = "",
    ) -> dict[str, object]:
        """Take a row out of the manifest; it stays in history.jsonl, its pictures on the disk."""
        opened = _opened(store)
        taken = opened.take_back(key, reader(request, who))
        return {"keys": [row["key"] for row in taken], "n_kept": opened.n_kept}


def _listed(store: Store, image: str | None) -> dict[str, object]:
    rows = store.rows()[-200:] if image is None else store.of_image(image)
    return {
        "n_kept": store.n_kept,
        "rows": [_kept_row(row, store, with_mask=image is not None) for row in rows],
        "images": store.sources() if image is None else [],
    }


def _opened(store: Store | None) -> Store:
    if store is None:
        raise UsageError("this server keeps nothing", remedy="start it with --store DIR")
    return store


def _kept_row(row: StoredRow, store: Store, *, with_mask: bool) -> dict[str, str]:
    shown = {"key": row["key"], "prompt": row["prompt"], "kept": row["kept"]}
    shown |= {name: str(row.get(name, "")) for name in ("who", "model", "group")}
    return shown | {"mask_png": store.mask_png(row)} if with_mask else shown


def _pictures(
    image: bytes, mask: bytes, suggested: bytes
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pixels = uploads.read_image(image, channels=3)
    return (
        pixels,
        mask_of_image(mask, "mask", pixels),
        mask_of_image(suggested, "suggested", pixels),
    )


def mask_of_image(content: bytes, name: str, image: np.ndarray) -> np.ndarray:
    """Decode a mask that belongs to an image.

    Args:
        content: all bytes of its file.
        name: how errors name it.
        image: its pixels (height, width, channel).

    Returns:
        bool (height, width).

    Raises:
        UsageError: it has another size.
        UnreadableFile: it is no mask that can be read.
    """
    mask = uploads.read_mask(content, name)
    if mask.shape != image.shape[:2]:
        raise UsageError(
            f"{name} is {mask.shape[0]} × {mask.shape[1]}",
            allowed=f"the image is {image.shape[0]} × {image.shape[1]}",
            remedy="send both alike",
        )
    return mask
