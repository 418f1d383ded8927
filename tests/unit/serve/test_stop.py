"""R22: SIGTERM under load.

What was begun is answered, the rest is told so, and it ends well and soon.
"""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import httpx2 as httpx

from unit.serve.served import serving


def test_what_was_begun_is_answered_and_it_ends_well(
    trained: Path, manifest: Path, tmp_path: Path
) -> None:
    picture = (manifest.parent / "images/test_0000.png").read_bytes()
    asked: list[tuple[float, int]] = []
    told = threading.Event()

    def client(address: str) -> None:
        while not told.is_set():
            started = time.monotonic()
            try:
                status = httpx.post(
                    f"{address}v1/segment",
                    files={"image": picture},
                    data={"prompt": "upper left"},
                    timeout=60,
                ).status_code
            except httpx.TransportError:
                status = 0
            asked.append((started, status))

    with serving(trained, "--store", tmp_path / "kept", folder=tmp_path) as (process, address):
        clients = [threading.Thread(target=client, args=(address,), daemon=True) for _ in range(6)]
        for each in clients:
            each.start()
        while sum(status == 200 for _, status in list(asked)) < 6 and process.poll() is None:
            time.sleep(0.05)
        stopped = time.monotonic()
        process.send_signal(signal.SIGTERM)
        told.set()  # who is waiting for an answer just now goes on waiting
        code = process.wait(60)  # 8 s of patience, and what a busy test machine adds
        for each in clients:
            each.join()
    assert code == 0
    assert {status for started, status in asked if started < stopped - 0.5} <= {
        200,
        503,
    }  # who comes later may find the door shut
    assert {status for _, status in asked} <= {200, 503, 0}
    assert [path.name for path in tmp_path.rglob("*.tmp")] == []
