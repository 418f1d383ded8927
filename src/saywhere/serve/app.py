"""The service: FastAPI over one queue. `build_app` is all there is to embed it elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files as package_files
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.routing import Match

from saywhere._version import __version__
from saywhere.errors import Busy, SaywhereError
from saywhere.io.dicomweb import Archives
from saywhere.serve.auth import Auth
from saywhere.serve.body_limit import BodyLimit
from saywhere.serve.errors import CODES, error_response, refusal, refused_by_disk
from saywhere.serve.label_studio import add_label_studio
from saywhere.serve.metrics import Metrics, RequestLog
from saywhere.serve.models import Models
from saywhere.serve.queue import SegmentQueue
from saywhere.serve.routes import add_routes
from saywhere.serve.schemas import Health, Readiness, refusals
from saywhere.serve.store import Store
from saywhere.serve.strict import close_forms
from saywhere.serve.task_images import TaskImages
from saywhere.serve.users import Users

LOOPBACK = ("localhost", "127.0.0.1", "::1")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def build_app(
    models: Models,
    store: Store | None = None,
    *,
    token: str | None = None,
    hosts: tuple[str, ...] = LOOPBACK,
    places: int = 32,
    archives: Archives | None = None,
    task_images: TaskImages | None = None,
    users: Users | None = None,
) -> FastAPI:
    """Build the service: the page at /, the calls at /v1, /healthz, /readyz, /metrics.

    Args:
        models: the models that it offers.
        store: where "keep" writes; without one, nothing can be kept.
        token: needed for every call under /v1 (`Authorization: Bearer …`).
        hosts: names under which the service may be called; another Host header is refused.
        places: requests in work or waiting at once.
        archives: hosts that images may be fetched from by reference; None: from nowhere.
        task_images: where the images of Label Studio's tasks may come from; None: the service is no
            ML backend of it.
        users: in the place of `token`: who calls is whose token was sent.

    Returns:
        An ASGI application.
    """
    queue = SegmentQueue(places)
    metrics = Metrics(lambda: queue.n_taken)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        # Off the event loop, which sends the last answers meanwhile.
        await run_in_threadpool(queue.close)
        if store is not None:
            store.close()

    app = FastAPI(
        title="Saywhere",
        version=__version__,
        description="Say where, see the mask. Research use only, not a medical device.",
        lifespan=lifespan,
        # FastAPI's own pages load their scripts from another site.
        docs_url=None,
        redoc_url=None,
    )
    app.state.queue = queue
    # The last one added is the first that a request meets: log, then token, then body.
    app.add_middleware(BodyLimit)
    app.add_middleware(Auth, hosts=hosts, token=token, users=users)
    app.add_middleware(RequestLog, metrics=metrics)
    _answer_errors(app)
    _add_health(app, queue, metrics)
    needs_token = token is not None or users is not None
    add_routes(app, models, queue, metrics, store, archives, needs_token=needs_token)
    if task_images is not None:
        add_label_studio(app, models, queue, metrics, task_images, needs_token=needs_token)
    close_forms(app)
    # Last, since it takes every path that no route took.
    app.mount("/", _Page(app))
    return app


def _add_health(app: FastAPI, queue: SegmentQueue, metrics: Metrics) -> None:
    # None waits for anything. Coroutines, since files that decode slowly can fill all threads.
    @app.get("/healthz", response_model=Health, responses=refusals(400))
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok", "version": __version__}

    @app.get("/readyz", response_model=Readiness, responses=refusals(400, 503))
    async def readyz() -> dict[str, str]:
        """Requests are taken; 503 while the service stops."""
        if not queue.is_open:
            raise Busy("the service is about to stop", remedy="call another one")
        return {"status": "ready"}

    @app.get("/metrics", response_class=PlainTextResponse, responses=refusals(400))
    async def prometheus() -> Response:
        """In Prometheus' text form."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")


def _answer_errors(app: FastAPI) -> None:
    @app.exception_handler(SaywhereError)
    async def ours(request: Request, error: SaywhereError) -> JSONResponse:
        return error_response(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        fault = error.errors()[0]
        # The first part says body or query, and names no field.
        key = ".".join(str(part) for part in fault["loc"][1:])[:80]
        return refusal(422, "usage", f"{key}: {fault['msg'].lower()[:200]}", "see /openapi.json")

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        # The framework answers 400 for whatever stops it when it reads a body.
        if (disk := refused_by_disk(error.__cause__)) is not None:
            return error_response(disk)
        if isinstance(error.__cause__, UnicodeError):
            return _no_text()
        response = refusal(
            error.status_code, CODES.get(error.status_code, "bad_request"), str(error.detail)[:200]
        )
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(OSError)
    async def disk(request: Request, error: OSError) -> JSONResponse:
        if (refused := refused_by_disk(error)) is None:
            raise error
        return error_response(refused)

    @app.exception_handler(UnicodeError)
    async def unreadable(request: Request, error: UnicodeError) -> JSONResponse:
        return _no_text()


def _no_text() -> JSONResponse:
    """Of a form that claims a strange charset, or a name with half a character."""
    return refusal(422, "usage", "the text of this request cannot be read", "send it as UTF-8")


class _Page(StaticFiles):
    """The page's files, with a policy that lets no request leave the machine."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(directory=str(package_files("saywhere.serve") / "page"), html=True)
        self.app = app

    async def get_response(self, path: str, scope: Any) -> Response:
        # It takes every path, so the router never says that a call has another method.
        _refuse_method(self.app, scope)
        return await super().get_response(path, scope)

    def file_response(self, *inputs: Any, **named: Any) -> Response:
        response = super().file_response(*inputs, **named)
        response.headers.update(HEADERS)
        return response


def _refuse_method(app: FastAPI, scope: Any) -> None:
    """Refuse a call that is there with another method, and name that (405)."""
    calls = [route for route in app.routes if route.matches(scope)[0] is Match.PARTIAL]
    methods = {method for route in calls for method in getattr(route, "methods", ())}
    if methods:
        raise HTTPException(405, headers={"Allow": ", ".join(sorted(methods))})
