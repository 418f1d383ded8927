"""Does this checkout answer what another one answers, to the bit?

    python benchmarks/measure/unchanged.py --against 61e1e18

Both checkouts run the same questions on this machine, one after the other, in float32 and one
thread: masks and probabilities of the three models on 20 images each, the metrics of `evaluate`,
and the loss curves of 50 training steps. Their answers are compared, value by value. Numbers of
one machine say nothing of another one, so none are stored.

Images come from the shared sets where those are at hand, else from generated phantoms.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
MODELS = {
    "polyp": ("kvasir", "p6"),
    "skin-lesion": ("isic", "p6"),
    "lung-infection": ("qata", "text"),
}
N_IMAGES = 20
FUSIONS = {
    "early": {},
    "early as published": {"text.scale": "none", "fusion.start": "default", "loss.roi": "paper"},
    "early, words first, mosaics": {"fusion.words_first": 5, "data.mosaic": 0.3, "data.half": 0.2},
    "early, prompt not transformed": {"fusion.arm": "untouched"},
    "early, swap": {"fusion.arm": "swap"},
    "late-concat": {"fusion.name": "late-concat"},
    "film, recaption": {"fusion.name": "film", "fusion.arm": "recaption"},
    "cross-attention": {"fusion.name": "cross-attention", "network.name": "missformer"},
    "image only, CutMix": {"fusion.name": "none", "augment.cutmix": 0.5},
}
SMALL = {
    "data.size": 32,
    "data.channels": 1,
    "text.train_prompts": "taught",
    "text.evaluate_prompts": "plain",
    "network.width": 4,
    "network.depth": 0.5,
    "train.epochs": 2,
    "train.steps_per_epoch": 25,
    "train.precision": "32-true",
    "train.threads": 1,
    "train.device": "cpu",
    "optimizer.learning_rate": 3e-3,
    "augment.brightness": 0.1,
    "evaluate.bootstrap": 200,
}
TIMES = ("seconds", "created", "finished")
JUDGEMENTS = ("verdict", "verdict_by", "tells")
"""Words about numbers that are compared themselves; few cases are no longer judged."""


def record(folder: Path) -> dict[str, Any]:
    """What the `saywhere` that Python finds answers, as a document of digests and numbers."""
    import torch

    torch.set_num_threads(1)
    answers: dict[str, Any] = {}
    phantoms = _phantoms(folder / "phantoms")
    for model, (data_set, level) in MODELS.items():
        rows = _rows(DATA / data_set / "annotations.jsonl", level) or _rows(phantoms, "plain")
        answers[f"{model}: answers"] = _predictions(model, rows)
        answers[f"{model}: evaluate"] = _evaluation(model, rows, folder / model)
    for name, changes in FUSIONS.items():
        answers[f"{name}: 50 steps"] = _training(phantoms, changes, folder / "runs" / name)
    return answers


def _phantoms(folder: Path) -> Path:
    import saywhere

    return saywhere.make_phantoms(folder, n_train=24, n_val=6, n_test=N_IMAGES, size=48, seed=5)


def _rows(manifest: Path, level: str) -> list[dict[str, Any]]:
    """The first test rows, with whole paths and one prompt each."""
    if not manifest.is_file():
        return []
    rows = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]
    chosen = [row for row in rows if row.get("split") == "test"][:N_IMAGES]
    for row in chosen:
        texts = row["prompts"][level]
        row["prompts"] = {"prompt": texts if isinstance(texts, str) else texts[0]}
        row["image"] = str(manifest.parent / row["image"])
        row["mask"] = str(manifest.parent / row["mask"])
    return chosen


def _predictions(model: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    import saywhere

    segmenter = saywhere.load(model)
    answers = []
    for row in rows:
        result = segmenter.segment(row["image"], row["prompts"]["prompt"])
        answers.append(
            {
                "id": row["id"],
                "probability": _digest(result.probability),
                "mask": _digest(result.mask),
                "area": int(result.mask.sum()),
                "expected_dice": result.expected_dice,
            }
        )
    return answers


def _evaluation(model: str, rows: list[dict[str, Any]], folder: Path) -> Any:
    import saywhere

    folder.mkdir(parents=True)
    manifest = folder / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    summary = saywhere.evaluate(
        model, manifest=manifest, split="test", prompts="prompt", out=folder / "evaluation"
    )
    return json.loads(json.dumps(summary, default=str).replace(str(folder), "FOLDER"))


def _training(manifest: Path, changes: dict[str, Any], out: Path) -> dict[str, Any]:
    import saywhere

    changes = SMALL | _older_values() | {"data.manifest": str(manifest)} | changes
    config = saywhere.Config().replace(**changes)
    run = saywhere.train(config, out)
    rows = _rows(manifest, "plain")
    segmenter = saywhere.load(run)
    results = [segmenter.segment(row["image"], row["prompts"]["prompt"]) for row in rows]
    return {
        "metrics": (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines(),
        "probabilities": [_digest(result.probability) for result in results],
    }


def _older_values() -> dict[str, Any]:
    """Keys that came later, as they were before: their defaults change numbers on purpose."""
    try:
        from saywhere.runs.older_values import OLDER_VALUES
    except ImportError:
        # A checkout from before there was such a key.
        return {}
    return dict(OLDER_VALUES)


def _digest(array: Any) -> str:
    return hashlib.sha256(f"{array.dtype}{array.shape}".encode() + array.tobytes()).hexdigest()[:16]


def differences(before: Any, now: Any, where: str = "") -> list[str]:
    """Each place in which two documents differ."""
    if isinstance(before, dict) and isinstance(now, dict):
        found = [f"{where}: {key!r} is gone" for key in before if key not in now]
        for key in before:
            if key in now and key not in TIMES + JUDGEMENTS:
                found += differences(before[key], now[key], f"{where} · {key}" if where else key)
        return found
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        found = []
        for number, (one, other) in enumerate(zip(before, now)):
            found += differences(one, other, f"{where}[{number}]")
        return found
    return [] if before == now else [f"{where}: {str(before)[:90]} → {str(now)[:90]}"]


def answers_of(checkout: Path) -> dict[str, Any]:
    """Record in a process of its own, with that checkout's `saywhere` in front of any other."""
    with tempfile.TemporaryDirectory() as scratch:
        environment = os.environ | {
            "PYTHONPATH": str(checkout / "src"),
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
        }
        out = Path(scratch) / "answers.json"
        command = [sys.executable, str(Path(__file__).resolve()), "--record", str(out)]
        subprocess.run(command, env=environment, check=True, cwd=checkout)
        document: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        return document


