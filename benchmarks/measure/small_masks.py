"""What masks lose at the network's size, by the way they are resized.

    python benchmarks/measure/small_masks.py

Masks of the shared sets (up to 500 a set, evenly spaced) are brought to 64, 96 and 224 px and
back, as a training and a prediction do it: by the nearest pixel, by area alone, and by area with
one pixel for each lesion that would vanish (`data.mask_resize = "area"`). Counted are the masks
that become empty, the lesions that no pixel shows, and Dice with the original mask.

→ benchmarks/results/small_masks.json; a set that is not at hand is left out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from saywhere.io.files import write_json
from saywhere.io.images import read_mask
from saywhere.io.mask_resize import by_area, resized
from saywhere.metrics.functional import dice

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
OUT = ROOT / "benchmarks" / "results" / "small_masks.json"
SETS = ("kvasir", "isic", "lungs", "qata", "busi")
SIZES = (64, 96, 224)
N_MASKS = 500


def main() -> None:
    """Measure every set that is at hand, and write the results."""
    torch.set_num_threads(1)
    sets = {name: measured(masks_of(name)) for name in SETS if (DATA / name).is_dir()}
    command = "python benchmarks/measure/small_masks.py"
    write_json(OUT, {"command": command, "masks_at_most": N_MASKS, "sets": sets})
    print(json.dumps(sets, indent=1))


def masks_of(name: str) -> list[NDArray[np.bool_]]:
    """Masks with foreground, in their own frame."""
    paths = sorted((DATA / name / "masks").glob("*.png"))
    chosen = np.unique(np.linspace(0, len(paths) - 1, N_MASKS).round().astype(int))
    masks = [read_mask(paths[i]) for i in chosen]
    return [mask for mask in masks if mask.any()]


def measured(masks: list[NDArray[np.bool_]]) -> dict[str, Any]:
    """Counts and mean Dice, by size and way."""
    document: dict[str, Any] = {"masks": len(masks)}
    for size in SIZES:
        cases = [_cases(mask, size) for mask in masks]
        document["lesions"] = sum(case["nearest"]["lesions"] for case in cases)
        for way in cases[0]:
            of_size = document.setdefault(str(size), {})
            of_size[way] = _summed([case[way] for case in cases])
    return document


def _cases(mask: NDArray[np.bool_], size: int) -> dict[str, dict[str, float]]:
    nearest = resized(mask, (size, size), "nearest")
    area = resized(mask, (size, size), "area")
    alone = by_area(mask, (size, size))
    return {
        "nearest": _case(mask, nearest.mask, nearest.n_lesions, nearest.n_vanishing),
        "area alone": _case(mask, alone, area.n_lesions, area.n_vanishing),
        "area": _case(mask, area.mask, area.n_lesions, 0),
    }


def _case(
    mask: NDArray[np.bool_], small: NDArray[np.bool_], lesions: int, lost: int
) -> dict[str, float]:
    picture = torch.from_numpy(small.astype(np.float32))[None, None]
    # As the segmenter brings a probability back.
    back = torch.nn.functional.interpolate(picture, mask.shape, mode="bilinear")[0, 0] > 0.5
    return {
        "lesions": lesions,
        "lost": lost,
        "empty": float(not small.any()),
        "dice": dice(back.numpy(), mask),
    }


def _summed(cases: list[dict[str, float]]) -> dict[str, float]:
    return {
        "empty_masks": int(sum(case["empty"] for case in cases)),
        "lost_lesions": int(sum(case["lost"] for case in cases)),
        "dice_mean": round(float(np.mean([case["dice"] for case in cases])), 4),
    }


if __name__ == "__main__":
    main()
