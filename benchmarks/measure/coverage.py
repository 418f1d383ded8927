"""How often 95 % intervals over few seeds hold the truth, simulated: python
benchmarks/measure/coverage.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from saywhere.io.files import write_json
from saywhere.metrics.statistics import hierarchical_difference
from saywhere.seeds import generator

RESULT = Path(__file__).parents[1] / "results" / "coverage.json"
N_CASES, N_TABLES, RESAMPLES = 100, 2000, 1000
CASES, REST = (
    0.1,
    0.2,
)  # standard deviations of a Dice difference: of a case for all seeds, and of a seed's case
SEEDS = (0.0, 0.05, 0.1)  # … of a seed's mean


def held(n_seeds: int, seeds: float, n_tables: int = N_TABLES) -> dict[str, Any]:
    """Of tables whose true difference is 0, the share whose interval holds 0: the bootstrap's, the
    t interval, and both being sure.
    """
    random = generator(0, f"coverage of {n_seeds} seeds that differ by {seeds}")
    found = []
    for number in range(n_tables):
        gain = (
            random.normal(0, seeds, (n_seeds, 1))
            + random.normal(0, CASES, (1, N_CASES))
            + random.normal(0, REST, (n_seeds, N_CASES))
        )
        one = hierarchical_difference(gain, np.zeros_like(gain), RESAMPLES, number)
        assert one.other_seeds is not None
        found.append((one.low <= 0 <= one.high, one.other_seeds[0] <= 0 <= one.other_seeds[1]))
    bootstrap, t = np.array(found).T
    return {
        "n_seeds": n_seeds,
        "seeds": seeds,
        "bootstrap": bootstrap.mean(),
        "t": t.mean(),
        "either": (bootstrap | t).mean(),
    }


def main() -> dict[str, Any]:
    rows = [held(n_seeds, seeds) for n_seeds in (2, 3) for seeds in SEEDS]
    return {
        "command": "python benchmarks/measure/coverage.py",
        "n_tables": N_TABLES,
        "n_cases": N_CASES,
        "cases": CASES,
        "rest": REST,
        "rows": rows,
    }


if __name__ == "__main__":
    found = main()
    write_json(RESULT, found)
    print(json.dumps(found["rows"], indent=1))
