"""The routes of what is done with kept masks: review, agreement, export."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Form, Query, Request
from fastapi.responses import FileResponse
from pydantic import StringConstraints
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from saywhere.errors import UsageError
from saywhere.io.limits import MAX_PIXELS
from saywhere.serve import schemas
from saywhere.serve.content import MAX_NAME_CHARS, ROW_KEY
from saywhere.serve.export import write_zip
from saywhere.serve.queue import SegmentQueue
from saywhere.serve.reviews import Agreement, Review, Reviews, Verdict
from saywhere.serve.schemas import refusals
from saywhere.serve.store import Store
from saywhere.serve.users import reader

Key = Annotated[str, StringConstraints(pattern=ROW_KEY)]
"""Of a kept row."""

MAX_COMMENT_CHARS = 2000
ZIP: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/zip": {"schema": {"type": "string"}}}}
}


def add_review_routes(
    app: FastAPI, queue: SegmentQueue, store: Store | None, before: list[Any]
) -> None:
    """Add the routes to a service.

    Args:
        app: the service.
        queue: who reads kept pictures takes a place of it.
        store: what is kept; None: nothing.
        before: what is checked before each call.
    """
    reviews = None if store is None else Reviews(store)

    @app.post(
        "/v1/review",
        dependencies=before,
        response_model=schemas.Review,
        responses=refusals(*schemas.TAKE_BACK),
    )
    def review(
        request: Request,
        key: Annotated[str, Form(pattern=ROW_KEY, description="of the row")],
        verdict: Annotated[Verdict, Form(description="open takes an earlier one back")],
        comment: Annotated[str, Form(max_length=MAX_COMMENT_CHARS)] = "",
        who: Annotated[str, Form(max_length=MAX_NAME_CHARS)] = "",
    ) -> Review:
        """Say what a second look at a row found; the newest counts."""
        return _given(reviews).add(key, verdict, comment, reader(request, who))

    @app.get(
        "/v1/reviews",
        dependencies=before,
        response_model=schemas.ReviewList,
        responses=refusals(*schemas.GET),
    )
    def list_reviews(
        key: Annotated[list[Key], Query(max_length=500, default_factory=list)],
    ) -> dict[str, list[Review]]:
        """The newest review of each of these rows."""
        newest = [_given(reviews).of(each) for each in key]
        return {"reviews": [each for each in newest if each is not None]}

    @app.get(
        "/v1/agreement",
        dependencies=before,
        response_model=schemas.AgreementList,
        responses=refusals(*schemas.GET, 503),
    )
    async def agreement() -> dict[str, list[Agreement]]:
        """Dice of every two masks that were kept for one picture and one prompt."""
        given = _given(reviews)
        with queue.place():
            async with queue.pixels.reserve(MAX_PIXELS):
                return {"pairs": await run_in_threadpool(given.agreement)}

    _add_export(app, queue, store, before)


def _add_export(app: FastAPI, queue: SegmentQueue, store: Store | None, before: list[Any]) -> None:
    @app.get(
        "/v1/export",
        dependencies=before,
        response_class=FileResponse,
        responses=ZIP | refusals(*schemas.GET, 503, 507),
    )
    async def export(
        format: Annotated[
            list[Literal["png", "coco", "yolo", "nifti", "dicom-seg"]] | None,
            Query(description="beside the PNG masks and the manifest, which are always there"),
        ] = None,
        names: Annotated[
            bool, Query(description="the pictures' own names, where they were kept")
        ] = False,
    ) -> FileResponse:
        """All that is kept, as a zip with a manifest that `saywhere train` takes."""
        if store is None:
            raise UsageError("this server keeps nothing", remedy="start it with --store DIR")
        if "dicom-seg" in (format or []):
            raise UsageError(
                "DICOM SEG of all that is kept",
                allowed="the store keeps no DICOM file, so its masks lie in no study",
                remedy="open the DICOM image on the page, which brings back what was kept, and "
                "choose DICOM SEG there; for programs: POST /v1/dicom-seg",
            )
        with queue.place():
            # One picture after the other: never more than the largest one.
            async with queue.pixels.reserve(MAX_PIXELS):
                file = await run_in_threadpool(_zipped, store, format or ["png"], names)
        return FileResponse(
            file,
            media_type="application/zip",
            filename="saywhere-masks.zip",
            background=BackgroundTask(file.unlink),
        )


def _zipped(store: Store, formats: Sequence[str], with_names: bool) -> Path:
    handle, name = tempfile.mkstemp(prefix="saywhere-export-", suffix=".zip")
    os.close(handle)
    try:
        write_zip(store, Path(name), formats, with_names=with_names)
    except BaseException:
        Path(name).unlink()
        raise
    return Path(name)


def _given(reviews: Reviews | None) -> Reviews:
    if reviews is None:
        raise UsageError("this server keeps nothing", remedy="start it with --store DIR")
    return reviews
