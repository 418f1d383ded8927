"""Does memory grow with the number of pictures? python benchmarks/measure/memory.py KIND
[--counts 1000,10000] → benchmarks/results/memory_KIND.json

`batch`: `saywhere predict` of N pictures by a network of 32 px; each count in a process of its own,
whose largest resident set is read. With `--model lung-infection` it is the batch with `lite`, kept
in memory_batch_lung-infection.json. `index`: a training's list of N rows, as `train` reads it,
without a step. `training`: all that a training makes ready before its first step: rows checked,
pictures decoded, prompts embedded. Of it the process's own memory counts (Linux's RssAnon, read
every 5 ms): decoded pictures are mapped from a file, and the system takes them back when it must.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parents[1] / "results"
N_DISTINCT = 100
"""Pictures; rows beyond them name further files of the same content (hard links)."""
MOST_GROWTH = 1.05
STATUS = Path("/proc/self/status")
STUB = "unet of width 4, 32 px"


def main(arguments: list[str]) -> dict[str, Any]:
    """Each count in a child, so that none sees what another left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=[*WORK, "child"])
    parser.add_argument("--counts", default="1000,10000")
    parser.add_argument("--repeats", type=int, default=1, help="The largest of so many counts.")
    parser.add_argument("--model", default="", help="A model or run; default: a stub of 32 px.")
    parser.add_argument("--of", default="", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.kind == "child":
        return {"mib": WORK[chosen.of](chosen.folder, int(chosen.counts), chosen.model)}
    counts = [int(count) for count in chosen.counts.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        model = chosen.model or (_stub(place) if chosen.kind == "batch" else "")
        peaks = dict.fromkeys(counts, 0.0)
        for turn in range(chosen.repeats):
            for count in counts:
                own = place / f"{count}-{turn}"
                own.mkdir()
                peaks[count] = max(peaks[count], _child(chosen.kind, own, count, model))
    growth = peaks[counts[-1]] / peaks[counts[0]]
    return {
        "command": f"python benchmarks/measure/memory.py {' '.join(arguments)}",
        "model": chosen.model or STUB * (chosen.kind == "batch"),
        "peak_mib": {str(count): round(mib, 1) for count, mib in peaks.items()},
        "growth": round(growth, 3),
        "bytes_a_row": round((peaks[counts[-1]] - peaks[counts[0]]) * 2**20 / np.ptp(counts)),
        "is_flat": growth <= MOST_GROWTH,
    }


def _child(kind: str, folder: Path, count: int, model: str) -> float:
    call = [sys.executable, __file__, "child", "--of", kind, "--counts", str(count)]
    ended = subprocess.run(
        [*call, "--folder", str(folder), "--model", model],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        # A pool of arenas per thread would look like growth.
        env={**os.environ, "MALLOC_ARENA_MAX": "1"},
    )
    return float(json.loads(ended.stdout.splitlines()[-1])["mib"])


def _stub(folder: Path) -> str:
    """A small network, trained for one step."""
    from saywhere.config import Config
    from saywhere.datasets.synthetic import make_phantoms
    from saywhere.training.trainer import train

    manifest = make_phantoms(folder / "phantoms", n_train=8, n_val=2, n_test=2, size=32, seed=1)
    small = {
        "data.manifest": str(manifest),
        "data.size": 32,
        "data.channels": 1,
        "network.width": 4,
        "train.epochs": 1,
        "train.precision": "32-true",
        "train.threads": 1,
        "train.device": "cpu",
        "text.train_prompts": "taught",
        "text.evaluate_prompts": "plain",
    }
    return str(train(Config().replace(**small), folder / "stub"))


def _manifest(folder: Path, count: int) -> Path:
    """Rows of small pictures, with a mask and a prompt each."""
    from PIL import Image

    draws = np.random.default_rng(0)
    images = folder / f"images-{count}"
    images.mkdir()
    for number in range(N_DISTINCT):
        pixels = draws.integers(0, 256, (32, 32), dtype=np.uint8)
        Image.fromarray(pixels).save(images / f"{number}.png")
        Image.fromarray((pixels > 200).astype(np.uint8) * 255).save(images / f"{number}-m.png")
    path = folder / f"manifest-{count}.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            # A file of its own for each row: what names it takes is a part of what is measured.
            for ending in (".png", "-m.png") if number >= N_DISTINCT else ():
                os.link(images / f"{number % N_DISTINCT}{ending}", images / f"{number}{ending}")
            name = f"{images.name}/{number}"
            row = {"id": f"r{number}", "image": f"{name}.png", "mask": f"{name}-m.png"}
            file.write(json.dumps({**row, "prompt": "upper left", "split": "train"}) + "\n")
    return path


def _batch(folder: Path, count: int, model: str) -> float:
    from saywhere.cli.main import app

    manifest = _manifest(folder, count)
    out = str(folder / f"out-{count}")
    call = ["predict", model, "--jobs", str(manifest), "--out", out, "--save", "mask"]
    app([*call, "--quiet"], standalone_mode=False)
    return _peak_mib()


def _index(folder: Path, count: int, model: str) -> float:
    # What the libraries take is the same for each count; a training has loaded them.
    import saywhere.training.trainer  # noqa: F401
    from saywhere.data.manifest import read_manifest

    rows = read_manifest(_manifest(folder, count)).split("train")
    assert len(rows) == count
    return _peak_mib()


def _training(folder: Path, count: int, model: str) -> float:
    from saywhere.config import Config
    from saywhere.training.setup import gather

    os.environ["SAYWHERE_CACHE"] = str(folder / f"cache-{count}")
    keys = {
        "data.manifest": str(_manifest(folder, count)),
        "data.size": 32,
        "data.channels": 1,
        "text.train_prompts": "prompt",
        "text.evaluate_prompts": "prompt",
    }
    with _OwnMemory() as own:
        material = gather(Config().replace(**keys))
        assert len(material.training.rows) == count
        material.training.batch(0)
    return own.peak_mib


class _OwnMemory(threading.Thread):
    """The most anonymous memory of this program while a block runs."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_mib = 0.0
        self._over = threading.Event()

    def __enter__(self) -> _OwnMemory:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        """Read it again and again."""
        while not self._over.wait(0.005):
            self.peak_mib = max(self.peak_mib, _in_mib("RssAnon"))


WORK = {"batch": _batch, "index": _index, "training": _training}


def _peak_mib() -> float:
    """Of this program. `ru_maxrss` will not do on Linux: a child inherits its parent's."""
    if STATUS.is_file():
        return _in_mib("VmHWM")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _in_mib(field: str) -> float:
    (line,) = [one for one in STATUS.read_text().splitlines() if one.startswith(field)]
    return int(line.split()[1]) / 2**10


if __name__ == "__main__":
    document = main(sys.argv[1:])
    print(json.dumps(document))
    if sys.argv[1] != "child":
        from saywhere.io.files import write_json

        model = f"_{Path(document['model']).name}" if document["model"] not in ("", STUB) else ""
        write_json(RESULTS / f"memory_{sys.argv[1]}{model}.json", document)
