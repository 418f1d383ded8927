"""The service under load and over time, on this machine: python benchmarks/measure/load.py RUN
[--minutes M] [--clients N] [--keep NAME]

A server of its own is started; clients send pictures as fast as they are answered; every answer is
counted. With --minutes it goes on so long, with bad and aborted requests among the good ones, and
memory, threads and open files are watched. Prints JSON, and with --keep writes it with the
machine's facts to benchmarks/results/service_NAME.json, from which `benchmarks/pages/tables.py`
makes the table of docs/service.md. Exit 1 where something was answered 5xx but 503, where memory
grew by more than 5 % after the first tenth, threads or open files by more than a client each, the
last answer differs from the first, or 16 or 64 clients waited longer than rule R15 allows.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import queue
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import httpx2 as httpx
import numpy as np
from PIL import Image

from saywhere.io.files import write_json

GROWTH = 1.05
R15 = {16: (1.5, 15.0), 64: (4.0, 0.0)}
"""Clients → the largest p99 of what was taken on in seconds, and the fewest images a second, on two
cores.
"""
PROMPT = "the small bright spot, upper left"


def main(run: Path, n_clients: int, minutes: float, seconds: float) -> dict[str, Any]:
    """What was measured."""
    picture = picture_png()
    facts = machine_facts()
    with Server(run) as (address, process):
        model = httpx.get(f"{address}v1/models").json()["models"][0]
        first = ask(address, picture).content
        watched = _watch(process.pid)
        for _ in range(20):
            ask(address, picture)
        found = _load(
            address,
            picture,
            n_clients,
            minutes * 60 or seconds,
            with_bad=minutes > 0,
            watch=lambda: watched.append(_look(process.pid)),
        )
        last = ask(address, picture).content
        process.terminate()
        found["stopped"] = process.wait(30)
    found |= {
        "clients": n_clients,
        "minutes": minutes,
        "network": model["network"],
        "size_px": model["size_px"],
        "same_answer": _results(first) == _results(last),
        **facts,
    }
    if minutes:
        settled, end = watched[max(1, len(watched) // 10)], watched[-1]
        found["memory_growth"] = round(end["rss"] / settled["rss"], 4)
        found["threads"], found["files"] = (
            [settled[key], end[key]] for key in ("threads", "files")
        )
    return found


def machine_facts() -> dict[str, Any]:
    """What the figures depend on, as it is before the load begins."""
    memory = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[1])
    return {
        "saywhere": version("saywhere"),
        "torch": version("torch"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**20),
        "load_before": round(os.getloadavg()[0], 1),
    }


class Answer(NamedTuple):
    """One request's end."""

    kind: str
    status: int
    seconds: float


