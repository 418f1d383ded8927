"""Bytes that a prediction takes for each pixel of its picture: one prompt, model `polyp`.

    SAYWHERE_MAX_PIXELS=50000000 python benchmarks/measure/prediction_memory.py

Peak memory of the process (Linux) while an array of 30 megapixels is segmented, beyond what it held
before: the array, the loaded model, and what a first small prediction leaves.

→ benchmarks/results/prediction_memory.json
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from saywhere.inference.segmenter import load
from saywhere.io.files import write_json

OUT = Path(__file__).resolve().parents[1] / "results" / "prediction_memory.json"
SIDES = (6_000, 5_000)
PROMPT = "one small round polyp"


def main() -> None:
    """Measure, and write the result."""
    model = load("polyp")
    model.segment(np.zeros((400, 400, 3), np.uint8), PROMPT)
    picture = np.random.default_rng(0).integers(0, 256, (*SIDES, 3), np.uint8)
    # The peak so far is of the making: from here on it is the prediction's.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _peak_bytes()
    model.segment(picture, PROMPT)
    per_pixel = (_peak_bytes() - before) / (SIDES[0] * SIDES[1])
    command = "SAYWHERE_MAX_PIXELS=50000000 python benchmarks/measure/prediction_memory.py"
    write_json(OUT, {"command": command, "bytes_per_pixel": round(per_pixel, 1)})
    print(f"{per_pixel:.1f} bytes a pixel")


def _peak_bytes() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return 1024 * int(line.split()[1])


if __name__ == "__main__":
    main()
