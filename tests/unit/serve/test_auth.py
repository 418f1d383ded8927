"""Who may call is decided from a request's head: a stranger's body is never taken in."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from saywhere.serve.auth import Auth

HOSTS = ("localhost", "127.0.0.1", "::1", "saywhere.example.org")


def told(
    method: str = "POST",
    path: str = "/v1/segment",
    token: str | None = "secret",
    hosts: tuple[str, ...] = HOSTS,
    **headers: str,
) -> tuple[int, str]:
    """Status and code, where reading a byte of the body fails the test."""
    sent: list[Any] = []

    async def receive() -> Any:
        raise AssertionError("the body was asked for")

    async def send(message: Any) -> None:
        sent.append(message)

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        sent.extend([{"status": 200}, {"body": b'{"error": {"code": ""}}'}])

    named = {"host": "localhost:7860"} | headers
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in named.items()],
    }
    asyncio.run(Auth(inside, hosts, token)(scope, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"])["error"]["code"]


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer wrong", "secret", "Bearer secret ", "Bearer sécret"]
)
def test_a_wrong_token_is_refused_before_the_body_is_read(authorization: str) -> None:
    assert told(authorization=authorization) == (401, "not_allowed")


def test_the_right_token_passes_and_the_page_needs_none() -> None:
    assert told(authorization="Bearer secret")[0] == 200
    assert [
        told("GET", path)[0] for path in ("/", "/page.js", "/healthz", "/readyz", "/metrics")
    ] == [200] * 5
    assert told("GET", "/v1/models") == (401, "not_allowed")


@pytest.mark.parametrize("path", ["/healthz", "/", "//v1/segment"])
def test_no_body_is_taken_in_anywhere_without_the_token(path: str) -> None:
    assert told(path=path) == (401, "not_allowed")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost:1", "[::1]:7860", "saywhere.example.org", "LOCALHOST"]
)
def test_its_own_names_pass(host: str) -> None:
    assert told(host=host, token=None)[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "",
        "[::1",
        "evil.example:80@localhost:7860x",
        "127.0.0.1.evil.example",
    ],
)
def test_another_name_is_400_in_the_one_form(host: str) -> None:
    assert told("GET", "/", host=host, token=None) == (400, "unknown_host")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://[", "http://localhost:1", ""]
)
def test_another_sites_page_is_401(origin: str) -> None:
    assert told(token=None, origin=origin) == (401, "not_allowed")
    assert told(token=None, origin="http://localhost:7860")[0] == 200