class Server:
    """`saywhere serve` as a process of its own."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.store = tempfile.TemporaryDirectory(prefix="saywhere-load-")

    def __enter__(self) -> tuple[str, subprocess.Popen[str]]:
        words = [
            sys.executable,
            "-m",
            "saywhere",
            "serve",
            str(self.run),
            "--port",
            "0",
            "--store",
            self.store.name,
        ]
        self.process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        told = ""
        while not (found := re.search(r"http://\S+:\d+/", told)):
            line = self.process.stderr.readline()
            if not line:
                raise SystemExit(f"the server ended: {told}")
            told += line
        threading.Thread(target=lambda: [None for _ in self.process.stderr], daemon=True).start()
        return found.group(), self.process

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.store.cleanup()


def _load(
    address: str, picture: bytes, n_clients: int, seconds: float, *, with_bad: bool, watch: Any
) -> dict[str, Any]:
    end = time.monotonic() + seconds
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()

    def client(number: int) -> None:
        random = np.random.default_rng(number)
        with httpx.Client(timeout=60) as session:
            while time.monotonic() < end:
                kind = random.random() if with_bad else 1.0
                started = time.monotonic()
                if kind < 0.1:
                    response = session.post(
                        f"{address}v1/segment",
                        files={"image": b"no image"},
                        data={"prompt": PROMPT},
                    )
                    answers.put(Answer("bad", response.status_code, 0.0))
                elif kind < 0.15:
                    try:
                        session.post(
                            f"{address}v1/segment",
                            files={"image": picture},
                            data={"prompt": PROMPT},
                            timeout=0.005,
                        )
                    except httpx.TimeoutException:
                        answers.put(Answer("aborted", 0, 0.0))
                else:
                    response = session.post(
                        f"{address}v1/segment", files={"image": picture}, data={"prompt": PROMPT}
                    )
                    answers.put(Answer("good", response.status_code, time.monotonic() - started))
                    if response.status_code == 503:
                        time.sleep(float(response.headers["retry-after"]) * random.random())

    threads = [threading.Thread(target=client, args=(number,)) for number in range(n_clients)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(min(5.0, max(0.2, seconds / 50)))
        watch()
    return _summary(answers, seconds)


def _summary(answers: Any, seconds: float) -> dict[str, Any]:
    every = []
    while not answers.empty():
        every.append(answers.get())
    took = np.array(
        [answer.seconds for answer in every if answer.kind == "good" and answer.status == 200]
    )
    statuses = Counter(f"{answer.kind} {answer.status}" for answer in every)
    shares = (
        {f"p{share}_s": round(float(np.percentile(took, share)), 3) for share in (50, 95, 99)}
        if len(took)
        else {}
    )
    return {
        "seconds": seconds,
        "answers": dict(sorted(statuses.items())),
        "images_per_s": round(len(took) / seconds, 2),
        **shares,
    }


def _watch(process: int) -> list[dict[str, int]]:
    return [_look(process)]


def _look(process: int) -> dict[str, int]:
    status = Path(f"/proc/{process}/status").read_text()
    rss, threads = (int(re.search(rf"{name}:\s+(\d+)", status)[1]) for name in ("VmRSS", "Threads"))
    return {
        "rss": rss,
        "threads": threads,
        "files": len(list(Path(f"/proc/{process}/fd").iterdir())),
    }


def picture_png() -> bytes:
    """A picture to send: 224 by 224 px of noise."""
    written = BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8)).save(
        written, format="PNG"
    )
    return written.getvalue()


def ask(address: str, picture: bytes) -> Any:
    """The answer to one good request."""
    response = httpx.post(
        f"{address}v1/segment", files={"image": picture}, data={"prompt": PROMPT}, timeout=60
    )
    response.raise_for_status()
    return response


def _results(content: bytes) -> Any:
    return json.loads(content)["results"]


def _is_well(found: dict[str, Any]) -> bool:
    bad = [
        status
        for status in found["answers"]
        if status.split()[1].startswith("5") and not status.endswith("503")
    ]
    grown = [
        name
        for name in ("threads", "files")
        if name in found and found[name][1] > found[name][0] + found["clients"]
    ]
    slowest, fewest = R15.get(found["clients"], (float("inf"), 0.0))
    is_swift = bool(found["minutes"]) or (
        found["p99_s"] <= slowest and found["images_per_s"] >= fewest
    )
    return (
        is_swift
        and not bad
        and not grown
        and found["same_answer"]
        and found["stopped"] == 0
        and found.get("memory_growth", 1.0) <= GROWTH
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--keep", metavar="NAME", help="write benchmarks/results/service_NAME.json")
    given = parser.parse_args()
    measured = main(given.run, given.clients, given.minutes, given.seconds)
    print(json.dumps(measured, indent=2))
    if given.keep:
        span = f"--minutes {given.minutes:g}" if given.minutes else f"--seconds {given.seconds:g}"
        write_json(
            Path(__file__).parents[1] / "results" / f"service_{given.keep}.json",
            {
                "command": f"python benchmarks/measure/load.py RUN {span} "
                f"--clients {given.clients}",
                **measured,
            },
        )
    sys.exit(not _is_well(measured))
