"""What an archive of pictures costs: constants of this machine, and a simulation made of them.

python benchmarks/measure/scale.py constants [--model polyp] [--pictures 64] → benchmarks/results/
scale.json: one worker with one thread; and python benchmarks/measure/scale.py simulate --pictures
1e6 --workers 64: time, bytes and what the caller holds. No cluster is needed for either.
"""

from __future__ import annotations

import argparse
import heapq
import json
import sys
import tempfile
import time
import tracemalloc
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

RESULT = Path(__file__).parents[1] / "results" / "scale.json"
MOST_EVENTS = 20_000
"""Chunks are simulated in bundles beyond so many."""


@dataclass(frozen=True)
class Constants:
    """Of one worker and of the caller.

    Attributes:
        start_s: Until a worker has its model.
        picture_s: To read, segment and write one picture.
        picture_bytes: That a worker reads.
        written_bytes: Of a picture's files.
        line_bytes: Of its record.
        caller_s: The caller's work on one picture: planning, and the list in the end.
        caller_bytes: What the caller holds of one picture.
        chunk: Pictures that a worker does at a time.
    """

    start_s: float
    picture_s: float
    picture_bytes: float
    written_bytes: float
    line_bytes: float
    caller_s: float
    caller_bytes: float
    chunk: int


@dataclass(frozen=True)
class Cost:
    """Of one archive.

    Attributes:
        hours: From call to end.
        worker_hours: Of all workers together.
        redone: Share of the work that was lost with killed workers.
        read_gb: Bytes that workers read.
        written_gb: Bytes that they write, files and records.
        gbit_s: What the storage has to give and take in the mean.
        caller_gb: What the caller holds in memory.
        caller_hours: Of the hours, those in which the caller alone works.
        list_gb: Of predictions.jsonl.
    """

    hours: float
    worker_hours: float
    redone: float
    read_gb: float
    written_gb: float
    gbit_s: float
    caller_gb: float
    caller_hours: float
    list_gb: float


