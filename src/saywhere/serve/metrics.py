"""What is counted and written down of a request: never a prompt, a name or a pixel."""

from __future__ import annotations

import json
import logging
import time
import traceback
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from saywhere.serve.errors import refusal

log = logging.getLogger("saywhere.serve")
HEADER = b"x-request-id"
UNKNOWN = "something went wrong here; the log has it under the X-Request-ID of this answer"


class Watch:
    """ASGI middleware: a request's id, its line in the log, its place in the metrics."""

    def __init__(self, app: Any, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, request, status, is_begun = time.perf_counter(), uuid.uuid4().hex, 500, False

        async def watched(message: Any) -> None:
            nonlocal status, is_begun
            if message["type"] == "http.response.start":
                is_begun = True
                status = message["status"]
                message.setdefault("headers", []).append((HEADER, request.encode()))
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as error:  # ours are answered further in: this one is a fault of the code
            place = traceback.extract_tb(error.__traceback__)[-1]
            log.error(
                json.dumps(
                    {
                        "request": request,
                        "error": type(error).__name__,
                        "at": f"{Path(place.filename).name}:{place.lineno}",
                    }
                )
            )
            if not is_begun:
                await refusal(500, "failed", UNKNOWN, "try again; if it stays, report it")(
                    scope, receive, watched
                )
        finally:
            route = getattr(
                scope.get("route"), "path", "none"
            )  # the pattern, not what was asked for
            took_s = time.perf_counter() - started
            self.metrics.requests.labels(route, str(status)).inc()
            self.metrics.seconds.labels(route).observe(took_s)
            log.info(
                json.dumps(
                    {
                        "request": request,
                        "method": scope["method"],
                        "route": route,
                        "status": status,
                        "ms": round(1000 * took_s, 1),
                    }
                )
            )


class Metrics:
    """Of one service, in Prometheus' form."""

    def __init__(self, taken: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "saywhere_requests", "Requests answered", ["route", "status"], registry=self._registry
        )
        self.seconds = Histogram(
            "saywhere_request_seconds",
            "From a request's first line to its answer's last",
            ["route"],
            registry=self._registry,
        )
        self.masks = Counter("saywhere_masks", "Masks made", ["model"], registry=self._registry)
        Gauge(
            "saywhere_requests_taken", "Requests in work or waiting", registry=self._registry
        ).set_function(taken)

    def text(self) -> bytes:
        """For `GET /metrics`."""
        return generate_latest(self._registry)
