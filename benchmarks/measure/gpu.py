"""What benchmarks/measure/gpu.sh runs: each part in a process of its own, with a time limit.

1. A training step of the paper's four networks in bfloat16 beside the naive way, 224 px.
2. Predictions a second.
3. As many seeds of the paper's UNet as the time holds (image + augmentation, image + text +
   augmentation; 100 epochs), as result cells.

What is finished lies in OUT at once: performance_cuda.json as `saywhere bench` writes it, and
cells.tar.gz. The naive way's encoder is a BERT of CXR-BERT's size with random weights; the seeds
have MiniLM's packed vectors, which a user's own run would compute once.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from saywhere.bench import suite
from saywhere.bench.training import Effort
from saywhere.errors import MissingEncoder
from saywhere.experiments.grid import Choice, Grid
from saywhere.experiments.runner import run_grid
from saywhere.io.files import write_json
from saywhere.text.encoder import ENCODERS
from saywhere.training.trainer import train

ROOT = Path(__file__).parents[2]
PACK = "SAYWHERE_GPU_PACK"
NETWORKS = ("unet", "unetpp", "transunet", "missformer")
TABLE = "gpu_unet"


@dataclass(frozen=True)
class Sizes:
    """How large everything is.

    Attributes:
        size: side of the images.
        width: of the networks' first level.
        batch: samples a step.
        steps: timed a round.
        epochs: of a seed.
        layers: of the random BERT.
        pictures: predicted.
        budget_s: seconds of a network's part, of the prediction's, and of a seed's at least.
    """

    size: int = 224
    width: int = 64
    batch: int = 32
    steps: int = 10
    epochs: int = 100
    layers: int = 12
    pictures: int = 200
    budget_s: int = 60


FULL = Sizes()
TINY = Sizes(32, 4, 2, 1, 1, 1, 2, 900)
"""For a test on a CPU."""


class PackedEncoder:
    """Vectors that were computed elsewhere, under their encoder's own name."""

    def __init__(self, path: Path) -> None:
        """Read the file that gpu_pack.py wrote."""
        packed = np.load(path)
        about = json.loads(str(packed["about"]))
        self.name, self.dim, self.revision = about["name"], about["dim"], about["revision"]
        self.pooling, self.max_length = about["pooling"], about["max_length"]
        self._number = {text: i for i, text in enumerate(json.loads(str(packed["prompts"])))}
        self._vectors = packed["vectors"].astype(np.float32)
        self._tokens = packed["tokens"]

    def embed(self, prompts: Sequence[str]) -> np.ndarray:
        """The packed vectors; MissingEncoder for a prompt that was not packed."""
        return self._vectors[[self._row(prompt) for prompt in prompts]]

    def embed_tokens(self, prompts: Sequence[str]) -> list[np.ndarray]:
        """Tokens were not packed."""
        raise MissingEncoder("the packed encoder has no tokens", remedy="use another fusion")

    def count_tokens(self, prompt: str) -> int:
        """As the encoder counted them."""
        return int(self._tokens[self._row(prompt)])

    def _row(self, prompt: str) -> int:
        if prompt not in self._number:
            raise MissingEncoder(
                f"the prompt {prompt!r} was not packed", remedy="pack it by gpu_pack.py"
            )
        return self._number[prompt]


# At import, so that the processes of a grid's cells have it as well.
if os.environ.get(PACK):
    ENCODERS["minilm"] = lambda path, pooling, length: PackedEncoder(
        Path(os.environ[PACK]) / "embeddings.npz"
    )


def main(pack: Path, out: Path, seconds: float, parts: Sequence[str], tiny: bool) -> list[str]:
    """Run the parts, each in a process that is ended when its time is over.

    Args:
        pack: what gpu_pack.py wrote.
        out: where results go.
        seconds: that all may take.
        parts: of NETWORKS, prediction, seeds; in this order.
        tiny: small numbers, on a CPU.

    Returns:
        What was finished.
    """
    ends = time.monotonic() + seconds
    out.mkdir(parents=True, exist_ok=True)
    sizes = TINY if tiny else FULL
    write_bert(out / "work" / "bert", sizes.layers)
    finished: list[str] = []
    seed = 0
    longest = float(sizes.budget_s)
    for part in parts:
        while (left := ends - time.monotonic()) > (longest if part == "seeds" else 5):
            name = f"seed{seed}" if part == "seeds" else part
            started = time.monotonic()
            # Seeds take what is left; a part before them its own budget, so that each has a turn.
            limit = left if part == "seeds" else min(left, sizes.budget_s)
            is_finished = _in_process(name, pack, out, limit, tiny)
            # A seed that was ended may have left the first of its two cells.
            collect(out)
            if not is_finished:
                break
            finished.append(name)
            if part != "seeds" or tiny:
                break
            # Another one is begun only where it will end in time.
            longest, seed = 1.1 * (time.monotonic() - started), seed + 1
    return finished


