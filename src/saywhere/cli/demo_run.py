"""The main job, end to end: train, evaluate, predict.

What differs between data sets (prompt levels, the target's noun) is read from the manifest.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import TypedDict, cast

from saywhere.config import Config
from saywhere.data.manifest import Manifest, read_manifest
from saywhere.data.rows import Rows
from saywhere.data.select import evaluation_prompt
from saywhere.data.target_noun import target_noun
from saywhere.datasets.phantoms import SEED, prepare_phantoms
from saywhere.datasets.synthetic import make_phantoms
from saywhere.evaluation.cases import measure
from saywhere.evaluation.evaluate import evaluate
from saywhere.evaluation.summary_record import IntervalRecord
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
"""The settings of configs/phantoms.toml; a test holds the two equal."""

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
"""For real images: the settings of configs/kvasir.toml without its paths and levels."""

POLICIES: tuple[tuple[str, dict[str, str]], ...] = (
    ("pseudo-image transformed with the image (the paper)", {}),
    ("prompt not transformed", {"fusion.arm": "untouched"}),
    ("no geometric augmentation", {"augment.name": "none"}),
)
"""Label → settings of the runs that are compared; the paper's prompt policy first."""
N_FEW = 64
"""Training images of each compared run: so few that the prompt policy matters."""
EPOCHS_OF_FEW = 80
N_EXAMPLES = 6
N_PEEKED = 50
"""Rows that tell whether a prompt level is blank."""
USUAL_TARGET = "lesion"
"""What prompts about a mosaic's tiles call the target where the manifest names none."""
Say = Callable[[str], None]


class PolicyRow(TypedDict):
    """One line of comparison.json: a prompt policy."""

    label: str
    dice_mean: IntervalRecord
    n: int
    """test cases"""


class ComparisonRecord(TypedDict):
    """comparison.json, which the report draws."""

    title: str
    note: str
    rows: list[PolicyRow]


def demo(folder: Path, data: Path | None, *, say: Say, listen: Listener) -> Path:
    """Train, evaluate and predict; on phantoms also compare prompt policies.

    Args:
        folder: Where to write; a number is appended where it holds something already.
        data: A folder with a manifest of real images, or None for phantoms that are drawn.
        say: Is called with one line at the start of each part.
        listen: Is called with each event of the trainings.

    Returns:
        The run directory, `run` in the folder.

    Raises:
        MissingFile: There is no manifest in `data`.
        ManifestError: The manifest cannot be read.
        NotWritable: The folder cannot be written.
    """
    # Read before a folder is made, so that a wrong path leaves nothing behind.
    config = None if data is None else real_config(read_manifest(data))
    # Not `checkpoints`, which would make the folder a run: it only holds one.
    folder = create(folder, "demo", claim="predictions").folder
    if config is None:
        run = _run_of_phantoms(folder, say, listen)
    else:
        say(f"2/4 training `{config.network.name}` on {config.data.manifest}")
        run = train(config, folder / "run", listen=listen)
    say("4/4 evaluating, predicting")
    evaluate(run)
    _predict_some(run, folder / "predictions")
    return run


def _run_of_phantoms(folder: Path, say: Say, listen: Listener) -> Path:
    say(
        "1/4 making referring phantoms: several lesions per image, "
        "and a prompt that says which one is meant"
    )
    manifest = prepare_phantoms(None, folder / "phantoms").manifest
    config = PHANTOMS.replace(**{"data.manifest": str(manifest)})
    say("2/4 training (prompts are embedded first, once)")
    run = train(config, folder / "run", listen=listen)
    say(f"3/4 the paper's claim in small: three more runs from {N_FEW} images")
    files.write_json(run / "comparison.json", compare_policies(config, folder, listen))
    return run


def real_config(manifest: Manifest) -> Config:
    """The settings for real images, with the manifest's own prompt levels and target.

    Training draws from the levels that say where, or from all if none does. The evaluation reads
    one level, the same for every run: of those, one with a single prompt per row, and of these
    the one with most different prompts, which describes best.

    Args:
        manifest: What to train on.

    Returns:
        A configuration that can be trained.
    """
    texts = _texts_by_level(manifest)
    levels = _levels_saying_where(texts) or list(texts)
    return REAL.replace(
        **{
            "data.manifest": str(manifest.path),
            "data.target": target_noun(manifest, levels) or USUAL_TARGET,
            "text.train_prompts": levels,
            "text.evaluate_prompts": _most_telling(texts, levels, len(manifest.rows)),
        }
    )


