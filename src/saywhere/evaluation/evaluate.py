"""The measurement: every case under every prompt condition, at the original size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from saywhere.config import DataConfig
from saywhere.data.checks import check
from saywhere.data.manifest_row import Row
from saywhere.data.prompt_frames import in_frame
from saywhere.data.rows import Rows
from saywhere.data.select import data_of, rows_of
from saywhere.data.targets import names_of
from saywhere.errors import TooManyFaults
from saywhere.evaluation import gallery
from saywhere.evaluation.cases import Case, measure, write_cases
from saywhere.evaluation.prompt_conditions import PromptLevels, conditions_of, prompts_for
from saywhere.evaluation.summary import (
    EvaluationSummary,
    by_target,
    expected_in,
    summarise,
    trust_in,
)
from saywhere.evaluation.summary_record import UnfinishedRecord
from saywhere.inference.segmenter import Segmenter
from saywhere.io import files
from saywhere.io.pseudonyms import Pseudonyms, hasher
from saywhere.metrics.statistics import Bootstrap
from saywhere.runs import locate
from saywhere.runs.own_data import own_data
from saywhere.runs.status import status_of
from saywhere.text.frames import FRAMES, NOT_STATED


def evaluate(
    run: str | Path,
    *,
    manifest: str | Path | None = None,
    split: str | None = None,
    words: Sequence[str] | None = None,
    prompts: str | None = None,
    out: str | Path | None = None,
    mirror: bool | None = None,
    pseudonyms: Pseudonyms | None = None,
    device: str = "auto",
    advance: Callable[[int], None] = lambda done: None,
    expect: Callable[[int], None] = lambda n_cases: None,
) -> EvaluationSummary:
    """Measure how right a model is, and whether it listens; write the result.

    Does it listen? *Prompt sensitivity: Dice with the right prompt minus Dice with an empty, a
    shuffled, a contradictory one.*

    Args:
        run: A run directory, a model's folder, or a model's name.
        manifest: Other data than the run's.
        split: Of the manifest; default: `data.test_split`.
        words: Prompt conditions, as "shuffled"; default: `evaluate.words`.
        prompts: Level of the prompts; default: `text.evaluate_prompts`.
        out: Where summary.json, cases.csv and pictures/ go; default: run/evaluation. Of a model,
            whose folder stays as it was passed on: runs/NAME-evaluation.
        mirror: Average each answer over four mirrorings of image and prompt; default:
            `evaluate.mirror`.
        pseudonyms: Where given, ids, prompts and the manifest's path are hashed in all files.
        device: Where the model runs: auto, cpu, cuda, cuda:1 or mps.
        advance: Called with 1 after each case.
        expect: Called once, before the first case, with the number of cases of all conditions.

    Returns:
        What summary.json holds.

    Raises:
        UsageError: For a device that is not here.
        MissingFile: Where there is no model or no manifest.
        ConfigError: For a split, level or condition that does not exist.
        ManifestError: For a file that is no manifest.
        TooManyFaults: Where all rows of the split are faulty.
        BadCheckpoint: For damaged weights.
        NotWritable: Where the folder takes no file.
    """
    segmenter = Segmenter(Path(run), mirror=mirror, device=device)
    if prompts is not None:
        # In the configuration, so that cases, pictures and summary read one level.
        segmenter.config = segmenter.config.replace(**{"text.evaluate_prompts": prompts})
    config = segmenter.config
    levels = PromptLevels(config.evaluation_level, config.text.unseen_prompts)
    # A string is a sequence, too: of its letters.
    wanted = [words] if isinstance(words, str) else words
    conditions = conditions_of(levels, config.evaluate.words, wanted)
    chosen = split or config.data.test_split
    place = None if manifest is None else Path(manifest)
    data = config.data if place else own_data(config.data, segmenter.folder)
    measured = rows_to_measure(data, place, chosen, levels, segmenter.prompt_facts.frame)
    texts_of = {
        condition: prompts_for(condition, measured.rows, levels, config.train.seed)
        for condition in conditions
    }
    expect(sum(text is not None for texts in texts_of.values() for text in texts))
    cases = {
        condition: measure(segmenter, measured.rows, texts, condition, advance)
        for condition, texts in texts_of.items()
    }
    summary = _summary(segmenter, cases, measured)
    summary["manifest"] = hasher(pseudonyms)(summary["manifest"])
    folder = Path(out) if out else results_of(segmenter.folder, "evaluation")
    every = [case for group in cases.values() for case in group]
    write_cases(folder / "cases.csv", every, pseudonyms)
    # Measured only where `words` names it; the pictures do without.
    contradicted = cases.get("contradictory", ())
    gallery.write(folder, segmenter, measured.rows, cases["right"], contradicted, pseudonyms)
    # Last: where a new summary stands, its cases and pictures are written.
    files.write_json(folder / "summary.json", summary)
    return summary


def results_of(folder: Path, what: str) -> Path:
    """Where a measurement goes.

    Args:
        folder: A run's or a model's.
        what: Kind of measurement, as "evaluation".

    Returns:
        A folder in the run; beside other runs for a model, whose folder is passed on as it is.
    """
    return folder / what if locate.is_run(folder) else Path("runs") / f"{folder.name}-{what}"


@dataclass(frozen=True)
class Selection:
    """The rows that are measured.

    Attributes:
        rows: Of the split; clean ones.
        split: Its name.
        manifest: Where they stand.
        n_quarantined: Faulty rows that were set aside.
    """

    rows: Rows
    split: str
    manifest: Path
    n_quarantined: int


def rows_to_measure(
    data: DataConfig,
    manifest: Path | None,
    split: str,
    levels: PromptLevels,
    frame: str = NOT_STATED,
    choose: Callable[[Sequence[Row]], Sequence[Row]] | None = None,
) -> Selection:
    """Read a split, set faulty rows aside, and bring the prompts into the model's frame.

    Args:
        data: Of the model's configuration.
        manifest: Other data than the configuration's.
        split: Of the manifest.
        levels: Of the prompts; each row must have the right one.
        frame: Whose left the model was taught: image or patient. Anything else: prompts stay.
        choose: Which rows of the split; default: all.

    Returns:
        One row or more.

    Raises:
        MissingFile: Where there is no manifest.
        ConfigError: For a split or a level that does not exist, and for a prompt of the other
            frame whose picture's orientation is not known.
        ManifestError: For a file that is no manifest.
        TooManyFaults: Where all rows of the split are faulty.
    """
    everything = data_of(data, manifest)
    # Whoever reads no prompts is not kept from a row by a faulty one.
    needed = [] if levels.right is None else [levels.right]
    of_split = rows_of(everything, split, "name one with --split")
    of_split = Rows(choose(of_split)) if choose else of_split
    # The split alone: a fault in another one changes nothing here.
    report = check(replace(everything, rows=of_split), needed)
    rows = report.manifest.rows
    if not rows:
        reason = report.faults[0].reason
        raise TooManyFaults(
            f"all {len(of_split)} rows of split {split!r} are faulty, the first ({reason})",
            where=everything.path,
            remedy="see `saywhere check`",
        )
    # Lines that are no rows name no split, so they count in each.
    n_quarantined = len(of_split) - len(rows) + len(everything.bad)
    return Selection(_in_frame(rows, levels, frame), split, everything.path, n_quarantined)


def _in_frame(rows: Rows, levels: PromptLevels, frame: str) -> Rows:
    """As a training brings its prompts there: else a left of the other frame is measured as wrong,
    and the model is blamed for it.
    """
    if levels.right is None or frame not in FRAMES:
        return rows
    read = [level for level in (levels.right, levels.unseen) if level is not None]
    return in_frame(rows, read, frame, f"a model that was taught the {frame}'s left")


def unfinished(segmenter: Segmenter) -> UnfinishedRecord | None:
    """Was the training of these weights still to go on?

    Args:
        segmenter: A loaded run or model.

    Returns:
        How far it had come; None for a finished run, and where no run.json tells.
    """
    status = status_of(segmenter.folder)
    if status is None:
        return None
    return {
        "status": status.state,
        "epoch": int(segmenter.state.get("epoch", 0)),
        "epochs": segmenter.config.train.epochs,
        "epochs_done": status.epochs_done,
        "step": status.step,
    }


def _summary(
    segmenter: Segmenter, cases: dict[str, list[Case]], measured: Selection
) -> EvaluationSummary:
    config = segmenter.config
    bootstrap = Bootstrap(config.evaluate.bootstrap, config.train.seed)
    about = {
        "trust": trust_in(cases["right"], bootstrap),
        "expected": expected_in(cases),
        "split": measured.split,
        "manifest": str(measured.manifest),
        "level": config.text.evaluate_prompts,
        "quarantined": measured.n_quarantined,
        "mirror": config.evaluate.mirror,
        "expected_from": segmenter.learned_from,
        "unfinished": unfinished(segmenter),
    }
    if names := names_of(measured.rows, config.data):
        about["targets"] = by_target(cases, names, bootstrap)
    return EvaluationSummary(summarise(cases, bootstrap).to_json() | about)
