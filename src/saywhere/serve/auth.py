"""Who may call: decided from a request's head, before a byte of its body is taken in."""

from __future__ import annotations

import base64
import hmac
import re
from typing import Any
from urllib.parse import urlsplit

from saywhere.errors import NotAllowed, SaywhereError, UsageError
from saywhere.serve.errors import error_response
from saywhere.serve.users import USER, Users

READING = ("GET", "HEAD", "OPTIONS")
"""Methods whose body nobody reads."""
HOST = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+))(?::\d*)?")


class Auth:
    """ASGI middleware: checks the server's name, the page that calls, and the token."""

    def __init__(
        self,
        app: Any,
        hosts: tuple[str, ...],
        token: str | None,
        users: Users | None = None,
    ) -> None:
        """Wrap an application.

        Args:
            app: the ASGI application.
            hosts: names that the Host header may have; `*` is any.
            token: needed for every call under /v1, and for whatever else sends a body.
            users: in the place of `token`: each has one, and the scope gets the name.
        """
        self.app = app
        self.hosts = hosts
        self.token = token
        self.users = users

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on, or refuse it.

        Args:
            scope: the connection, as ASGI describes it.
            receive: gives the next message.
            send: sends a message.
        """
        if scope["type"] == "http":
            try:
                self._check(scope)
            except SaywhereError as error:
                # Ends the connection: an unread body would be taken for the next request.
                refused = error_response(error, close=scope["method"] not in READING)
                await refused(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _check(self, scope: Any) -> None:
        headers = {
            # Headers are bytes, and latin-1 takes any of them.
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        called = headers.get("host", "")
        if "*" not in self.hosts and _name(called) not in self.hosts:
            raise _UnknownHost(
                "a call under another name",
                allowed="the Host header is the server's own name",
                remedy="see --public-name of `saywhere serve`",
            )
        # The page and the health checks are open; whatever sends a body is not.
        if not scope["path"].startswith("/v1") and scope["method"] in READING:
            return
        # A form on a stranger's page is sent without a preflight, so the browser does not stop it.
        if "origin" in headers and _place(headers["origin"]) != called:
            raise NotAllowed(
                "a call from another site's page",
                allowed="only this server's own page may call it from a browser",
            )
        sent = _sent_token(headers)
        if self.users is not None:
            scope[USER] = self.users.named(sent) if sent else None
        is_known = scope.get(USER) is not None
        if self.users is None:
            # In constant time: the time of an answer says nothing of the token.
            is_known = self.token is None or hmac.compare_digest(sent.encode(), self.token.encode())
        if not is_known:
            raise NotAllowed(
                "no token, or a wrong one",
                remedy="send the header Authorization: Bearer TOKEN, as the server printed it",
            )


class _UnknownHost(UsageError):
    code = "unknown_host"
    http_status = 400


def _sent_token(headers: dict[str, str]) -> str:
    """Empty where there is none.

    As a password it counts too, under any name: Label Studio knows no other way.
    """
    kind, _, sent = headers.get("authorization", "").partition(" ")
    if kind == "Basic":
        return _password(sent)
    return sent if kind == "Bearer" else ""


def _password(encoded: str) -> str:
    """Of `Authorization: Basic`; empty where there is none."""
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _name(host: str) -> str | None:
    """`[::1]:7860` → `::1`"""
    match = HOST.fullmatch(host)
    return (match[1] or match[2]).lower() if match else None


def _place(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None
