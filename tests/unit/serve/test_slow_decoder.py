"""A file that decodes slowly holds up its own request, and no other: over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saywhere.io import uploads
from saywhere.io.decoding_pool import DecodingPool
from saywhere.serve import run
from unit.serve.conftest import png
from unit.serve.served import serving_here

requests = pytest.importorskip("requests")
SLOW = b"slow"
N_THREADS = 40
"""Of the service, for all that is not slow: anyio's own number."""
PATIENCE_S = 15
"""Less than a decoder may take: a request that waits for one is not answered by then."""


class SlowPool:
    """Children that wait for a sign over a file of a certain beginning."""

    def __init__(self, sign: Path) -> None:
        self.pool = DecodingPool()
        self.sign = sign

    def run(self, function: str, content: bytes, **options: Any) -> Any:
        if content.startswith(SLOW) and function.endswith(":stated_pixels"):
            return {"n_pixels": 64}, []
        if content.startswith(SLOW):
            return self.pool.run("slow_decoders:wait", content, sign=str(self.sign))
        return self.pool.run(function, content, **options)


@pytest.fixture
def sign(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The file that ends all waiting."""
    slow = SlowPool(tmp_path / "sign")
    monkeypatch.setattr(uploads, "shared", lambda: slow)
    yield slow.sign
    slow.pool.close()


class Client(requests.Session):
    """Calls one address, never by a proxy that the machine may have."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address.rstrip("/")
        self.trust_env = False

    def request(self, method: Any, url: Any, **options: Any) -> requests.Response:
        return super().request(
            method, self.address + str(url), **{"timeout": PATIENCE_S, **options}
        )


@pytest.fixture
def client(
    monkeypatch: pytest.MonkeyPatch, trained: Path, tmp_path: Path, sign: Path
) -> Iterator[Client]:
    options = {"host": "127.0.0.1", "port": 0, "token": None, "say": print}
    folder = tmp_path / "kept"

    def start() -> None:
        run.run_server([trained], store=folder, places=2 * N_THREADS, **options)

    with serving_here(monkeypatch, start) as address, Client(address) as client:
        yield client


@contextmanager
def slow_requests(client: Client, n: int, sign: Path) -> Iterator[list[Future[Any]]]:
    """So many in work until the context ends."""
    with ThreadPoolExecutor(n) as threads:
        try:
            yield [threads.submit(segment, client, SLOW) for _ in range(n)]
        finally:
            sign.touch()


def segment(client: Client, content: bytes) -> requests.Response:
    files = {"image": ("image", content)}
    return client.post("/v1/segment", files=files, data={"prompt": "left"}, timeout=60)


def in_work(client: Client) -> int:
    (line,) = [
        line
        for line in client.get("/metrics").text.splitlines()
        if line.startswith("saywhere_requests_taken ")
    ]
    return int(float(line.split()[1]))


def wait_until_in_work(client: Client, n: int) -> None:
    while in_work(client) < n:
        pass


def test_another_picture_is_answered_meanwhile(client: Client, sign: Path) -> None:
    content = png(np.zeros((20, 30, 3), np.uint8))
    with slow_requests(client, 2, sign) as slow:
        wait_until_in_work(client, 2)
        assert client.get("/healthz").status_code == 200
        assert segment(client, content).json()["size"] == [20, 30]
        assert not any(answer.done() for answer in slow)
    assert [answer.result().json()["size"] for answer in slow] == [[8, 8]] * 2


def test_more_of_them_than_threads_leave_the_service_alive(client: Client, sign: Path) -> None:
    n_slow = N_THREADS + 5
    with slow_requests(client, n_slow, sign) as slow:
        wait_until_in_work(client, n_slow)
        for path in ("/", "/page.js", "/healthz", "/readyz", "/metrics", "/v1/models"):
            assert client.get(path).status_code == 200, path
        assert client.post("/v1/opposite", data={"prompt": "left"}).json()["prompt"] == "right"
        assert not any(answer.done() for answer in slow)
    assert {answer.result().status_code for answer in slow} == {200}
