"""The service: FastAPI over one desk. `build_app` is all there is to embed it elsewhere."""

from __future__ import annotations

import asyncio
import hmac
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files as package_files
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import numpy as np
from fastapi import Depends, FastAPI, File, Form, Header, Request, Response, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from saywhere._version import __version__
from saywhere.errors import NotAllowed, SaywhereError, UsageError
from saywhere.io import images
from saywhere.io.decode import decode_bytes
from saywhere.io.limits import MAX_PIXELS, MAX_PROMPT_CHARS
from saywhere.serve.answers import CODES, answer, refusal
from saywhere.serve.body import BodyLimit
from saywhere.serve.desk import Desk, Job
from saywhere.serve.encode import as_base64, as_json, mask_png
from saywhere.serve.models import Models, Served
from saywhere.serve.store import Store
from saywhere.serve.watch import Metrics, Watch
from saywhere.text.prompts import contradict

MAX_PROMPTS = 16
MAX_NAME_CHARS = 200
INCLUDED = {"probability", "pseudo_image", "image"}
LOOPBACK = ("localhost", "127.0.0.1", "[::1]", "::1")
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
HEADERS = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache"}
KEY = re.compile(r"[0-9a-f]{32}")


def build_app(models: Models, store: Store | None = None, *, token: str | None = None, hosts: tuple[str, ...] = LOOPBACK, places: int = 32) -> FastAPI:
    """The page at /, the service at /v1, /healthz, /readyz, /metrics.

    Args:
        store: where "keep" writes; without one, nothing can be kept. token: asked for in every call under /v1 (`Authorization: Bearer …`).
        hosts: names under which the service may be called (another Host header is refused). places: requests in work or waiting.
    """
    desk = Desk(places)
    metrics = Metrics(lambda: desk.n_taken)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(desk.close)
        if store is not None:
            store.close()

    app = FastAPI(title="Saywhere", version=__version__, description="Say where, see the mask. Research use only, not a medical device.",
                  lifespan=lifespan, docs_url=None, redoc_url=None)  # fmt: skip
    app.state.desk = desk
    app.add_middleware(BodyLimit)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    app.add_middleware(Watch, metrics=metrics)
    _answer_errors(app)
    _add_health(app, desk, metrics)
    _add_calls(app, models, desk, metrics, store, _guard(token))
    app.mount("/", _Page(directory=str(package_files("saywhere.serve") / "page"), html=True))
    return app


def _guard(token: str | None) -> Any:
    def allowed(request: Request, authorization: Annotated[str | None, Header()] = None, origin: Annotated[str | None, Header()] = None) -> None:
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):  # a form on a stranger's page asks for no leave beforehand
            raise NotAllowed("a call from another site's page", allowed="only this server's own page may call it from a browser")
        if token is not None and not hmac.compare_digest((authorization or "").encode(), f"Bearer {token}".encode()):
            raise NotAllowed("no token, or a wrong one", remedy="send the header Authorization: Bearer TOKEN, as the server printed it")

    return Depends(allowed)


