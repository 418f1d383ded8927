"""What a model's confidence is worth in Dice: learned from a split whose truth is known, and kept beside the weights, since every answer is asked for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from saywhere.errors import UsageError
from saywhere.evaluation.evaluate import measure, rows_to_measure
from saywhere.evaluation.prompt_conditions import prompts_for
from saywhere.inference.segmenter import Segmenter
from saywhere.io import files
from saywhere.metrics.calibration import fit
from saywhere.runs import calibration_file as expected
from saywhere.runs import named


def calibrate(
    run: str | Path,
    *,
    manifest: str | Path | None = None,
    split: str | None = None,
    prompts: str | None = None,
    advance: Callable[[int], None] = lambda done: None,
) -> dict[str, Any]:
    """Learn from cases with a known truth which Dice the confidence promises: each is asked with its own words, at the original size.

    Every answer of the weights that are there now has an `expected_dice` from then on. Kept in expected.json of the run's or the model's folder.

    Args:
        run: a run directory, a model's folder or name. manifest: other data than the run's: your own images, say. split: default `data.validation_split`,
        since what is learned from the test split says nothing of new images. prompts: level of the prompts, default `text.evaluate_prompts`.
        advance: told of each finished case.
    Returns: n, dice (the mean of all cases), split, is_test (is that the test split?), manifest, quarantined, kept (the file).
    Raises: MissingFile, ConfigError, ManifestError, TooManyFaults, BadCheckpoint, NotWritable; UsageError of fewer than 20 answers that mark anything,
        and of a model that comes with Saywhere, named by its name: it stays as it is.
    """
    segmenter = Segmenter(Path(run))
    if prompts is not None:
        segmenter.config = segmenter.config.replace(**{"text.evaluate_prompts": prompts})
    config, folder = segmenter.config, segmenter.folder
    _refuse_ours(Path(run), folder)
    chosen = split or config.data.validation_split
    rows, place, n_quarantined = rows_to_measure(
        config, None if manifest is None else Path(manifest), chosen
    )
    files.check_takes(folder / expected.FILE)
    cases = measure(segmenter, rows, prompts_for("right", rows, config), "right", advance)
    dice = [case["dice"] for case in cases]
    expectation = fit([case["confidence"] or None for case in cases], dice)
    files.write_json(
        folder / expected.FILE, expected.record(expectation, config, segmenter.state, chosen)
    )
    if not named.is_run(folder):
        _renew_digest(folder)
    about = {
        "split": chosen,
        "is_test": manifest is None and chosen == config.data.test_split,
        "manifest": str(place),
        "quarantined": n_quarantined,
        "kept": str(folder / expected.FILE),
    }
    return {"n": expectation.n, "dice": sum(dice) / len(dice)} | about


def _refuse_ours(asked: Path, folder: Path) -> None:
    """What comes with the package is the same for all who use it; by its path its makers calibrate it."""
    if asked != folder and folder.parent == named.places()[-1]:
        raise UsageError(
            f"{asked} comes with Saywhere and stays as it is",
            allowed="a run, or a model of your own",
            remedy=f"saywhere models pull {folder} --name my-{asked}, and calibrate that",
        )


def _renew_digest(folder: Path) -> None:
    """A model's digests name the new file, and are otherwise as they were: what is damaged is not vouched for."""
    sums = folder / named.SUMS
    if sums.is_file():
        others = [
            line
            for line in sums.read_text(encoding="utf-8").splitlines()
            if not re.search(rf"[ *]{re.escape(expected.FILE)}$", line)
        ]
        files.write_text(
            sums,
            "".join(
                f"{line}\n"
                for line in [*others, f"{files.digest(folder / expected.FILE)}  {expected.FILE}"]
            ),
        )
