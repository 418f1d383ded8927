"""A fake archive on loopback that answers as a test wants it to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from saywhere.io.dicomweb import Reference, parse

KIND = 'multipart/related; type="application/dicom"; boundary=xyz'
TWO = (
    b"--xyz\r\nContent-Type: application/dicom\r\n\r\none\r\n--\r\n"
    b"--xyz\r\nContent-Type: application/dicom\r\n\r\n\r\n\r\ntwo\r\n--xyz--\r\n"
)
Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def archive(answer: Answer) -> Iterator[Reference]:
    """A server on loopback that answers each request so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            answer(self)

        def log_message(self, *parts: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield parse(f"dicomweb://127.0.0.1:{server.server_port}/root/studies/1.2")
    finally:
        server.shutdown()
        server.server_close()


def answering(status: int, kind: str = KIND, body: bytes = TWO, **headers: str) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    return answer
