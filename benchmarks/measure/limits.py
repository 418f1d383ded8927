"""How soon the service refuses what is too much, and how soon it stops under load: python
benchmarks/measure/limits.py RUN [--keep]

Against a server of its own: bodies of 33 MiB with, without and with a lying Content-Length, 1,001
parts, a body that drips (rules R16), and SIGTERM while 16 clients ask (R22). Prints JSON, and with
--keep writes it to benchmarks/results/limits.json, from which `benchmarks/pages/tables.py` makes a
table of docs/service.md. Exit 1 where an answer is not the one that is due, the server does not end
with 0, or something is left in its temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2 as httpx
from load import Server, ask, machine_facts, picture_png

from saywhere.io.files import write_json

MIB = 2**20
DUE = {
    "33 MiB, announced": 413,
    "33 MiB, in chunks": 413,
    "33 MiB, announced as 10 bytes": 400,
    "1,001 parts": 400,
    "dripping": 408,
}
RESULT = Path(__file__).parents[1] / "results" / "limits.json"


def main(run: Path) -> dict[str, Any]:
    """What was answered, after how many seconds."""
    facts = machine_facts()
    with tempfile.TemporaryDirectory(prefix="saywhere-limits-") as temporary:
        os.environ["TMPDIR"] = temporary
        with Server(run) as (address, process):
            ask(address, picture_png())
            before = set(Path(temporary).iterdir())  # torch keeps a folder there
            refused = {name: _timed(lambda name=name: _refusal(address, name)) for name in DUE}
            left = sorted(path.name for path in set(Path(temporary).iterdir()) - before)
            statuses, stopping_s, code = _stop(address, process)
    return {
        "refused": refused,
        "left": left,
        "stopping": {"clients": 16, "answers": statuses, "seconds": stopping_s, "exit": code},
        **facts,
    }


def _timed(act: Any) -> dict[str, Any]:
    started = time.monotonic()
    status = act()
    return {"status": status, "seconds": round(time.monotonic() - started, 3)}


def _refusal(address: str, name: str) -> int:
    """The status of one body that is too much."""
    if name == "1,001 parts":
        return httpx.post(
            f"{address}v1/segment", files=[("image", b"x")] * 1001, timeout=60
        ).status_code
    if name == "33 MiB, announced":
        return _raw(address, f"Content-Length: {33 * MIB}", _zeros(33))
    if name == "33 MiB, announced as 10 bytes":
        return _raw(address, "Content-Length: 10", _zeros(33))
    if name == "33 MiB, in chunks":
        return _raw(
            address,
            "Transfer-Encoding: chunked",
            (b"%x\r\n%b\r\n" % (len(block), block) for block in _zeros(33)),
        )
    return _raw(address, "Content-Length: 1000", _drops())


def _zeros(mebibytes: int) -> Iterator[bytes]:
    return (b"0" * MIB for _ in range(mebibytes))


def _drops() -> Iterator[bytes]:
    while True:
        time.sleep(0.2)
        yield b"0"


def _raw(address: str, head: str, body: Iterator[bytes]) -> int:
    """Send by hand until the answer comes, as no honest client would; its status."""
    place = urlsplit(address)
    with socket.create_connection((place.hostname, place.port), timeout=60) as connection:
        lines = [
            "POST /v1/segment HTTP/1.1",
            f"Host: {place.netloc}",
            "Content-Type: multipart/form-data; boundary=b",
            head,
            "",
            "",
        ]
        connection.sendall("\r\n".join(lines).encode())
        answered = threading.Event()

        def feed() -> None:
            try:
                for block in body:
                    if answered.is_set():
                        return
                    connection.sendall(block)
            except OSError:  # the server has hung up, as it may
                return

        feeder = threading.Thread(target=feed, daemon=True)
        feeder.start()
        status = int(connection.recv(1024).split()[1])
        answered.set()
    feeder.join(60)
    return status


def _stop(address: str, process: Any) -> tuple[dict[str, int], float, int]:
    """SIGTERM while clients ask: what they were answered, seconds until the process ended, its exit
    status.
    """
    told = threading.Event()
    statuses = []
    picture = picture_png()

    def client() -> None:
        with httpx.Client(
            timeout=60
        ) as session:  # a new one for each request takes longer to make than the pause below
            while not told.is_set():
                try:
                    statuses.append(
                        str(
                            session.post(
                                f"{address}v1/segment",
                                files={"image": picture},
                                data={"prompt": "left"},
                            ).status_code
                        )
                    )
                except httpx.TransportError:
                    statuses.append("cut off")

    clients = [threading.Thread(target=client) for _ in range(16)]
    for each in clients:
        each.start()
    while statuses.count("200") < 32:
        time.sleep(0.05)
    told.set()  # from here on nobody begins anew ...
    time.sleep(0.1)  # ... and whoever is on the way has come in
    started = time.monotonic()
    process.terminate()
    code = process.wait(60)
    seconds = round(time.monotonic() - started, 3)
    for each in clients:
        each.join()
    return {status: statuses.count(status) for status in sorted(set(statuses))}, seconds, code


def is_well(found: dict[str, Any]) -> bool:
    """Is each answer the one that is due, nothing left, and the end a good one?"""
    answers = {name: one["status"] for name, one in found["refused"].items()}
    return (
        answers == DUE
        and not found["left"]
        and found["stopping"]["exit"] == 0
        and set(found["stopping"]["answers"]) <= {"200", "503"}
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--keep", action="store_true", help=f"write {RESULT.name}")
    given = parser.parse_args()
    measured = {"command": "python benchmarks/measure/limits.py RUN --keep", **main(given.run)}
    print(json.dumps(measured, indent=2))
    if given.keep:
        write_json(RESULT, measured)
    sys.exit(not is_well(measured))
