"""Request bodies are read whole before anything else runs.

Each has a size, a time and its share of the memory for all; what is over is refused here.
"""

from __future__ import annotations

import asyncio
from typing import Any

from saywhere.errors import BodyTooLarge, BodyTooSlow, Busy
from saywhere.io.limits import MAX_FILE_BYTES
from saywhere.serve.auth import READING
from saywhere.serve.errors import error_response

MAX_BODY_BYTES = MAX_FILE_BYTES + 512 * 1024
"""An image at its limit, prompts, and the multipart's own lines."""
# A slow sender has its refusal within 30 seconds.
MAX_BODY_S = 29.0
GRACE_S = 10.0
MIN_BYTES_PER_S = 1000
"""After the grace: what is slower never ends in time, and is told so now."""
MAX_HELD_BYTES = 1 << 30
"""Of all bodies that are in memory at once, arriving or in work."""
BODY = "saywhere.body"
"""Key of a request's scope: the bytes of its body as they came."""


class BodyLimit:
    """ASGI middleware that reads the body itself.

    So a wrong Content-Length, chunks without one, and a slow sender are all bounded.
    """

    def __init__(
        self,
        app: Any,
        max_bytes: int = MAX_BODY_BYTES,
        max_s: float = MAX_BODY_S,
        max_held_bytes: int = MAX_HELD_BYTES,
        grace_s: float = GRACE_S,
    ) -> None:
        """Wrap an application.

        Args:
            app: the ASGI application.
            max_bytes: of one body.
            max_s: time in which one body must arrive.
            max_held_bytes: of all bodies in memory.
            grace_s: time after which the body's mean pace counts.
        """
        self.app = app
        self.max_bytes = max_bytes
        self.max_s = max_s
        self.max_held_bytes = max_held_bytes
        self.grace_s = min(grace_s, max_s)
        self.n_held_bytes = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Read a request's body and pass it on, or refuse it.

        Args:
            scope: the connection, as ASGI describes it.
            receive: gives the next message.
            send: sends a message.
        """
        if scope["type"] != "http" or scope["method"] in READING:
            await self.app(scope, receive, send)
            return
        body = bytearray()
        try:
            # What declares itself too large is refused before it is taken in.
            self._check_declared(scope)
            is_whole = await self._read_in_time(receive, body)
        except (BodyTooSlow, BodyTooLarge, Busy) as error:
            await error_response(error, close=True)(scope, receive, send)
        else:
            if is_whole:
                scope[BODY] = bytes(body)
                await self.app(scope, _replay(scope[BODY], receive), send)
        finally:
            # After the answer: until then the request holds its bytes.
            self.n_held_bytes -= len(body)

    async def _read_in_time(self, receive: Any, body: bytearray) -> bool:
        reading = asyncio.ensure_future(self._read(receive, body))
        try:
            await asyncio.wait([reading], timeout=self.grace_s)
            if not reading.done() and len(body) < MIN_BYTES_PER_S * self.grace_s:
                raise BodyTooSlow(
                    f"{len(body):,} bytes of the body in {self.grace_s:g} s",
                    allowed=f"at least {MIN_BYTES_PER_S:,} a second",
                    remedy="send it again",
                )
            await asyncio.wait([reading], timeout=self.max_s - self.grace_s)
            if not reading.done():
                raise BodyTooSlow(
                    f"the body did not arrive within {self.max_s:g} s", remedy="send it again"
                )
            return reading.result()
        finally:
            reading.cancel()

    def _check_declared(self, scope: Any) -> None:
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > self.max_bytes:
                raise self._too_large(int(value))

    async def _read(self, receive: Any, body: bytearray) -> bool:
        """Into `body`; False where the sender went away."""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return False
            chunk = message.get("body", b"")
            body += chunk
            self.n_held_bytes += len(chunk)
            if len(body) > self.max_bytes:
                raise self._too_large(len(body))
            if self.n_held_bytes > self.max_held_bytes:
                raise Busy(
                    "the service is busy",
                    allowed="it holds as many bodies as its memory allows",
                    remedy="try again after the seconds of Retry-After",
                )
            if not message.get("more_body"):
                return True

    def _too_large(self, n_bytes: int) -> BodyTooLarge:
        return BodyTooLarge(
            f"a body of {n_bytes:,} bytes",
            allowed=f"at most {self.max_bytes:,}",
            remedy="make the image smaller",
        )


def _replay(body: bytes, receive: Any) -> Any:
    """Give the body that was read as one message, then what comes from the connection."""
    is_sent = False

    async def replayed() -> Any:
        nonlocal is_sent
        if is_sent:
            return await receive()
        is_sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
