"""The main job, end to end, in front of whoever asks: train, evaluate, predict, report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from saywhere.config import Config
from saywhere.data.manifest import Manifest, read_manifest
from saywhere.data.select import evaluation_prompt
from saywhere.datasets.phantoms import SEED, prepare_phantoms
from saywhere.datasets.synthetic import make_phantoms
from saywhere.evaluation.evaluate import evaluate, measure
from saywhere.inference.batch import run_jobs
from saywhere.inference.requests import Job
from saywhere.inference.segmenter import Segmenter
from saywhere.io import files
from saywhere.metrics.statistics import bootstrap_mean
from saywhere.runs.directory import create
from saywhere.text.directions import OPPOSITES, count_positions
from saywhere.training.trainer import Listener, train

PHANTOMS = Config().replace(
    **{
        "data.size": 64,
        "data.channels": 1,
        "text.train_prompts": "taught",
        "text.evaluate_prompts": "plain",
        "text.unseen_prompts": "unseen",
        "network.width": 16,
        "optimizer.learning_rate": 3e-3,
        "optimizer.schedule": "one-cycle",
        "train.epochs": 16,
        "train.validate_every": 2,
    }
)
"""configs/phantoms.toml, embedded: a test holds the two equal."""

REAL = Config().replace(
    **{
        "data.size": 160,
        "data.mosaic": 0.2,
        "text.blank": 0.1,
        "fusion.words_first": 300,
        "augment.degrees": 45.0,
        "augment.scale": [0.75, 1.25],
        "augment.translate": 0.1,
        "augment.brightness": 0.2,
        "augment.contrast": 0.2,
        "augment.saturation": 0.2,
        "network.name": "lite",
        "loss.roi": "none",
        "train.epochs": 12,
        "train.steps_per_epoch": 100,
        "train.validate_every": 4,
    }
)
"""configs/kvasir.toml without its paths and levels."""

POLICIES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("words turned with the image (the paper)", {}),
    ("words left behind", {"fusion.arm": "untouched"}),
    ("no geometric augmentation", {"augment.name": "none"}),
)
N_FEW = 64
EPOCHS_OF_FEW = 80
Say = Callable[[str], None]


def demo(folder: Path, data: Path | None, *, say: Say, listen: Listener) -> Path:
    """Run it; returns the run directory. `data`: a folder with a manifest, or None for phantoms made here."""
    config = None if data is None else real_config(read_manifest(data))  # before a folder is made
    folder = create(folder, "demo", claim="predictions").folder
    if config is None:
        say(
            "1/4 making referring phantoms: several lesions an image, and a sentence that says which one is meant"
        )
        config = PHANTOMS.replace(
            **{"data.manifest": str(prepare_phantoms(None, folder / "phantoms").manifest)}
        )
    say(
        "2/4 training"
        + (
            " (prompts are embedded first, once)"
            if data is None
            else f" `{config.network.name}` on {config.data.manifest}"
        )
    )
    run = train(config, folder / "run", listen=listen)
    if data is None:
        say(f"3/4 the paper's claim in small: three more runs from {N_FEW} images")
        files.write_json(run / "comparison.json", compare_arms(config, folder, listen))
    say("4/4 evaluating, predicting")
    evaluate(run)
    _predict_some(run, folder / "predictions")
    return run


def real_config(manifest: Manifest) -> Config:
    """The recipe for real images, with the manifest's own levels: those that say where are drawn from in training, or all if none does."""
    first = manifest.rows[0].prompts
    spoken = [
        level
        for level in manifest.levels
        if any(text for row in manifest.rows[:50] for text in row.prompts.get(level, ()))
    ]
    plain = [level for level in spoken if len(first.get(level, ())) == 1]
    target = first["p1"][0] if first.get("p1", ("",))[0] else "lesion"
    return REAL.replace(
        **{
            "data.manifest": str(manifest.path),
            "data.target": target,
            "text.train_prompts": _saying_where(manifest, spoken),
            "text.evaluate_prompts": "p6" if "p6" in spoken else plain[-1] if plain else spoken[-1],
        }
    )


def _saying_where(manifest: Manifest, levels: list[str]) -> list[str]:
    texts = {
        level: [text for row in manifest.rows for text in row.prompts.get(level, ())]
        for level in levels
    }
    counts = {level: count_positions(texts[level]) for level in levels}
    return [
        level
        for level in levels
        if sum(counts[level][side] for side in OPPOSITES) > len(texts[level]) / 5
    ] or levels


def compare_arms(config: Config, folder: Path, listen: Listener) -> dict[str, Any]:
    """Few images, one lesion each, equal steps: does it matter that the words turn with the image?"""
    manifest = _few_phantoms(folder)
    few = config.replace(
        **{
            "data.manifest": str(manifest),
            "train.epochs": EPOCHS_OF_FEW,
            "train.validate_every": EPOCHS_OF_FEW,
        }
    )
    rows = []
    for number, (label, changes) in enumerate(POLICIES, start=1):
        segmenter = Segmenter(
            train(few.replace(**changes), folder / f"few-{number}", listen=listen)
        )
        test = read_manifest(manifest).split("test")
        cases = measure(
            segmenter,
            test,
            [evaluation_prompt(row, segmenter.config) for row in test],
            "right",
            lambda done: None,
        )
        dice = bootstrap_mean(
            [case["dice"] for case in cases], config.evaluate.bootstrap, config.train.seed
        )
        rows.append({"label": label, "dice_mean": vars(dice), "n": len(cases)})
    note = f"UNet of width {config.network.width}, {N_FEW} training images with one lesion and eight wordings each, equal steps, right words, new images."
    return {
        "title": "Why fuse first: what happens to the words when the image turns",
        "note": note,
        "rows": rows,
    }


def _few_phantoms(folder: Path) -> Path:
    return make_phantoms(
        folder / "few",
        n_train=N_FEW,
        n_val=8,
        n_test=100,
        size=PHANTOMS.data.size,
        seed=SEED + 1,
        rows_per_image=1,
    )


def _predict_some(run: Path, out: Path) -> None:
    segmenter = Segmenter(run)
    assert segmenter.config.data.manifest is not None
    test = read_manifest(segmenter.config.data.manifest).split(segmenter.config.data.test_split)[:6]
    run_jobs(
        segmenter,
        [
            Job(row.image, evaluation_prompt(row, segmenter.config), f"example-{i}")
            for i, row in enumerate(test, start=1)
        ],
        out,
    )
