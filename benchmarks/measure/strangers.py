"""Does a model tell pictures that are none of its kind?

    python benchmarks/measure/strangers.py

Each shipped model is shown up to 150 test images of its own sets, and up to 80 of each other set,
with a prompt of its own; and 40 pictures each of noise, of smooth colours and of drawn screens
(seed 0). AUROC is that of `picture_unfamiliarity`, with a bootstrap interval over pictures; "told"
is the share above 1. The limit was fixed on the validation split by `saywhere calibrate`.

→ benchmarks/results/strangers.json; a set that is not at hand is left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torchmetrics.functional.classification import binary_auroc

import saywhere
from saywhere.data.manifest import read_manifest
from saywhere.data.manifest_row import Row
from saywhere.inference.segmenter import Segmenter
from saywhere.io.files import write_json

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
HOMES = {
    "general": ("kvasir", "isic", "qata", "lungs", "busi"),
    "lung-infection": ("qata",),
}
SETS = ("kvasir", "isic", "qata", "lungs", "busi", "monuseg")
N_HOME, N_OTHERS, N_DRAWN, N_BOOTSTRAP = 150, 80, 40, 1000


def main() -> None:
    """Measure each model whose own set is at hand, and write the results."""
    torch.set_num_threads(1)
    measured = {name: _model(name, homes) for name, homes in HOMES.items() if _are_there(homes)}
    command = "python benchmarks/measure/strangers.py"
    write_json(
        ROOT / "benchmarks" / "results" / "strangers.json",
        {"command": command, "seed": 0, "models": measured},
    )


def _are_there(homes: tuple[str, ...]) -> bool:
    return all((DATA / home / "annotations.jsonl").is_file() for home in homes)


def _model(name: str, homes: tuple[str, ...]) -> dict[str, Any]:
    segmenter = saywhere.load(name, device="cpu")
    rows = [row for home in homes for row in _own(home, N_HOME // len(homes))]
    own, prompts = [row.image for row in rows], [_prompt(row) for row in rows]
    at_home = _distances(segmenter, own, prompts)
    # The same words: what differs is the picture.
    others = {
        **{other: _pictures(other, N_OTHERS) for other in SETS if other not in homes},
        "noise": _noise(),
        "smooth colours": _smooth(),
        "screens": _screens(),
    }
    result: dict[str, Any] = {"own": {"n": len(own), "told": float((at_home > 1).mean())}}
    for other, pictures in others.items():
        if pictures:
            far = _distances(segmenter, pictures, [prompts[0]] * len(pictures))
            result[other] = _row(at_home, far)
            print(name, other, result[other], flush=True)
    return result


def _own(home: str, n: int) -> list[Row]:
    rows = read_manifest(DATA / home / "annotations.jsonl").split("test")
    return _spaced(list({row.image: row for row in reversed(rows)}.values()), n)


def _prompt(row: Row) -> str:
    """The first one that is not blank."""
    return next(texts[0] for texts in row.prompts.values() if texts[0])


def _pictures(name: str, n: int) -> list[Any]:
    manifest = DATA / name / "annotations.jsonl"
    if not manifest.is_file():
        return []
    read = read_manifest(manifest)
    rows = read.split("test") or list(read.rows)
    return _spaced(list(dict.fromkeys(row.image for row in rows)), n)


def _spaced(items: list[Any], n: int) -> list[Any]:
    """Evenly spaced, so that no part of a set stands for all of it."""
    at = np.linspace(0, len(items) - 1, min(n, len(items))).round().astype(int)
    return [items[number] for number in at]


def _distances(segmenter: Segmenter, pictures: list[Any], prompts: list[str]) -> NDArray[Any]:
    found = []
    for start in range(0, len(pictures), 16):
        part = slice(start, start + 16)
        results = segmenter.segment_many(pictures[part], prompts[part], pseudo_images=False)
        found += [result.picture_unfamiliarity for result in results]
    return np.array(found)


def _row(at_home: NDArray[Any], far: NDArray[Any]) -> dict[str, Any]:
    draws = np.random.default_rng(0)
    values = []
    for _ in range(N_BOOTSTRAP):
        some = (draws.choice(group, len(group)) for group in (at_home, far))
        values.append(_auroc(*some))
    low, high = np.quantile(values, [0.025, 0.975])
    return {
        "n": len(far),
        "auroc": _auroc(at_home, far),
        "low": float(low),
        "high": float(high),
        "told": float((far > 1).mean()),
    }


def _auroc(at_home: NDArray[Any], far: NDArray[Any]) -> float:
    # By rank: the metric takes scores outside of [0, 1] for logits, and their sigmoid saturates.
    both = np.concatenate([at_home, far])
    ranks = np.unique(both, return_inverse=True)[1] / len(both)
    target = torch.arange(len(both)) >= len(at_home)
    return float(binary_auroc(torch.from_numpy(ranks), target))


def _noise() -> list[Any]:
    draws = np.random.default_rng(0)
    return [draws.integers(0, 256, (256, 256, 3), dtype=np.uint8) for _ in range(N_DRAWN)]


def _smooth() -> list[Any]:
    """Blurred colours, as a photograph out of focus."""
    draws = np.random.default_rng(1)
    coarse = draws.integers(0, 256, (N_DRAWN, 6, 6, 3), dtype=np.uint8)
    return [np.asarray(Image.fromarray(one).resize((256, 256), 3)) for one in coarse]


def _screens() -> list[Any]:
    """Lines of text and boxes on a light or a dark page, as a screenshot."""
    draws = np.random.default_rng(2)
    letters = list("abcdefghijklmnopqrstuvwxyz      ")
    pages = []
    for _ in range(N_DRAWN):
        ground = 255 if draws.random() < 0.6 else 30
        page = Image.new("RGB", (640, 400), (ground,) * 3)
        pen = ImageDraw.Draw(page)
        for _ in range(draws.integers(5, 40)):
            x, y = (int(v) for v in draws.integers(0, (600, 380)))
            colour = tuple(int(v) for v in draws.integers(0, 256, 3))
            if draws.random() < 0.7:
                pen.text((x, y), "".join(draws.choice(letters, 40)), fill=colour)
            else:
                width, height = (int(v) for v in draws.integers((10, 5), (200, 100)))
                pen.rectangle((x, y, x + width, y + height), fill=colour)
        pages.append(np.asarray(page))
    return pages


if __name__ == "__main__":
    main()
