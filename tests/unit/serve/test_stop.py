"""R22: SIGTERM under load.

What was begun is answered, the rest is told so, and it ends well and soon.
"""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import httpx2 as httpx
import numpy as np

from saywhere.data.manifest import read_manifest
from saywhere.serve.encode import mask_png
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


SLOW = f"""
import sys; sys.path.append({str(Path(__file__).parents[2])!r})
from saywhere.io.decoding_pool import DecodingPool
run = DecodingPool.run
def slow(self, function, content, **options):
    if function.endswith(":image") and b"slow" in content:
        self.wall_s = 600.0
        return run(self, "slow_decoders:sleep", content, seconds=600.0)
    return run(self, function, content, **options)
DecodingPool.run = slow
"""
"""A service whose decoder hangs over a picture that has "slow" in it."""


def test_a_decoder_that_hangs_holds_up_no_stop_and_what_was_kept_is_safe(
    trained: Path, manifest: Path, tmp_path: Path
) -> None:
    picture = (manifest.parent / "images/test_0000.png").read_bytes()
    mask = mask_png(np.zeros((32, 32), bool))
    answers: list[httpx.Response] = []
    store = tmp_path / "kept"

    # One client: to make one takes seconds on a busy machine.
    session = httpx.Client(timeout=120)

    def post(address: str, call: str, files: dict[str, bytes], **data: str) -> httpx.Response:
        return session.post(f"{address}v1/{call}", files=files, data=data)

    def ask(address: str, call: str, **data: str) -> None:
        files = {"image": picture + b"slow", "mask": mask, "suggested": mask}
        taken = {name: files[name] for name in (files if call == "keep" else ["image"])}
        answers.append(post(address, call, taken, **data))

    with serving(trained, "--store", store, folder=tmp_path, first=SLOW) as (process, address):
        files = {"image": picture, "mask": mask, "suggested": mask}
        kept = post(address, "keep", files, key="1" * 32)
        assert kept.status_code == 200, kept.text
        asked = [("segment", {"prompt": "left"}), ("keep", {"key": "2" * 32})]
        clients = [
            threading.Thread(target=ask, args=(address, call), kwargs=data) for call, data in asked
        ]
        for each in clients:
            each.start()
        while "saywhere_requests_taken 2.0" not in session.get(f"{address}metrics").text:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
        for each in clients:
            each.join()
    session.close()
    assert code == 0
    # Nothing but the stop ends that decoder.
    assert [answer.status_code for answer in answers] == [503, 503]
    assert {answer.json()["error"]["code"] for answer in answers} == {"busy"}
    assert [row.id for row in read_manifest(store).rows] == ["1" * 32]
