"""What a model's confidence is worth in Dice.

It is learned from a split whose truth is known. It is kept beside the weights, since every answer
needs it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypedDict

import numpy as np

from saywhere.config import DataConfig
from saywhere.data.manifest_row import Row
from saywhere.data.select import evaluation_prompt
from saywhere.errors import UsageError
from saywhere.evaluation import changed_pictures, known_pictures, presence_calibration
from saywhere.evaluation.cases import Case, measure
from saywhere.evaluation.changed_pictures import ChangedAnswer
from saywhere.evaluation.evaluate import rows_to_measure
from saywhere.evaluation.known_pictures import Seen
from saywhere.evaluation.presence_calibration import Judged
from saywhere.evaluation.prompt_conditions import PromptLevels
from saywhere.inference.result import Result
from saywhere.inference.segmenter import Segmenter
from saywhere.io import files
from saywhere.metrics.calibration import Expectation, fit
from saywhere.metrics.picture_domain import KnownPictures
from saywhere.metrics.presence import PresenceRule
from saywhere.runs import calibration_file, locate, picture_file, presence_file
from saywhere.runs.presence_file import PresenceRecord

# A key that scripts read, and no good name for anything new: so it stands apart.
_Place = TypedDict("_Place", {"kept": str})  # noqa: UP013


class CalibrationOutcome(_Place):
    """What `calibrate` answers; `kept` is the file that was written."""

    n: int
    """answers that mark anything"""
    dice: float
    """mean over all cases, [0, 1]"""
    split: str
    is_test: bool
    manifest: str
    quarantined: int
    n_pictures: int | None
    """training pictures that the known kind was learned from; None where it was not learned"""
    presence: PresenceRecord | None
    """what presence means; None where it was not learned, see `presence_calibration.learn`"""


def calibrate(
    run: str | Path,
    *,
    manifest: str | Path | None = None,
    split: str | None = None,
    prompts: str | None = None,
    presence: bool = False,
    device: str = "auto",
    advance: Callable[[int], None] = lambda done: None,
) -> CalibrationOutcome:
    """Learn which Dice the confidence promises, from cases with a known truth.

    Each image is segmented with its own prompt, at the original size, and up to 100 of them in
    changed copies, too: larger and smaller, blurred, dark, bright, flat, pale and noisy, since a
    model is less right, and still sure, where pictures differ from the training's. From then on
    every answer of these weights has an `expected_dice`. It is kept in expected.json of the run or
    the model. Where the manifest has 50 pictures or more of the training split, too, it is
    also learned how those are distributed (pictures.safetensors): of a picture that is none of
    their kind no Dice is expected, and the answer says so. Of a model with a presence head
    (`loss.presence`) it is learned, too, what presence means, and below what a mask is emptied
    (presence.json). One without learns it where it is asked for.

    Args:
        run: A run directory, a model's folder, or a model's name.
        manifest: Other data than the run's: your own images, say.
        split: Of the manifest; default: `data.validation_split`, since what is learned from the
            test split says nothing of new images.
        prompts: Level of the prompts; default: `text.evaluate_prompts`.
        presence: Teach presence to a model without a head, from training pictures with prompts
            that deny the target or name another organ. It may then empty right masks as well:
            what that costs is in the answer.
        device: Where the model runs: auto, cpu, cuda, cuda:1 or mps.
        advance: Called with 1 after each case.

    Returns:
        n, dice (the mean over all cases), split, is_test (is that the test split?), manifest,
        quarantined, kept (the file), n_pictures (of the training split), presence.

    Raises:
        UsageError: For a device that is not here, where fewer than 20 answers mark anything, and
            for a model that comes with Saywhere, named by its name: it stays as it is.
        MissingFile: Where there is no model or no manifest.
        ConfigError: For a split or a level that does not exist.
        ManifestError: For a file that is no manifest.
        TooManyFaults: Where all rows of the split are faulty.
        BadCheckpoint: For damaged weights.
        NotWritable: Where the folder takes no file.
    """
    segmenter = Segmenter(Path(run), device=device)
    if prompts is not None:
        segmenter.config = segmenter.config.replace(**{"text.evaluate_prompts": prompts})
    # An earlier rule would empty masks that a new one is learned from.
    segmenter.presence_rule = PresenceRule()
    config = segmenter.config
    path = segmenter.folder / calibration_file.FILE
    _refuse_ours(Path(run), segmenter.folder)
    chosen = split or config.data.validation_split
    place = None if manifest is None else Path(manifest)
    levels = PromptLevels(config.evaluation_level, None)
    frame = segmenter.prompt_facts.frame
    measured = rows_to_measure(config.data, place, chosen, levels, frame)
    # Before the long work: the file is written after it.
    files.check_takes(path)
    right = [evaluation_prompt(row, levels.right) for row in measured.rows]
    results: list[Judged] = []
    # Each picture is segmented once, for all that is learned from it.
    keep = partial(_judge, results)
    cases = measure(segmenter, measured.rows, right, "right", advance, keep)
    # A limit that is taken from the known pictures themselves would be far too close.
    is_apart = chosen != config.data.train_split
    known = _training(segmenter, place, levels, with_absent=presence) if is_apart else []
    pictures = _domain(known, measured.rows, results, config.data)
    copies = changed_pictures.answers(segmenter, measured.rows, right)
    expectation = _expectation(cases, copies)
    judged = None
    # A network that was taught nothing of absence empties right masks too: not unasked.
    if segmenter.judges_presence or presence:
        judged = presence_calibration.learn(
            segmenter, measured.rows, right, results, known, chosen, advance
        )
    _keep(expectation, chosen, segmenter)
    _keep_beside(pictures, judged, segmenter)
    return {
        "n": expectation.n,
        "dice": sum(case.dice for case in cases) / len(cases),
        "split": chosen,
        # In other data, a split of that name is another one.
        "is_test": manifest is None and chosen == config.data.test_split,
        "manifest": str(measured.manifest),
        "quarantined": measured.n_quarantined,
        "kept": str(path),
        "n_pictures": None if pictures is None else pictures.n,
        "presence": judged,
    }


def _expectation(cases: Sequence[Case], copies: Sequence[ChangedAnswer]) -> Expectation:
    """From the answers themselves, and from those to changed copies of their pictures."""
    # 0 stands for an empty mask, which promises no Dice.
    confidence = [case.confidence or None for case in cases]
    # Copies that are unlike the training's pictures, too: what is like them and new to the model
    # is seldom as bad, and never seen here.
    pairs = [(one.confidence, one.dice) for one in copies]
    return fit(confidence, [case.dice for case in cases], pairs)


def _keep(expectation: Expectation, split: str, segmenter: Segmenter) -> None:
    """Write what was learned beside the weights, with the terms under which it holds."""
    config, folder = segmenter.config, segmenter.folder
    terms = calibration_file.Terms(
        threshold=config.evaluate.threshold,
        mirror=config.evaluate.mirror,
        split=split,
        level=config.text.evaluate_prompts,
    )
    record = calibration_file.record(expectation, terms, segmenter.state)
    files.write_json(folder / calibration_file.FILE, record)
    _renew_digest(folder, calibration_file.FILE)


def _judge(results: list[Judged], result: Result, target: np.ndarray) -> None:
    results.append(presence_calibration.judged(result, target))


def _domain(
    known: Sequence[Seen], rows: Sequence[Row], results: Sequence[Judged], data: DataConfig
) -> KnownPictures | None:
    """None without training pictures, and where the network names no maps."""
    features = [one.features for one in results if one.features is not None]
    if not known or len(features) < len(results):
        return None
    return known_pictures.learn(known[0], rows, np.stack(features), data)


def _keep_beside(
    pictures: KnownPictures | None, judged: PresenceRecord | None, segmenter: Segmenter
) -> None:
    """Write what was learned beside the expected Dice, where it was."""
    if pictures is not None:
        picture_file.write(pictures, segmenter.folder, segmenter.state)
        _renew_digest(segmenter.folder, picture_file.FILE)
    if judged is not None:
        document = presence_file.content(judged, segmenter.state)
        files.write_json(segmenter.folder / presence_file.FILE, document)
        _renew_digest(segmenter.folder, presence_file.FILE)


def _training(
    segmenter: Segmenter, place: Path | None, levels: PromptLevels, *, with_absent: bool
) -> list[Seen]:
    """Pictures of the training split, then rows of it that hold nothing; empty without any."""
    look = known_pictures.training_pictures
    pictures = look(segmenter, place, levels)
    if pictures is None:
        return []
    # A head has learned from these in its training.
    if segmenter.judges_presence or not with_absent:
        return [pictures]
    marked = look(segmenter, place, levels, choose=presence_calibration.marked_absent)
    return [pictures] if marked is None else [pictures, marked]


def _refuse_ours(run: Path, folder: Path) -> None:
    """What comes with the package is the same for all who use it.

    Its makers calibrate it by its path.
    """
    if run != folder and folder.parent == locate.places()[-1]:
        raise UsageError(
            f"{run} comes with Saywhere and stays as it is",
            allowed="a run, or a model of your own",
            remedy=f"saywhere models pull {folder} --name my-{run}, and calibrate that",
        )


def _renew_digest(folder: Path, name: str) -> None:
    """Write a new file's digest into SHA256SUMS: it vouches for all that is passed on.

    The others stay as they were: what is damaged is not vouched for.
    """
    sums = folder / locate.SUMS
    # A run has none.
    if not sums.is_file():
        return
    # `sha256sum` writes a star before the name of a file read as binary.
    ends = re.compile(rf"[ *]{re.escape(name)}$")
    lines = sums.read_text(encoding="utf-8").splitlines()
    others = [line for line in lines if not ends.search(line)]
    lines = [*others, f"{files.digest(folder / name)}  {name}"]
    files.write_text(sums, "".join(f"{line}\n" for line in lines))
