"""Keep what a run measured: python benchmarks/measure/record.py runs/demo/run phantoms "make demo"
→ benchmarks/results/demo_phantoms.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from saywhere.io.files import write_json
from saywhere.runs.older_values import read_stored

RESULTS = Path(__file__).parents[1] / "results"


def main(run: Path, name: str, command: str) -> None:
    """Summary, comparison, facts and configuration of one run; no picture and no sentence of the
    data.
    """
    facts = json.loads((run / "run.json").read_text())
    summary = json.loads((run / "evaluation" / "summary.json").read_text())
    comparison = run / "comparison.json"
    write_json(
        RESULTS / f"demo_{name}.json",
        {
            "command": command,
            **{
                key: facts[key]
                for key in (
                    "saywhere",
                    "packages",
                    "python",
                    "platform",
                    "device",
                    "threads",
                    "precision",
                    "seed",
                    "seconds",
                    "parameters",
                )
            },
            "summary": summary,
            "comparison": json.loads(comparison.read_text()) if comparison.is_file() else None,
            "config": read_stored(run / "config.toml").model_dump(mode="json"),
        },
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
