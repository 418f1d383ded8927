"""What many pixels in few bytes cost the service: python benchmarks/measure/upload_memory.py RUN
[--keep] [--only NAME]…

Each case has a server of its own. Files of a few kilobytes that hold up to 40 megapixels are sent
at once, to be segmented or kept, while the memory (resident) of the service and of its decoding
children is summed up, 50 times a second. Prints JSON, and with --keep writes it to
benchmarks/results/upload_memory.json, from which `benchmarks/pages/tables.py` makes a table of
docs/service.md. Exit 1 where an answer is neither 200 nor 503, or where memory goes beyond its
bound (MOST_MB).
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import httpx2 as httpx
from load import Server, ask, machine_facts, picture_png

from saywhere.io.files import write_json

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import hostile_files as hostile  # noqa: E402

RESULT = Path(__file__).parents[1] / "results" / "upload_memory.json"
MB = 1_000_000
PAUSE_S = 0.02
N_WARM = 16
SIDES = (8_000, 5_000)
"""As many pixels as the service takes in one call."""
SMALL_SIDES = (1_000, 1_000)
"""As many as are counted by no budget: places alone bound how many are in work."""


class Case(NamedTuple):
    """Requests that are sent at once."""

    call: str
    n: int
    content: Callable[[], bytes]
    most_mb: float
    """beyond what the idle service takes"""


def _large() -> bytes:
    return hostile.png(*SIDES, n_bits=16)


CASES = {
    "one PNG of 40 megapixels": Case("segment", 1, _large, 1_200),
    "6 of them": Case("segment", 6, _large, 2_000),
    "6 of them, kept with 2 masks each": Case("keep", 6, lambda: hostile.png(*SIDES), 2_000),
    "64 usual PNGs (224 × 224)": Case("segment", 64, picture_png, 400),
    "64 PNGs of 1 × 60,000": Case("segment", 64, lambda: hostile.png(1, 60_000), 400),
    "64 PNGs of 1 megapixel": Case("segment", 64, lambda: hostile.png(*SMALL_SIDES), 600),
}


def main(run: Path, names: list[str]) -> dict[str, Any]:
    """What each of these cases took."""
    facts = machine_facts()
    return {"cases": {name: measure(run, CASES[name]) for name in names}, **facts}


def measure(run: Path, case: Case) -> dict[str, Any]:
    """Answers, and memory before and at the most."""
    content = case.content()
    with Server(run) as (address, process), Watched(process.pid) as watched:
        # What a first batch and more children take is no cost of a large picture's pixels.
        with ThreadPoolExecutor(N_WARM) as threads:
            list(threads.map(ask, [address] * N_WARM, [picture_png()] * N_WARM))
        model = httpx.get(f"{address}v1/models").json()["models"][0]["name"]
        watched.most = before = watched.look()
        watched.own_most = own_before = _resident(process.pid)
        with ThreadPoolExecutor(case.n) as threads:
            numbers = range(case.n)
            sent = [threads.submit(_send, address, case.call, content, model, n) for n in numbers]
            statuses = Counter(str(each.result()) for each in sent)
    return {
        "bytes": len(content),
        "answers": dict(sorted(statuses.items())),
        "idle_mb": round(before / MB),
        "added_mb": round((watched.most - before) / MB),
        "of_service_mb": round((watched.own_most - own_before) / MB),
        "bound_mb": case.most_mb,
    }


def _send(address: str, call: str, content: bytes, model: str, number: int) -> int:
    fields = {"prompt": "left", "model": model}
    files = {"image": content}
    if call == "keep":
        fields["key"] = f"{number:032x}"
        files |= {"mask": content, "suggested": content}
    url = f"{address}v1/{call}"
    return httpx.post(url, files=files, data=fields, timeout=300).status_code


class Watched:
    """The most memory of a process and of all below it, since `most` was set."""

    def __init__(self, process: int) -> None:
        self.process = process
        self.most = 0
        self.own_most = 0
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Watched:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        self.thread.join()

    def look(self) -> int:
        """Bytes now; a child that ends meanwhile counts nothing."""
        return sum(map(_resident, _family(self.process)))

    def _watch(self) -> None:
        while not self.is_over.is_set():
            self.most = max(self.most, self.look())
            self.own_most = max(self.own_most, _resident(self.process))
            time.sleep(PAUSE_S)


def _family(process: int) -> list[int]:
    found = [process]
    program = _texts(f"/proc/{process}", "cmdline")
    for task in _texts(f"/proc/{process}/task", "*/children"):
        # A child that has not begun its own program yet lies in its parent's memory.
        begun = [
            int(each) for each in task.split() if _texts(f"/proc/{each}", "cmdline") != program
        ]
        for child in begun:
            found += _family(child)
    return found


def _resident(process: int) -> int:
    (text,) = _texts(f"/proc/{process}", "statm") or ["0 0"]
    return int(text.split()[1]) * 4096


def _texts(folder: str, pattern: str) -> list[str]:
    try:
        return [path.read_text("utf-8") for path in Path(folder).glob(pattern)]
    except OSError:
        return []


def is_well(found: dict[str, Any]) -> bool:
    """Is every answer one that is due, and memory within its bound?"""
    return all(
        set(case["answers"]) <= {"200", "503"} and case["added_mb"] <= case["bound_mb"]
        for case in found["cases"].values()
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--keep", action="store_true", help=f"write {RESULT.name}")
    parser.add_argument("--only", choices=CASES, action="append", help="measure this case")
    given = parser.parse_args()
    command = "python benchmarks/measure/upload_memory.py RUN --keep"
    measured = {"command": command, **main(given.run, given.only or list(CASES))}
    print(json.dumps(measured, indent=2, ensure_ascii=False))
    if given.keep:
        write_json(RESULT, measured)
    sys.exit(not is_well(measured))