def _in_process(name: str, pack: Path, out: Path, limit: float, tiny: bool) -> bool:
    command = [sys.executable, __file__, "--pack", str(pack), "--out", str(out), "--one", name]
    environment = os.environ | {PACK: str(pack.resolve())}
    print(f"{name}: at most {limit:.0f} s", flush=True)
    try:
        subprocess.run(
            [*command, *(["--tiny"] if tiny else [])], check=True, timeout=limit, env=environment
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        print(f"{name}: {error}", flush=True)
        return False
    return True


def one(name: str, pack: Path, out: Path, sizes: Sizes, device: str) -> None:
    """Run one part.

    Args:
        name: of NETWORKS, prediction, or seedN.
        pack: what gpu_pack.py wrote.
        out: where results go.
        sizes: how large everything is.
        device: cuda or cpu.
    """
    if name.startswith("seed"):
        _seed(int(name.removeprefix("seed")), pack, out, sizes, device)
        return
    precision = "bf16-mixed" if device == "cuda" else "32-true"
    bert = {"text.encoder": "cxr-bert", "text.path": str(out / "work" / "bert")}
    plan = suite.Plan(
        batch=sizes.batch,
        device=device,
        data=pack / "data" / "manifest.jsonl",
        prompts="p6",
        pictures=sizes.pictures,
        rounds=2,
        changes={"train.precision": precision, "train.threads": 1, **bert},
    )
    if name == "prediction":
        run = out / "work" / "model"
        short = {"train.epochs": 1, "train.steps_per_epoch": 2, "fusion.words_first": 0}
        keys = _network("unet", sizes) | short
        train(suite.config_for(plan, pack / "data" / "manifest.jsonl", keys), run)
        plan = replace(plan, parts=("prediction",), model=str(run))
    else:
        label = f"{name} {sizes.width} {sizes.size}"
        effort = Effort(sizes.steps, 2, warm=3)
        plan = replace(plan, parts=("training",), cells={label: (_network(name, sizes), effort)})
    suite.run(plan, out / "work" / f"{name}.json", "bash benchmarks/measure/gpu.sh")


def _network(name: str, sizes: Sizes) -> dict[str, Any]:
    return {"network.name": name, "network.width": sizes.width, "data.size": sizes.size}


def _seed(seed: int, pack: Path, out: Path, sizes: Sizes, device: str) -> None:
    """Both variants with one seed, each evaluated on the test images."""
    keys = {
        "data.manifest": str(pack / "data" / "manifest.jsonl"),
        "text.encoder": "minilm",
        "text.pooling": "default",
        "train.device": device,
        "train.precision": "bf16-mixed" if device == "cuda" else "32-true",
        "train.epochs": sizes.epochs,
        "train.validate_every": max(sizes.epochs // 10, 1),
        **_network("unet", sizes),
    }
    alone = Choice(label="image + augmentation", set={"fusion.name": "none"})
    words = Choice(label="image + text + augmentation")
    grid = Grid(
        table=TABLE,
        title="The paper's UNet at full size",
        base=ROOT / "configs" / "paper_kvasir.toml",
        seeds=[seed],
        set=keys,
        axis=[[alone, words]],
    )
    failed = run_grid(grid, out / "work" / "cells", print, "bash benchmarks/measure/gpu.sh")
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def collect(out: Path) -> None:
    """Put what is finished into two files, whatever comes after.

    Args:
        out: its `work` holds what the parts wrote.
    """
    document: dict[str, Any] = {}
    for path in sorted((out / "work").glob("*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        training = document.get("training", {}) | found.get("training", {})
        document |= found | ({"training": training} if training else {})
    if document:
        write_json(out / "performance_cuda.json", document)
    if (out / "work" / "cells").is_dir():
        with tarfile.open(out / "cells.tar.gz", "w:gz") as archive:
            archive.add(out / "work" / "cells", ".")


def write_bert(folder: Path, n_layers: int) -> None:
    """Write a BERT of CXR-BERT's layout with random weights: as slow as the published one.

    Args:
        folder: is made; what is there stays.
        n_layers: 12 are the published size.
    """
    from transformers import BertConfig, BertModel

    if (folder / "config.json").is_file():
        return
    torch.manual_seed(0)
    config = BertConfig(num_hidden_layers=n_layers)
    BertModel(config).save_pretrained(folder)
    letters = [mark + chr(code) for code in range(33, 127) for mark in ("", "##")]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters]
    words += [f"[unused{number}]" for number in range(config.vocab_size - len(words))]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")


def arguments() -> Any:
    """What was typed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", type=Path, default=ROOT / "build" / "gpu")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "out")
    parser.add_argument("--seconds", type=float, default=560)
    parser.add_argument("--parts", nargs="+", default=[*NETWORKS, "prediction", "seeds"])
    parser.add_argument("--one")
    parser.add_argument("--tiny", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    typed = arguments()
    if typed.one:
        where = "cuda" if torch.cuda.is_available() else "cpu"
        one(typed.one, typed.pack, typed.out, TINY if typed.tiny else FULL, where)
    else:
        print(main(typed.pack, typed.out, typed.seconds, typed.parts, typed.tiny))
