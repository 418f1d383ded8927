"""Does it pay to compile the network for prediction? Processor time, one thread, ways in turn.

    python benchmarks/measure/compiled.py [--rounds 5] [--only eager,onnx]

`eager`: as the runtime `torch` does it. `compiled`: torch.compile with frozen weights, which folds
batch norms into convolutions, and fuses. `onnx`: ONNX Runtime on what `saywhere export` writes.
Model `polyp`, soft pictures.

→ benchmarks/results/compiled.json
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from saywhere.hub.onnx import keep
from saywhere.inference.onnx_files import NETWORK
from saywhere.inference.segmenter import Segmenter, load
from saywhere.io.files import write_json

OUT = Path(__file__).resolve().parents[1] / "results" / "compiled.json"
BATCHES = (1, 8)
PROMPT = "one small round polyp, upper left"
Way = Callable[[Tensor, Tensor], Tensor]


class Probability(nn.Module):
    """Image and embedding → probability, and nothing else."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor, embedding: Tensor) -> Tensor:
        """As the model, but for its other outcomes."""
        probability: Tensor = self.model(image, embedding).logits.sigmoid()
        return probability


def main(rounds: int, only: Sequence[str]) -> None:
    """Measure, write and print."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    segmenter = load("polyp")
    embedding = torch.from_numpy(segmenter.vectors.table([PROMPT]))
    made: dict[str, Way] = {}
    seconds_to_make: dict[str, float] = {}
    for name in only:
        started = time.process_time()
        made[name] = MAKERS[name](segmenter)
        # What is compiled at the first call belongs to the making.
        for batch in BATCHES:
            _answer(made[name], batch, segmenter, embedding)
        seconds_to_make[name] = round(time.process_time() - started, 1)
    options = f"--rounds {rounds} --only {','.join(only)}"
    document = {
        "command": f"python benchmarks/measure/compiled.py {options}",
        "seconds_to_make": seconds_to_make,
        "batches": {
            str(batch): _measured(made, batch, rounds, segmenter, embedding) for batch in BATCHES
        },
    }
    write_json(OUT, document)
    print(OUT.read_text(encoding="utf-8"))


def _eager(segmenter: Segmenter) -> Way:
    return Probability(segmenter.model).eval()


def _compiled(segmenter: Segmenter) -> Way:
    from torch._inductor import config

    config.freezing = True
    way: Way = torch.compile(Probability(load(segmenter.folder).model).eval(), dynamic=False)
    return way


def _onnx(segmenter: Segmenter) -> Way:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    path = keep(segmenter.folder) / NETWORK
    opened = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(image: Tensor, embedding: Tensor) -> Tensor:
        feed = {"image": image.numpy(), "embedding": embedding.numpy()}
        return torch.from_numpy(opened.run(["probability"], feed)[0])

    return run


MAKERS: dict[str, Callable[[Segmenter], Way]] = {
    "eager": _eager,
    "compiled": _compiled,
    "onnx": _onnx,
}


def _answer(way: Way, batch: int, segmenter: Segmenter, embedding: Tensor) -> np.ndarray:
    size = segmenter.config.data.size
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(batch, 3, 5, 5, generator=generator)
    image = nn.functional.interpolate(coarse, (size, size), mode="bicubic").clamp(0, 1)
    with torch.inference_mode():
        return way(image, embedding.expand(batch, -1).contiguous()).float().numpy()


def _measured(
    made: dict[str, Way], batch: int, rounds: int, segmenter: Segmenter, embedding: Tensor
) -> dict[str, Any]:
    taken: dict[str, list[float]] = {name: [] for name in made}
    answers: dict[str, np.ndarray] = {}
    for _ in range(rounds):
        for name, way in made.items():
            started = time.process_time()
            answers[name] = _answer(way, batch, segmenter, embedding)
            taken[name].append((time.process_time() - started) / batch)
    first = answers[next(iter(made))]
    return {
        name: {
            "ms_a_picture": round(1e3 * median(seconds), 2),
            "ratio": round(median(taken[next(iter(made))]) / median(seconds), 2),
            "largest_change": float(f"{np.abs(answers[name] - first).max():.1e}"),
            "equal_pixels": float(((answers[name] > 0.5) == (first > 0.5)).mean()),
        }
        for name, seconds in taken.items()
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join(MAKERS))
    chosen = parser.parse_args(sys.argv[1:])
    main(chosen.rounds, chosen.only.split(","))
