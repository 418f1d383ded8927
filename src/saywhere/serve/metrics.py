"""What is counted and logged of a request: never a prompt, a name or a pixel."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from saywhere.errors import Busy
from saywhere.serve.errors import error_response, refusal
from saywhere.serve.json_log import LINES, fault

log = logging.getLogger(LINES)
HEADER = b"x-request-id"
LEFT = 499
"""The status that nginx logs for a caller who closed the connection."""
UNKNOWN = "something went wrong here; the log has it under the X-Request-ID of this answer"


class RequestLog:
    """ASGI middleware: a request's id, its line in the log, its place in the metrics."""

    def __init__(self, app: Any, metrics: Metrics) -> None:
        """Wrap an application.

        Args:
            app: the ASGI application.
            metrics: where requests are counted.
        """
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on, count it, and log it.

        Args:
            scope: the connection, as ASGI describes it.
            receive: gives the next message.
            send: sends a message.
        """
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        request = uuid.uuid4().hex
        # Until an answer begins.
        status = 500
        is_begun = False

        async def noted(message: Any) -> None:
            nonlocal status, is_begun
            if message["type"] == "http.response.start":
                is_begun = True
                status = message["status"]
                message.setdefault("headers", []).append((HEADER, request.encode()))
            await send(message)

        try:
            await self.app(scope, receive, noted)
            if not is_begun:
                # The caller went away before the body was whole.
                status = LEFT
        except asyncio.CancelledError:
            # The service stops, and this took longer than it waits.
            if not is_begun:
                late = Busy("the service is about to stop", remedy="send it again")
                await error_response(late, close=True)(scope, receive, noted)
            status = 503
        # Our own errors are answered further in: one that comes here is a fault of the code.
        except Exception as error:
            _log_fault(request, error)
            if not is_begun:
                failed = refusal(500, "failed", UNKNOWN, "try again; if it stays, report it")
                await failed(scope, receive, noted)
        finally:
            # The route's pattern, not the address: an address may hold what a user typed.
            route = getattr(scope.get("route"), "path", "none")
            took_s = time.perf_counter() - started
            self.metrics.requests.labels(route, str(status)).inc()
            self.metrics.seconds.labels(route).observe(took_s)
            line = {
                "request": request,
                "method": scope["method"],
                "route": route,
                "status": status,
                "ms": round(1000 * took_s, 1),
            }
            log.info(json.dumps(line))


def _log_fault(request: str, error: Exception) -> None:
    log.error(json.dumps({"request": request, **fault(error)}))


class Metrics:
    """The numbers of one service, in Prometheus' form."""

    def __init__(self, taken: Callable[[], int]) -> None:
        """Set all to zero.

        Args:
            taken: gives the number of requests in work or waiting.
        """
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
        """Write all numbers.

        Returns:
            The body of `GET /metrics`.
        """
        return generate_latest(self._registry)
