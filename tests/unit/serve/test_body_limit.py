"""A body is bounded in size and time, whatever its head claims."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from saywhere.serve.body_limit import BodyLimit


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    message = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(len(message["body"])).encode()})


def told(
    chunks: list[bytes], declared: int | None = None, pause_s: float = 0.0, max_s: float = 5.0
) -> tuple[int, bytes]:
    """What a POST of these chunks is answered, where 1,000 bytes are allowed."""
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(pause_s)
        chunk = chunks.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [] if declared is None else [(b"content-length", str(declared).encode())]
    scope = {"type": "http", "method": "POST", "headers": headers}
    asyncio.run(BodyLimit(_echo, max_bytes=1000, max_s=max_s)(scope, receive, send))
    return sent[0]["status"], sent[1]["body"]


@pytest.mark.parametrize("declared", [None, 1000, 5])
def test_a_body_at_the_limit_passes_whole(declared: int | None) -> None:
    assert told([b"x" * 600, b"x" * 400], declared) == (200, b"1000")


@pytest.mark.parametrize("declared", [None, 5, 1001])
def test_one_byte_more_is_413_with_without_and_with_a_lying_length(declared: int | None) -> None:
    status, body = told([b"x" * 600, b"x" * 401], declared)
    assert status == 413
    assert b'"code":"too_large"' in body
    assert b"at most 1,000" in body


def test_an_announced_excess_is_refused_before_it_is_read() -> None:
    chunks = [b"x"] * 3
    assert told(chunks, declared=10**12)[0] == 413
    assert len(chunks) == 3


def test_a_body_that_drips_is_408() -> None:
    status, body = told([b"x"] * 50, pause_s=0.05, max_s=0.2)
    assert status == 408
    assert b'"code":"too_slow"' in body


def test_all_bodies_together_are_bounded_and_the_one_too_many_may_come_back() -> None:
    """Two of 600 bytes, where 1,000 are held in all.

    uvicorn's own limit counts connections and has no Retry-After.
    """
    begun = asyncio.Event()
    answers: list[Any] = []

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        begun.set()
        await asyncio.sleep(0.05)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> Any:
        return {"type": "http.request", "body": b"x" * 600}

    async def send(message: Any) -> None:
        answers.extend([message] if "status" in message else [])

    async def both() -> None:
        limit = BodyLimit(slow, max_held_bytes=1000)
        scope = {"type": "http", "method": "POST", "headers": []}
        first = asyncio.ensure_future(limit(scope, receive, send))
        await begun.wait()
        await limit(scope, receive, send)
        await first
        assert limit.n_held_bytes == 0
        await limit(scope, receive, send)

    asyncio.run(both())
    assert [answer["status"] for answer in answers] == [503, 200, 200]
    assert dict(answers[0]["headers"])[b"retry-after"] == b"1"