def simulate(
    constants: Constants, n_pictures: int, workers: int, deaths_an_hour: float = 0.01, seed: int = 0
) -> Cost:
    """Let workers take chunks until none is left.

    Args:
        constants: Measured.
        n_pictures: Of the archive.
        workers: At once.
        deaths_an_hour: Of one worker; its chunk in flight is done again, after a start.
        seed: Of the draws: a chunk takes between 0.8 and 1.2 of its mean time.

    Returns:
        What it costs.
    """
    draws = np.random.default_rng(seed)
    n_chunks = -(-n_pictures // constants.chunk)
    bundle = max(1, -(-n_chunks // MOST_EVENTS))
    n_bundles = -(-n_chunks // bundle)
    chunk_s = constants.chunk * constants.picture_s
    free = [constants.start_s] * workers
    heapq.heapify(free)
    lost_s = 0.0
    for _ in range(n_bundles):
        took_s = bundle * chunk_s * draws.uniform(0.8, 1.2)
        # On average half a chunk is lost with a worker, and then its model is loaded anew.
        n_deaths = draws.poisson(deaths_an_hour * took_s / 3600)
        again_s = n_deaths * (chunk_s * draws.uniform() + constants.start_s)
        lost_s += again_s
        heapq.heappush(free, heapq.heappop(free) + took_s + again_s)
    caller_s = n_pictures * constants.caller_s
    seconds = max(free) + caller_s
    busy_s = n_pictures * constants.picture_s
    moved = n_pictures * (constants.picture_bytes + constants.written_bytes + constants.line_bytes)
    return Cost(
        hours=seconds / 3600,
        worker_hours=workers * seconds / 3600,
        redone=lost_s / busy_s,
        read_gb=n_pictures * constants.picture_bytes / 1e9,
        written_gb=n_pictures * (constants.written_bytes + constants.line_bytes) / 1e9,
        gbit_s=moved * 8 / 1e9 / seconds,
        caller_gb=n_pictures * constants.caller_bytes / 1e9,
        caller_hours=caller_s / 3600,
        list_gb=n_pictures * constants.line_bytes / 1e9,
    )


def measure(model: str, n_pictures: int, size: int) -> Constants:
    """Segment pictures of noise in one thread, as one worker does.

    Args:
        model: As `saywhere.load` takes it.
        n_pictures: To segment.
        size: Of a side, px.

    Returns:
        The constants of this machine. Times of a busy machine are longer.
    """
    import torch

    from saywhere.inference.chunk_worker import ChunkWorker, Recipe
    from saywhere.inference.chunks import N_JOBS, Chunk, cut

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        jobs = _pictures(Path(folder), n_pictures, size)
        out = Path(folder) / "out"
        started = time.monotonic()
        worker = ChunkWorker(
            Recipe(run=model, out=str(out), folder=folder, formats="png", save="mask")
        )
        worker.do(Chunk(0, jobs[:1]))
        start_s = time.monotonic() - started
        started = time.monotonic()
        for number, some in enumerate(cut(jobs), start=1):
            worker.do(Chunk(number, some))
        picture_s = (time.monotonic() - started) / n_pictures
        caller_s, caller_bytes = _caller(out, n_pictures)
        masks = [path.stat().st_size for path in out.glob("*-mask.png")]
        lists = (out / "predictions.jsonl").stat().st_size
        read = sum(job.image.stat().st_size for job in jobs)
    return Constants(
        start_s=round(start_s, 2),
        picture_s=round(picture_s, 4),
        picture_bytes=round(read / n_pictures),
        written_bytes=round(sum(masks) / n_pictures),
        line_bytes=round(lists / n_pictures),
        caller_s=round(caller_s, 6),
        caller_bytes=round(caller_bytes),
        chunk=N_JOBS,
    )


def _pictures(folder: Path, n_pictures: int, size: int) -> list[Any]:
    from PIL import Image

    from saywhere.inference.requests import Job

    draws = np.random.default_rng(0)
    jobs = []
    for number in range(n_pictures):
        # Smooth noise, which a JPEG holds in about as many bytes as an endoscopic picture.
        coarse = draws.integers(0, 256, (size // 8, size // 8, 3), dtype=np.uint8)
        path = folder / f"{number:06d}.jpg"
        Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC).save(path)
        jobs.append(Job(path, "one small round polyp, upper right", f"{number:06d}"))
    return jobs


def _caller(out: Path, n_pictures: int) -> tuple[float, float]:
    """Seconds and bytes of one picture: its job and chunk, and its line in the final list."""
    started = time.monotonic()
    _plan_and_list(out, n_pictures)
    seconds = time.monotonic() - started
    # Counting takes longer than what is counted, so it is a round of its own.
    tracemalloc.start()
    everything = _plan_and_list(out, n_pictures)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del everything
    return seconds / n_pictures, held / n_pictures


def _plan_and_list(out: Path, n_pictures: int) -> list[Any]:
    """What `chunked.run_chunked` holds at once. Parts that were taken in before are in the list."""
    from saywhere.inference.chunks import Chunk, cut
    from saywhere.inference.ledger import Ledger
    from saywhere.inference.predictions_file import Prediction
    from saywhere.inference.requests import Job

    names = [f"{number:06d}" for number in range(n_pictures)]
    jobs = [Job(out / f"{name}.jpg", "one small round polyp, upper right", name) for name in names]
    texts = [Chunk(number, some).to_text() for number, some in enumerate(cut(jobs))]
    ledger = Ledger(out)
    predictions = [Prediction.from_json(line) for line in ledger.lines.values()]
    ledger.write(list(ledger.lines.values()))
    return [jobs, texts, ledger, predictions]


ARCHIVES = (
    (1e6, 1, 1.0),
    (1e6, 16, 1.0),
    (1e6, 64, 1.0),
    (1e9, 1000, 1.0),
    (1e9, 1000, 100.0),
)
"""Pictures, workers, and how many times as fast as the measured one each is."""


def table(constants: Constants) -> str:
    """The table of docs/scale.md.

    Args:
        constants: Measured.

    Returns:
        Markdown, with a line for each of ARCHIVES.
    """
    lines = [
        "| pictures | workers | each as fast as | hours | worker hours | read | written | storage "
        "| caller holds | caller alone |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for pictures, workers, faster in ARCHIVES:
        worker = replace(constants, picture_s=constants.picture_s / faster)
        cost = simulate(worker, int(pictures), workers)
        lines.append(
            f"| {pictures:,.0f} | {workers:,} | {faster:g} × | {cost.hours:,.1f} "
            f"| {cost.worker_hours:,.0f} | {cost.read_gb:,.0f} GB | {cost.written_gb:,.1f} GB "
            f"| {cost.gbit_s:.2f} Gbit/s | {cost.caller_gb:,.1f} GB | {cost.caller_hours:,.2f} h |"
        )
    return "\n".join(lines)


def main(arguments: list[str]) -> dict[str, Any]:
    """Measure or simulate, as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    constants = verbs.add_parser("constants")
    constants.add_argument("--model", default="polyp")
    constants.add_argument("--pictures", type=int, default=64)
    constants.add_argument("--size", type=int, default=512)
    constants.add_argument("--out", type=Path, default=RESULT)
    simulated = verbs.add_parser("simulate")
    simulated.add_argument("--pictures", type=float, required=True)
    simulated.add_argument("--workers", type=int, required=True)
    simulated.add_argument("--faster", type=float, default=1.0, help="than the measured worker")
    simulated.add_argument("--deaths", type=float, default=0.01, help="of a worker in an hour")
    simulated.add_argument("--from", dest="source", type=Path, default=RESULT)
    verbs.add_parser("table")
    chosen = parser.parse_args(arguments)
    if chosen.verb == "constants":
        return _measured(chosen)
    if chosen.verb == "table":
        print(table(known(RESULT)), file=sys.stderr)
        return {}
    worker = known(chosen.source)
    worker = replace(worker, picture_s=worker.picture_s / chosen.faster)
    return asdict(simulate(worker, int(chosen.pictures), chosen.workers, chosen.deaths))


def known(path: Path = RESULT) -> Constants:
    """Read measured constants.

    Args:
        path: What `constants` wrote.

    Returns:
        The constants.
    """
    return Constants(**json.loads(path.read_text(encoding="utf-8"))["constants"])


def _measured(chosen: argparse.Namespace) -> dict[str, Any]:
    from saywhere.io.files import write_json
    from saywhere.io.machine import n_cores, processor

    found = measure(chosen.model, chosen.pictures, chosen.size)
    document = {
        "command": "python benchmarks/measure/scale.py constants",
        "model": chosen.model,
        "pictures": chosen.pictures,
        "size_px": chosen.size,
        "processor": processor(),
        "cores": n_cores(),
        "constants": asdict(found),
    }
    write_json(chosen.out, document)
    return document


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:]), indent=2))
