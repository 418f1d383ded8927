"""The routes under /v1."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Form, Request, Security
from fastapi.security import HTTPBearer

from saywhere.io.dicomweb import Archives
from saywhere.io.limits import MAX_FILE_BYTES, MAX_PIXELS, MAX_PROMPT_CHARS
from saywhere.serve import schemas
from saywhere.serve.accept import check_accept
from saywhere.serve.content import (
    MAX_PROMPTS,
    check_prompts,
)
from saywhere.serve.corrected_route import add_corrected_routes
from saywhere.serve.kept_routes import add_kept_routes
from saywhere.serve.metrics import Metrics
from saywhere.serve.models import Models
from saywhere.serve.picture_route import add_picture_routes
from saywhere.serve.queue import SegmentQueue
from saywhere.serve.review_routes import add_review_routes
from saywhere.serve.schemas import refusals
from saywhere.serve.segment_route import add_segment_route
from saywhere.serve.store import Store
from saywhere.serve.strict import refuse_other_text, refuse_repeated, refuse_unknown
from saywhere.serve.users import USER
from saywhere.text.directions import contradict

LIMITS = {
    "file_bytes": MAX_FILE_BYTES,
    "pixels": MAX_PIXELS,
    "prompt_chars": MAX_PROMPT_CHARS,
    "prompts": MAX_PROMPTS,
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
    add_segment_route(app, models, queue, metrics, listed, before)
    add_kept_routes(app, models, queue, store, listed, before)
    add_corrected_routes(app, models, queue, listed, before)
    add_picture_routes(app, queue, listed, before)
    add_review_routes(app, queue, store, before)


def _add_models(
    app: FastAPI, models: Models, store: Store | None, archives: Archives, before: list[Any]
) -> None:
    @app.get(
        "/v1/models",
        dependencies=before,
        response_model=schemas.ModelList,
        responses=refusals(*schemas.GET),
    )
    async def list_models(request: Request) -> dict[str, object]:
        """The models; a call names one where there are several."""
        return {
            "models": [model.facts() for model in models],
            "keeps": store is not None,
            # Whether, not where: an archive's address is no business of every caller.
            "takes_references": bool(archives.addresses),
            "limits": LIMITS,
            "user": request.scope.get(USER),
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