def _add_health(app: FastAPI, desk: Desk, metrics: Metrics) -> None:
    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok", "version": __version__}

    @app.get("/readyz")
    def readyz() -> JSONResponse:
        """Requests are taken; 503 while the service stops."""
        return JSONResponse({"status": "ready" if desk.is_open else "stopping"}, 200 if desk.is_open else 503)

    @app.get("/metrics")
    def prometheus() -> Response:
        """In Prometheus' text form."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")


def _add_calls(app: FastAPI, models: Models, desk: Desk, metrics: Metrics, store: Store | None, guard: Any) -> None:
    @app.get("/v1/models", dependencies=[guard])
    def list_models() -> dict[str, Any]:
        """What there is; the first is the default."""
        return {"models": [model.facts() for model in models], "keeps": store is not None}

    @app.post("/v1/segment", dependencies=[guard])
    async def segment(
        request: Request,
        image: Annotated[UploadFile, File(description="PNG, JPEG, TIFF or BMP")],
        prompt: Annotated[list[str] | None, Form(description="what to segment; may be repeated; blank: no words")] = None,
        model: Annotated[str | None, Form()] = None,
        threshold: Annotated[float | None, Form(gt=0, lt=1)] = None,
        include: Annotated[list[str] | None, Form(description="probability, pseudo_image, image: also as PNG")] = None,
    ) -> Response:
        """A mask a prompt, as COCO RLE; with `Accept: image/png` the first one as a PNG of the image's size."""
        started = time.perf_counter()
        chosen, said, wanted = models.named(model), _checked(prompt or [""]), _known(include or [])
        desk.take()
        try:
            pixels = await run_in_threadpool(_decoded, await image.read(), chosen)
            _check_work(pixels, len(said))
            answers = [asyncio.wrap_future(desk.submit(Job(chosen.segmenter, pixels, text, threshold))) for text in said]
            found = await asyncio.gather(*answers)
        finally:
            desk.give()
        metrics.masks.labels(chosen.name).inc(len(found))
        if "image/png" in request.headers.get("accept", ""):
            return Response(await run_in_threadpool(mask_png, found[0][0].mask), media_type="image/png")
        results = await run_in_threadpool(lambda: [as_json(result, wanted) for result, _ in found])
        timings = {"model": round(max(took for _, took in found), 1), "total": round(1000 * (time.perf_counter() - started), 1)}
        shown = {"image_png": await run_in_threadpool(as_base64, pixels.squeeze())} if "image" in wanted else {}
        return JSONResponse({"model": chosen.name, "size": list(pixels.shape[:2]), "results": results, "timings_ms": timings} | shown)

    @app.post("/v1/opposite", dependencies=[guard])
    def opposite(prompt: Annotated[str, Form()] = "") -> dict[str, str | None]:
        """The prompt with left and right, upper and lower exchanged; null where it names no side."""
        (said,) = _checked([prompt])
        return {"prompt": contradict(said)}

    @app.post("/v1/keep", dependencies=[guard])
    async def keep(
        image: Annotated[UploadFile, File()],
        mask: Annotated[UploadFile, File(description="as corrected: PNG, 0 and 255, of the image's size")],
        suggested: Annotated[UploadFile, File(description="as the model gave it")],
        key: Annotated[str, Form(description="32 hexadecimal digits, the sender's own: the same key twice is one row")],
        prompt: Annotated[str, Form(description="blank: no words")] = "",
        who: Annotated[str, Form(max_length=MAX_NAME_CHARS)] = "",
        model: Annotated[str | None, Form()] = None,
    ) -> dict[str, Any]:
        """Write it to the store's manifest, which `saywhere train` takes as it is."""
        if store is None:
            raise UsageError("this server keeps nothing", remedy="start it with --store DIR")
        if not KEY.fullmatch(key):
            raise UsageError("a key that is none", allowed="32 hexadecimal digits", remedy="draw them at random, once an act")
        (said,), chosen = _checked([prompt]), models.named(model)
        sent = [await part.read() for part in (image, mask, suggested)]
        row = await run_in_threadpool(lambda: store.keep(key, *_pictures(*sent), said, who=who, model=chosen.name))
        return {"key": row["key"], "kept": row["kept"], "n_kept": store.n_kept}

    @app.get("/v1/kept", dependencies=[guard])
    def kept() -> dict[str, Any]:
        """What was kept so far, without the pictures."""
        rows = store.rows() if store is not None else []
        return {"n_kept": len(rows), "rows": [{"key": row["key"], "prompt": row["prompt"], "kept": row["kept"]} for row in rows[-200:]]}


def _checked(prompts: list[str]) -> list[str]:
    if len(prompts) > MAX_PROMPTS:
        raise UsageError(f"{len(prompts)} prompts", allowed=f"at most {MAX_PROMPTS} a call", remedy="send the others in a second call")
    if too_long := next((prompt for prompt in prompts if len(prompt) > MAX_PROMPT_CHARS), None):
        raise UsageError(f"a prompt of {len(too_long):,} characters", allowed=f"at most {MAX_PROMPT_CHARS:,}", remedy="say it in a sentence")
    return prompts


def _check_work(pixels: np.ndarray, n_prompts: int) -> None:
    """A pixel of a result takes some 17 bytes until it is answered."""
    height, width = pixels.shape[:2]
    if height * width * n_prompts > MAX_PIXELS:
        raise UsageError(f"{n_prompts} prompts on {height} × {width} pixels", allowed=f"pixels times prompts are at most {MAX_PIXELS:,}",
                         remedy="send fewer prompts a call, or a smaller image")  # fmt: skip


def _known(include: list[str]) -> frozenset[str]:
    if unknown := set(include) - INCLUDED:
        raise UsageError(f"include is {min(unknown)[:40]!r}", allowed=f"{', '.join(sorted(INCLUDED))} are known")
    return frozenset(include)


def _decoded(content: bytes, model: Served) -> np.ndarray:
    return images.image_pixels(decode_bytes(content, Path("image")), Path("image"), model.segmenter.config.data.channels)


def _pictures(image: bytes, mask: bytes, suggested: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pixels = images.image_pixels(decode_bytes(image, Path("image")), Path("image"))
    return pixels, _mask(mask, "mask", pixels), _mask(suggested, "suggested", pixels)


def _mask(content: bytes, name: str, image: np.ndarray) -> np.ndarray:
    mask = images.as_mask(decode_bytes(content, Path(name)), Path(name))
    if mask.shape != image.shape[:2]:
        raise UsageError(f"{name} is {mask.shape[0]} × {mask.shape[1]}", allowed=f"the image is {image.shape[0]} × {image.shape[1]}", remedy="send both alike")
    return mask


def _answer_errors(app: FastAPI) -> None:
    @app.exception_handler(SaywhereError)
    async def ours(request: Request, error: SaywhereError) -> JSONResponse:
        return answer(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        fault = error.errors()[0]
        key = ".".join(str(part) for part in fault["loc"][1:])[:80]
        return refusal(422, "usage", f"{key}: {fault['msg'].lower()[:200]}", "see /openapi.json")

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        return refusal(error.status_code, CODES.get(error.status_code, "bad_request"), str(error.detail)[:200])


class _Page(StaticFiles):
    """The page's files, with a policy that lets no request leave the machine."""

    def file_response(self, *inputs: Any, **named: Any) -> Response:
        response = super().file_response(*inputs, **named)
        response.headers.update(
            {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache"}
        )
        return response
