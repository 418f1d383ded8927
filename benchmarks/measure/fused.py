"""How much of a training step does AdamW take, as one kernel and as one weight after the other?

python benchmarks/measure/fused.py → benchmarks/results/fused.json

Each network at width 8 (`lite` at its own), 6 channels, a batch of 8 at 64 px, one thread, seed 0:
4 rounds of 8 steps each way in turn, the first not counted. What counts is the ratio within a
round.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch

from saywhere.io.files import write_json
from saywhere.networks import registry

RESULT = Path(__file__).parents[1] / "results" / "fused.json"
WIDTHS = {"unet": 8, "unetpp": 8, "transunet": 8, "missformer": 8, "lite": 64}
ROUNDS, STEPS = 4, 8


def main() -> dict[str, Any]:
    """A network's ratios of plain to fused: of the optimiser's own time, and of the whole step."""
    torch.set_num_threads(1)
    return {
        "command": "python benchmarks/measure/fused.py",
        "torch": torch.__version__,
        "threads": 1,
        "networks": {name: _ratios(name) for name in WIDTHS},
    }


def _ratios(name: str) -> dict[str, float]:
    pairs = [(_seconds(name, fused=False), _seconds(name, fused=True)) for _ in range(ROUNDS)][1:]
    own = sorted(apart[0] / fused[0] for apart, fused in pairs)[len(pairs) // 2]
    whole = sorted(apart[1] / fused[1] for apart, fused in pairs)[len(pairs) // 2]
    return {"optimiser": round(own, 2), "step": round(whole, 2)}


def _seconds(name: str, fused: bool) -> tuple[float, float]:
    """(of the optimiser, of all) over STEPS steps."""
    torch.manual_seed(0)
    network = registry.build(name, in_channels=6, width=WIDTHS[name], size=64, pretrained=False)
    # torch's stubs lack this overload.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=fused)
    stack = torch.randn(8, 6, 64, 64).to(memory_format=torch.channels_last)
    own = 0.0
    started = time.perf_counter()
    for _ in range(STEPS):
        optimizer.zero_grad(set_to_none=True)
        network(stack).square().mean().backward()
        before = time.perf_counter()
        optimizer.step()
        own += time.perf_counter() - before
    return own, time.perf_counter() - started


if __name__ == "__main__":
    write_json(RESULT, main())
