"""Clients that mean harm, over real connections: closed in time, and nobody else notices."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saywhere.serve import body_limit, run
from saywhere.serve.connections import Patience
from unit.serve.conftest import blank_png, png
from unit.serve.served import serving_here

MOST = 40
SHORT = Patience(head_s=0.5, write_s=0.5, most=MOST)
HEAD = b"POST /v1/segment HTTP/1.1\r\nHost: localhost\r\n"
FORM = b"Content-Type: multipart/form-data; boundary=b\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Line:
    """A raw connection."""

    def __init__(self, address: tuple[str, int], *sent: bytes) -> None:
        self.socket = socket.create_connection(address, timeout=30)
        for each in sent:
            self.socket.sendall(each)

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def rest(self) -> bytes:
        """All that comes until the other side closes."""
        received = b""
        try:
            while block := self.socket.recv(65536):
                received += block
        except ConnectionResetError:
            pass
        return received

    def status(self) -> int:
        """Of the next answer, whose body is left."""
        received = b""
        while b"\r\n" not in received:
            block = self.socket.recv(65536)
            assert block, "closed without an answer"
            received += block
        return int(received.split()[1])

    def is_closed(self) -> bool:
        return self.rest() == b""


@pytest.fixture(scope="module")
def address(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    options = {"host": "127.0.0.1", "port": 0, "token": None, "say": print, "places": 32}
    store = tmp_path_factory.mktemp("kept")

    def start() -> None:
        run.run_server([trained], store=store, patience=SHORT, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            body_limit.BodyLimit.__init__, "__defaults__", (10_000_000, 2.0, 1 << 30, 0.5)
        )
        with serving_here(patch, start) as url:
            host, port = url.removeprefix("http://").rstrip("/").split(":")
            yield host, int(port)


def is_well(address: tuple[str, int]) -> bool:
    with Line(address, HEALTH) as line:
        return line.status() == 200


def form(*parts: tuple[str, bytes]) -> bytes:
    lines = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"'.encode()
        + (b'; filename="x"' if name == "image" else b"")
        + b"\r\n\r\n"
        + content
        + b"\r\n"
        for name, content in parts
    ]
    return b"".join(lines) + b"--b--\r\n"


def post(body: bytes) -> bytes:
    return HEAD + FORM + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


def error_of(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["error"]["code"]


def test_a_silent_connection_is_closed(address: tuple[str, int]) -> None:
    with Line(address) as line:
        assert line.is_closed()


def test_a_head_that_drips_is_refused_and_closed(address: tuple[str, int]) -> None:
    with Line(address, HEAD) as line:
        started = time.monotonic()
        line.socket.settimeout(0.05)
        answer = b""
        while not answer and time.monotonic() < started + 20:
            line.socket.sendall(b"X-A: 1\r\n")
            try:
                answer = line.socket.recv(65536)
            except TimeoutError:
                continue
        line.socket.settimeout(30)
        assert error_of(answer + line.rest()) == (408, "too_slow")


def test_a_second_head_that_drips_is_closed_as_the_first(address: tuple[str, int]) -> None:
    with Line(address, HEALTH) as line:
        assert line.status() == 200
        line.socket.sendall(HEAD)
        assert b" 408 " in line.rest()


def test_a_body_of_a_byte_now_and_then_is_refused(address: tuple[str, int]) -> None:
    with Line(address, HEAD, FORM, b"Content-Length: 9000\r\n\r\n", b"abc") as line:
        assert error_of(line.rest()) == (408, "too_slow")


def test_chunks_without_an_end_are_refused(address: tuple[str, int]) -> None:
    with Line(address, HEAD, FORM, b"Transfer-Encoding: chunked\r\n\r\n") as line:
        line.socket.sendall(b"3\r\nabc\r\n" * 10)
        assert error_of(line.rest()) == (408, "too_slow")


def test_a_body_behind_a_call_that_takes_none_ends_too(address: tuple[str, int]) -> None:
    head = HEALTH.removesuffix(b"\r\n") + b"Content-Length: 100000\r\n\r\n"
    with Line(address, head, b"abc") as line:
        assert line.status() == 200
        line.socket.sendall(b"abc")
        line.rest()


def test_many_of_them_keep_nobody_out(address: tuple[str, int]) -> None:
    """More half requests of each kind than there are connections: the oldest make room."""
    kinds = [(), (HEAD,), (HEAD, FORM, b"Content-Length: 9000\r\n\r\n", b"abc")]
    with ExitStack() as stack:
        for number in range(3 * MOST):
            stack.enter_context(Line(address, *kinds[number % 3]))
            assert number % 10 or is_well(address)
    assert is_well(address)


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
        b"POST /v1/opposite HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 2_000_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/1.1\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["two lengths", "a negative length", "a giant header", "TLS", "no host", "a bad chunk"],
)
def test_what_is_no_http_is_400_in_the_one_form(address: tuple[str, int], head: bytes) -> None:
    with Line(address, head) as line:
        assert error_of(line.rest()) == (400, "bad_request")


def test_pipelined_requests_are_answered_in_their_order(address: tuple[str, int]) -> None:
    last = HEALTH.removesuffix(b"\r\n") + b"Connection: close\r\n\r\n"
    with Line(address, HEALTH * 50 + last) as line:
        answers = line.rest()
    assert answers.count(b"HTTP/1.1 200 ") == 51


def test_an_upgrade_is_answered_as_a_plain_request(address: tuple[str, int]) -> None:
    asked = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\n\r\n"
    with Line(address, HEALTH.removesuffix(b"\r\n") + asked) as line:
        assert line.status() == 200


@pytest.mark.parametrize(
    "body",
    [
        form(*[("prompt", b"x")] * 10_000),
        form(("prompt", b"x" * 2_000_000)),
        b'--b\r\nContent-Disposition: form-data; name="'
        + b"a" * 1_000_000
        + b'"\r\n\r\nx\r\n--b--\r\n',
        b"--b\r\n" + b"X-A: b\r\n" * 100_000 + b"\r\nx\r\n--b--\r\n",
        b"--b\r\nX" * 1000,
    ],
    ids=["10,000 fields", "a large field", "a long name", "100,000 headers", "no end"],
)
def test_forms_of_no_honest_client_are_refused(address: tuple[str, int], body: bytes) -> None:
    with Line(address, post(body)) as line:
        assert line.status() in (400, 422)
    assert is_well(address)


def test_an_upload_that_is_broken_off_leaves_lines_of_json_alone(
    address: tuple[str, int], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    content = post(form(("image", png(np.zeros((40, 50, 3), np.uint8))), ("prompt", b"left")))
    with caplog.at_level("INFO"):
        for end in (30, 200, len(content) - 5, len(content)):
            line = Line(address, content[:end])
            # With a reset, as a process that is killed.
            line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            line.socket.close()
        while not any('"status": 499' in record.getMessage() for record in caplog.records):
            assert is_well(address)
    logged = [json.loads(record.getMessage()) for record in caplog.records]
    statuses = [line["status"] for line in logged if line["route"] != "/healthz"]
    assert set(statuses) <= {499, 200}
    assert capfd.readouterr().err == ""


def test_an_answer_that_nobody_reads_is_let_go(address: tuple[str, int]) -> None:
    n_asked = 3000
    with Line(address) as line:
        line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        # Megabytes of the page's files, and no byte is read for longer than the patience.
        line.socket.sendall(b"GET /page.css HTTP/1.1\r\nHost: localhost\r\n\r\n" * n_asked)
        time.sleep(4 * SHORT.write_s)
        assert line.rest().count(b"HTTP/1.1 200 ") < n_asked
    assert is_well(address)


def test_thin_pictures_of_40_million_pixels_are_refused_and_others_answered(
    address: tuple[str, int],
) -> None:
    thin = post(form(("image", blank_png(1, 40_000_000)), ("prompt", b"left")))
    good = post(form(("image", png(np.zeros((40, 50, 3), np.uint8))), ("prompt", b"left")))
    with ExitStack() as stack:
        lines = [stack.enter_context(Line(address, thin)) for _ in range(MOST // 2)]
        found: Any = [line.status() for line in lines]
        assert set(found) <= {415, 503}
        assert 415 in found
    with Line(address, good) as line:
        assert line.status() == 200
