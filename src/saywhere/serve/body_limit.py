"""Bodies are taken in whole, within a size, a time and the memory for all of them, before anything else runs; what is over is answered here."""

from __future__ import annotations

import asyncio
from typing import Any

from saywhere.errors import BodyTooLarge, BodyTooSlow, Busy, SaywhereError
from saywhere.io.limits import MAX_FILE_BYTES
from saywhere.serve.auth import READING
from saywhere.serve.errors import answer

MAX_BODY_BYTES = (
    MAX_FILE_BYTES + 512 * 1024
)  # an image at its limit, prompts, and the multipart's own lines
MAX_BODY_S = 29.0
MAX_HELD_BYTES = 1 << 30  # of all bodies that are in memory at once, arriving or in work


class BodyLimit:
    """ASGI middleware. It reads the body itself, so that a lying Content-Length, chunks without one, and a slow sender are all bounded."""

    def __init__(
        self,
        app: Any,
        max_bytes: int = MAX_BODY_BYTES,
        max_s: float = MAX_BODY_S,
        max_held_bytes: int = MAX_HELD_BYTES,
    ) -> None:
        self.app, self.max_bytes, self.max_s, self.max_held_bytes, self.n_held_bytes = (
            app,
            max_bytes,
            max_s,
            max_held_bytes,
            0,
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] in READING:
            await self.app(scope, receive, send)
            return
        body = bytearray()
        try:
            self._check_declared(scope)
            is_whole = await asyncio.wait_for(self._read(receive, body), self.max_s)
        except asyncio.TimeoutError:
            error: SaywhereError = BodyTooSlow(
                f"the body did not arrive within {self.max_s:g} s", remedy="send it again"
            )
            await answer(error, close=True)(scope, receive, send)
        except (BodyTooLarge, Busy) as found:
            await answer(found, close=True)(scope, receive, send)
        else:
            if is_whole:
                await self.app(scope, _replay(bytes(body), receive), send)
        finally:
            self.n_held_bytes -= len(body)

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
    sent = False

    async def again() -> Any:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
