"""Bodies are taken in whole, within a size and a time, before anything else runs; what is over either is answered here."""

from __future__ import annotations

import asyncio
from typing import Any

from saywhere.errors import BodyTooLarge, BodyTooSlow, SaywhereError
from saywhere.io.limits import MAX_FILE_BYTES
from saywhere.serve.answers import answer

MAX_BODY_BYTES = MAX_FILE_BYTES + 512 * 1024  # an image at its limit, prompts, and the multipart's own lines
MAX_BODY_S = 30.0


class BodyLimit:
    """ASGI middleware. It reads the body itself, so that a lying Content-Length, chunks without one, and a slow sender are all bounded."""

    def __init__(self, app: Any, max_bytes: int = MAX_BODY_BYTES, max_s: float = MAX_BODY_S) -> None:
        self.app, self.max_bytes, self.max_s = app, max_bytes, max_s

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        try:
            self._check_declared(scope)
            body = await asyncio.wait_for(self._read(receive), self.max_s)
        except asyncio.TimeoutError:
            error: SaywhereError = BodyTooSlow(f"the body did not arrive within {self.max_s:g} s", remedy="send it again")
            await answer(error, close=True)(scope, receive, send)
        except BodyTooLarge as found:
            await answer(found, close=True)(scope, receive, send)
        else:
            if body is not None:
                await self.app(scope, _replay(body, receive), send)

    def _check_declared(self, scope: Any) -> None:
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > self.max_bytes:
                raise self._too_large(int(value))

    async def _read(self, receive: Any) -> bytes | None:
        """None where the sender went away."""
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self.max_bytes:
                raise self._too_large(len(body))
            if not message.get("more_body"):
                return bytes(body)

    def _too_large(self, n_bytes: int) -> BodyTooLarge:
        return BodyTooLarge(f"a body of {n_bytes:,} bytes", allowed=f"at most {self.max_bytes:,}", remedy="make the image smaller")


def _replay(body: bytes, receive: Any) -> Any:
    sent = False

    async def again() -> Any:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
