"""What masks lose at the network's size, by the way they are resized, and when they are turned.

    python benchmarks/measure/small_masks.py
    python benchmarks/measure/small_masks.py --turned

Masks of the shared sets (up to 500 a set, evenly spaced) are brought to 64, 96 and 224 px and
back, as a training and a prediction do it: by the nearest pixel, by area alone, and by area with
one pixel for each lesion that would vanish (`data.mask_resize = "area"`). Counted are the masks
that become empty, the lesions that no pixel shows, and Dice with the original mask.

With `--turned` the masks at these sizes (by area) are turned, scaled and shifted as the default
augmentation does it, 100 masks a set and two draws a mask: by the nearest pixel, as training does
it, and bilinearly
with everything from a half on as lesion. Counted are the lesions whose centre stays in the frame
and that no pixel shows, and Dice with the same geometry at four times the size, brought back by
area.

→ benchmarks/results/small_masks.json, with `--turned` turned_masks.json; a set that is not at hand
is left out.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from saywhere.config import AugmentConfig
from saywhere.io.files import write_json
from saywhere.io.images import read_mask
from saywhere.io.mask_resize import TOUCHING, by_area, resized
from saywhere.metrics.functional import dice
from saywhere.transforms.augmentation import Augmentation
from saywhere.transforms.geometry import Geometry

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
RESULTS = ROOT / "benchmarks" / "results"
SETS = ("kvasir", "isic", "lungs", "qata", "busi")
SIZES = (64, 96, 224)
N_MASKS = 500


N_DRAWS = 2
N_TURNED = 100
FINER = 4


def main() -> None:
    """Measure every set that is at hand, and write the results."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--turned", action="store_true", help="what turning loses, not resizing")
    is_turned = parser.parse_args().turned
    torch.set_num_threads(1)
    measure = turned if is_turned else measured
    n = N_TURNED if is_turned else N_MASKS
    sets = {name: measure(masks_of(name, n)) for name in SETS if (DATA / name).is_dir()}
    command = f"python benchmarks/measure/small_masks.py{' --turned' if is_turned else ''}"
    document = {"command": command, "masks_at_most": n, "sets": sets}
    out = RESULTS / ("turned_masks.json" if is_turned else "small_masks.json")
    write_json(out, document | ({"draws": N_DRAWS} if is_turned else {}))
    print(json.dumps(sets, indent=1))


def masks_of(name: str, n: int = N_MASKS) -> list[NDArray[np.bool_]]:
    """Masks with foreground, in their own frame."""
    paths = sorted((DATA / name / "masks").glob("*.png"))
    chosen = np.unique(np.linspace(0, len(paths) - 1, n).round().astype(int))
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


def turned(masks: list[NDArray[np.bool_]]) -> dict[str, Any]:
    """Lesions that turning loses and mean Dice, by size and way."""
    document: dict[str, Any] = {"masks": len(masks)}
    # Every sample is turned; in a training it is half of them.
    augmentation = Augmentation(AugmentConfig(affine=1.0))
    for size in SIZES:
        cases = []
        for number, mask in enumerate(masks):
            small = resized(mask, (size, size), "area").mask
            for draw in range(N_DRAWS):
                cases.append(_turned_case(small, augmentation.draw(0, draw, [number])))
        ways = {}
        for way in ("nearest", "bilinear"):
            ways[way] = {
                "lost_lesions": sum(case[way]["lost"] for case in cases),
                "dice_mean": round(float(np.mean([case[way]["dice"] for case in cases])), 4),
            }
        document[str(size)] = {"lesions": sum(case["lesions"] for case in cases), **ways}
    return document


def _turned_case(mask: NDArray[np.bool_], geometry: Geometry) -> dict[str, Any]:
    labels, n_lesions = ndimage.label(mask, TOUCHING)
    inside = _inside(labels, n_lesions, geometry)
    # A channel a lesion: else a neighbour could hide that it is lost.
    lesions = torch.from_numpy(labels == np.array(inside)[:, None, None]).float()[None]
    finer = torch.from_numpy(mask).float()[None, None]
    finer = finer.repeat_interleave(FINER, 2).repeat_interleave(FINER, 3)
    covered = torch.nn.functional.avg_pool2d(geometry(finer, mode="nearest"), FINER)[0, 0]
    whole = torch.from_numpy(mask).float()[None, None]
    case: dict[str, Any] = {"lesions": len(inside)}
    for way in ("nearest", "bilinear"):
        shown = torch.zeros(0, dtype=torch.bool)
        if inside:
            shown = geometry(lesions, mode=way)[0].flatten(1).amax(1) >= 0.5
        found = geometry(whole, mode=way)[0, 0] >= 0.5
        dice_of = dice(found.numpy(), (covered >= 0.5).numpy())
        case[way] = {"lost": len(inside) - int(shown.sum()), "dice": dice_of}
    return case


def _inside(labels: NDArray[np.int32], n_lesions: int, geometry: Geometry) -> list[int]:
    """The lesions whose centre stays in the frame."""
    height, width = labels.shape
    numbers = list(range(1, n_lesions + 1))
    matrix = geometry.matrix(height, width)[0].numpy()
    inside = []
    for number, (row, column) in zip(numbers, ndimage.center_of_mass(labels > 0, labels, numbers)):
        x, y, _ = matrix @ np.array([column, row, 1])
        if 0 <= x <= width - 1 and 0 <= y <= height - 1:
            inside.append(number)
    return inside


if __name__ == "__main__":
    main()