def main() -> None:
    """Print what differs; exit 1 where anything does."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--against", metavar="REVISION", help="a commit, tag or branch of this repository"
    )
    parser.add_argument(
        "--record", type=Path, metavar="FILE", help="write what this code answers, and stop"
    )
    parser.add_argument(
        "--baseline", type=Path, metavar="FILE", help="a file of --record, made on this machine"
    )
    asked = parser.parse_args()
    if asked.record:
        with tempfile.TemporaryDirectory() as scratch:
            asked.record.write_text(json.dumps(record(Path(scratch)), indent=1), encoding="utf-8")
        return
    if asked.baseline:
        before = json.loads(asked.baseline.read_text(encoding="utf-8"))
    elif asked.against:
        with tempfile.TemporaryDirectory() as scratch:
            old = Path(scratch) / "checkout"
            subprocess.run(
                ["git", "worktree", "add", "--detach", str(old), asked.against],
                cwd=ROOT,
                check=True,
            )
            try:
                before = answers_of(old)
            finally:
                subprocess.run(
                    ["git", "worktree", "remove", "--force", str(old)], cwd=ROOT, check=True
                )
    else:
        parser.error("name a revision with --against, or a file with --baseline")
    found = differences(before, answers_of(ROOT))
    for line in found:
        print(line)
    print(f"{len(before)} questions, {len(found)} differences")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