def _texts_by_level(manifest: Manifest) -> dict[str, list[str]]:
    """Every prompt of each level, but for levels that are blank in the first rows."""
    texts = {}
    for level in manifest.levels:
        per_row = [row.prompts.get(level, ()) for row in manifest.rows]
        if any(map(any, per_row[:N_PEEKED])):
            texts[level] = list(chain.from_iterable(per_row))
    return texts


def _levels_saying_where(texts: dict[str, list[str]]) -> list[str]:
    """Levels of which one prompt in five or more names a side."""
    levels = []
    for level, prompts in texts.items():
        counts = count_positions(prompts)
        n_sides = sum(counts[side] for side in OPPOSITES)
        if n_sides > len(prompts) / 5:
            levels.append(level)
    return levels


def _most_telling(texts: dict[str, list[str]], levels: list[str], n_rows: int) -> str:
    """The level to evaluate with; of two alike the later one, as levels grow more detailed."""
    single = [level for level in levels if len(texts[level]) <= n_rows]
    return max(reversed(single or levels), key=lambda level: len(set(texts[level])))


def compare_policies(config: Config, folder: Path, listen: Listener) -> ComparisonRecord:
    """Train once per prompt policy on few images: does it matter that the prompt turns, too?

    Each image has one lesion, each run the same number of steps.

    Args:
        config: Of the runs; data, epochs and prompt policy are replaced.
        folder: Gets the images and the runs.
        listen: Is called with each event of the trainings.

    Returns:
        Title, note and a row per policy: label, mean Dice with its interval, number of cases.
    """
    manifest = _few_phantoms(folder)
    few = config.replace(
        **{
            "data.manifest": str(manifest),
            "train.epochs": EPOCHS_OF_FEW,
            "train.validate_every": EPOCHS_OF_FEW,
        }
    )
    rows: list[PolicyRow] = []
    for number, (label, changes) in enumerate(POLICIES, start=1):
        run = train(few.replace(**changes), folder / f"few-{number}", listen=listen)
        dice = _test_dice(Segmenter(run))
        mean = bootstrap_mean(dice, config.evaluate.bootstrap, config.train.seed)
        interval = cast(IntervalRecord, vars(mean))
        rows.append({"label": label, "dice_mean": interval, "n": len(dice)})
    return {
        "title": "Why fuse first: what happens to the prompt when the image turns",
        "note": f"UNet of width {config.network.width}, {N_FEW} training images with one lesion "
        "and eight wordings each, equal steps, right prompts, new images.",
        "rows": rows,
    }


def _test_dice(segmenter: Segmenter) -> list[float]:
    """Dice of each test case with its own prompt."""
    test = _test_rows(segmenter)
    prompts = [evaluation_prompt(row, segmenter.config.evaluation_level) for row in test]
    cases = measure(segmenter, test, prompts, "right", lambda done: None)
    return [case.dice for case in cases]


def _test_rows(segmenter: Segmenter) -> Rows:
    data = segmenter.config.data
    assert data.manifest is not None
    return read_manifest(data.manifest).split(data.test_split)


def _few_phantoms(folder: Path) -> Path:
    return make_phantoms(
        folder / "few",
        n_train=N_FEW,
        # Few: these runs are validated once, at their end.
        n_val=8,
        n_test=100,
        size=PHANTOMS.data.size,
        # Other images than those of the first run.
        seed=SEED + 1,
        rows_per_image=1,
    )


def _predict_some(run: Path, out: Path) -> None:
    segmenter = Segmenter(run)
    rows = _test_rows(segmenter)[:N_EXAMPLES]
    jobs = [
        Job(
            row.image,
            evaluation_prompt(row, segmenter.config.evaluation_level),
            f"example-{number}",
        )
        for number, row in enumerate(rows, start=1)
    ]
    run_jobs(segmenter, jobs, out)
