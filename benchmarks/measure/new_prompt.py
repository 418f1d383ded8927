"""What does a new prompt cost beside its encoding? python benchmarks/measure/new_prompt.py →
benchmarks/results/new_prompt.json

A cache of 20,000 sentences kept (about a training on QaTa-COV19 with its shorter versions), then
500 new prompts, one at a time, as people type them: by a cache that stays open (as a loaded model's
does), and by one opened anew for each. One thread; in units of encoding one prompt with MiniLM.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from saywhere.config import TextConfig
from saywhere.io.files import write_json
from saywhere.text.cache import EmbeddingCache
from saywhere.text.encoder import open_encoder

RESULT = Path(__file__).parents[1] / "results" / "new_prompt.json"
N_KEPT, N_TYPED, N_OPENED = 20_000, 500, 20


def main() -> dict[str, Any]:
    """Medians, in units of one encoding."""
    torch.set_num_threads(1)
    minilm, random = open_encoder(TextConfig()), open_encoder(TextConfig(encoder="random"))
    with tempfile.TemporaryDirectory() as folder:
        EmbeddingCache(random, Path(folder)).get([f"kept {i}" for i in range(N_KEPT)])
        stays = EmbeddingCache(random, Path(folder))
        one = _median(lambda i: minilm.embed([f"one small polyp {i}"]), N_OPENED)
        first = _median(lambda i: stays.get([f"first {i}"]), 1)
        typed = [
            _median(lambda i, k=k: stays.get([f"typed {k} {i}"]), N_TYPED // 5) for k in range(5)
        ]
        known = _median(lambda i: EmbeddingCache(random, Path(folder)).get([f"kept {i}"]), N_OPENED)
        again = _median(lambda i: stays.get([f"kept {i}"]), N_OPENED)
        anew = _median(lambda i: EmbeddingCache(random, Path(folder)).get([f"anew {i}"]), N_OPENED)
        n_files = len(list(stays.folder.iterdir()))
    return {
        "command": "python benchmarks/measure/new_prompt.py",
        "torch": torch.__version__,
        "threads": 1,
        "kept": N_KEPT,
        "typed": N_TYPED,
        "files_at_the_end": n_files,
        "in_encodings": {
            "first prompt of a cache that stays open": round(first / one, 2),
            "each fifth of the typed ones": [round(each / one, 2) for each in typed],
            "a kept one that it had not been asked for": round(again / one, 2),
            "a cache opened anew": round(anew / one, 2),
            "a cache opened anew, a kept one": round(known / one, 2),
        },
    }


def _median(work: Callable[[int], object], times: int) -> float:
    taken = []
    for i in range(times):
        started = time.perf_counter()
        work(i)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


if __name__ == "__main__":
    write_json(RESULT, main())
