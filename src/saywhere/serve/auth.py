"""Who may call: looked at from a request's head, before a byte of its body is taken in."""

from __future__ import annotations

import hmac
import re
from typing import Any
from urllib.parse import urlsplit

from saywhere.errors import NotAllowed, SaywhereError, UsageError
from saywhere.serve.errors import answer

READING = ("GET", "HEAD", "OPTIONS")
"""Methods whose body nobody reads."""
HOST = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+))(?::\d*)?")


class Guard:
    """ASGI middleware: the name under which the service is called, the page that calls it, and its token.

    Args:
        hosts: names that the Host header may have; `*` is any. token: asked for in every call under /v1, and in whatever else sends a body.
    """

    def __init__(self, app: Any, hosts: tuple[str, ...], token: str | None) -> None:
        self.app, self.hosts, self.token = app, hosts, token

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            try:
                self._check(scope)
            except SaywhereError as error:
                await answer(error, close=scope["method"] not in READING)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _check(self, scope: Any) -> None:
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        called = headers.get("host", "")
        if "*" not in self.hosts and _name(called) not in self.hosts:
            raise _UnknownHost(
                "a call under another name",
                allowed="the Host header is the server's own name",
                remedy="see --public-name of `saywhere serve`",
            )
        if not scope["path"].startswith("/v1") and scope["method"] in READING:
            return
        if (
            "origin" in headers and _place(headers["origin"]) != called
        ):  # a form on a stranger's page asks for no leave beforehand
            raise NotAllowed(
                "a call from another site's page",
                allowed="only this server's own page may call it from a browser",
            )
        if self.token is not None and not hmac.compare_digest(
            headers.get("authorization", "").encode(), f"Bearer {self.token}".encode()
        ):
            raise NotAllowed(
                "no token, or a wrong one",
                remedy="send the header Authorization: Bearer TOKEN, as the server printed it",
            )


class _UnknownHost(UsageError):
    code, http_status = "unknown_host", 400


def _name(host: str) -> str | None:
    """`[::1]:7860` → `::1`"""
    found = HOST.fullmatch(host)
    return (found[1] or found[2]).lower() if found else None


def _place(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None
