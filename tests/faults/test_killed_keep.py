"""`kill -9` while people keep their work: each confirmed row is there, and nothing half is left.

A small budget in the suite; $SAYWHERE_KILLS sets another number of kills.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from saywhere.io.images import read_mask
from saywhere.serve.store import Store

N_KILLS = int(os.environ.get("SAYWHERE_KILLS", "6"))
KEEPING = """
import sys
import numpy as np
from saywhere.serve.store import Store

store = Store(sys.argv[1])
first = int(sys.argv[2])
image = np.random.default_rng(first).integers(0, 256, (200, 300, 3), np.uint8)
for number in range(first, first + 1000):
    mask = image[..., 0] > number % 250
    store.keep(f"{number:032x}", image, mask, ~mask, f"spot {number}")
    if number % 5 == 4:
        store.take_back(f"{number - 1:032x}")
        print("back", number - 1, flush=True)
    print("kept", number, flush=True)
"""


def killed(folder: Path, first: int, seed: int) -> list[list[str]]:
    """What a process had confirmed by a random moment."""
    command = [sys.executable, "-c", KEEPING, str(folder), str(first)]
    # To a file: what stands in a pipe's buffer would have been confirmed to nobody.
    told = folder.parent / "told.txt"
    with told.open("w") as stream:
        process = subprocess.Popen(command, stdout=stream)
        random = np.random.default_rng(seed)
        n_lines = int(random.integers(1, 12))
        while len(told.read_text().splitlines()) < n_lines:
            assert process.poll() is None, "it ended"
            time.sleep(0.001)
        time.sleep(random.random() * 0.05)
        process.kill()
        process.wait()
    return [line.split() for line in told.read_text().splitlines() if " " in line]


def test_what_was_confirmed_survives_and_nothing_half_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    kept: set[int] = set()
    gone: set[int] = set()
    for number in range(N_KILLS):
        for kind, key in killed(folder, 10_000 * (number + 1), number):
            (kept if kind == "kept" else gone).add(int(key))
        store = Store(folder)
        keys = {int(row["key"], 16) for row in store.rows()}
        has_history = (folder / "history.jsonl").exists()
        # Taken back and not yet confirmed: the history has it.
        lines = (folder / "history.jsonl").read_text().splitlines() if has_history else []
        taken = {int(json.loads(line)["row"]["key"], 16) for line in lines}
        assert gone <= taken
        assert kept - taken <= keys
        assert not gone & keys
        # What was written and not yet confirmed may be there, as a whole.
        assert len(keys - kept) <= number + 1
        for row in store.rows():
            assert read_mask(folder / row["mask"]).shape == (200, 300)
        pictures = {path.stem for path in folder.glob("*/*.png")}
        assert pictures >= {row["key"] for row in store.rows()}
        assert len(pictures - {f"{key:032x}" for key in kept}) <= number + 1
        assert list(folder.rglob("*.tmp")) == []
        store.close()
    print(f"{len(kept - gone)} of {len(kept - gone)} confirmed rows survived {N_KILLS} kills")
