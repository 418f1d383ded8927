"""The measurement: every case with every kind of words, at the original size; and whether the words are heard."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from saywhere.config import Config
from saywhere.data.checks import check
from saywhere.data.manifest import Row
from saywhere.data.select import data_of, rows_of
from saywhere.errors import TooManyFaults
from saywhere.evaluation import gallery as pictures
from saywhere.evaluation.prompt_conditions import asked, prompts_for
from saywhere.inference.result import Result
from saywhere.inference.segmenter import Segmenter
from saywhere.io import files, images
from saywhere.metrics.calibration import check as check_expected
from saywhere.metrics.confidence import trust
from saywhere.metrics.functional import case_metrics, pooled
from saywhere.metrics.statistics import bootstrap_mean, paired_difference, verdict, with_span
from saywhere.runs import named

Case = dict[str, Any]
COLUMNS = (
    "id",
    "words",
    "prompt",
    "dice",
    "iou",
    "precision",
    "recall",
    "hausdorff_95_px",
    "surface_dice",
    "true_positive",
    "false_positive",
    "false_negative",
    "confidence",
    "expected_dice",
)
_VERDICTS = ("heard", "hardly heard", "not heard")


class EvaluationSummary(dict[str, Any]):
    """What run/evaluation/summary.json holds; shown as a table, a line for each kind of words."""

    def __repr__(self) -> str:
        head = f"{self['n']} cases of split {self['split']!r}, prompts {self['level']!r}, original size; words: {self['verdict'] or 'not compared'}"
        return "\n".join(
            [
                head,
                f"{'words':14}{'cases':>6}   Dice a case [95 %]      right − these [95 %]",
                *map(self._line, self["words"]),
            ]
        )

    def _line(self, kind: str) -> str:
        found, against = self["words"][kind], self["listening"].get(kind)
        gap = (
            f"{with_span(against['difference'], against['low'], against['high'], '+')}  {against['verdict']}"
            if against
            else ""
        )
        return f"{kind:14}{found['n']:>6}   {with_span(**found['dice_mean'])}    {gap}".rstrip()


def evaluate(
    run: str | Path,
    *,
    manifest: str | Path | None = None,
    split: str | None = None,
    words: Sequence[str] | None = None,
    prompts: str | None = None,
    out: str | Path | None = None,
    mirror: bool | None = None,
    advance: Callable[[int], None] = lambda done: None,
) -> EvaluationSummary:
    """Evaluate a run or a model and write {summary.json,cases.csv,pictures}; returns the summary.

    Args:
        manifest: other data than the run's. split: default `data.test_split`. words: default `evaluate.words`.
        prompts: level of the prompts, default `text.evaluate_prompts`.
        out: default: run/evaluation; of a model, whose folder stays as it was passed on, runs/NAME-evaluation.
        mirror: average each answer over four mirrorings, words and all; default `evaluate.mirror`.
        advance: told of each finished case.
    Raises: MissingFile, ConfigError, ManifestError, TooManyFaults, BadCheckpoint.
    """
    run, manifest = Path(run), None if manifest is None else Path(manifest)
    segmenter = Segmenter(run, mirror=mirror)
    if prompts is not None:
        segmenter.config = segmenter.config.replace(**{"text.evaluate_prompts": prompts})
    config = segmenter.config
    kinds = asked(config, [words] if isinstance(words, str) else words)
    rows, place, n_quarantined = rows_to_measure(config, manifest, split or config.data.test_split)
    cases = {
        kind: measure(segmenter, rows, prompts_for(kind, rows, config), kind, advance)
        for kind in kinds
    }
    about = {
        "split": split or config.data.test_split,
        "manifest": str(place),
        "level": config.text.evaluate_prompts,
        "quarantined": n_quarantined,
        "mirror": config.evaluate.mirror,
        "expected_from": segmenter.learned_from,
    }
    summary = EvaluationSummary(
        summarise(cases, config)
        | {"trust": _trust(cases["right"], config), "expected": _expected(cases)}
        | about
    )
    folder = Path(out) if out else results_of(segmenter.folder, "evaluation")
    _write_cases(folder / "cases.csv", [case for kind in kinds for case in cases[kind]])
    pictures.write(folder, segmenter, rows, cases["right"], cases.get("contradictory", ()))
    files.write_json(folder / "summary.json", summary)
    return summary


def results_of(folder: Path, what: str) -> Path:
    """Where a measurement of a run goes, or of a model."""
    return folder / what if named.is_run(folder) else Path("runs") / f"{folder.name}-{what}"


def measure(
    segmenter: Segmenter,
    rows: Sequence[Row],
    prompts: Sequence[str | None],
    kind: str,
    advance: Callable[[int], None],
) -> list[Case]:
    """One case a row that has such words."""
    config = segmenter.config
    chosen = [(row, prompt) for row, prompt in zip(rows, prompts) if prompt is not None]
    segmenter.embed([prompt for _, prompt in chosen])
    cases: list[Case] = []
    for (row, prompt), (result, target) in zip(chosen, answers(segmenter, chosen)):
        numbers = case_metrics(result.mask, target, config.evaluate.surface_tolerance_px)
        cases.append(
            {
                "id": row.id,
                "words": kind,
                "prompt": prompt,
                **numbers,
                "confidence": result.confidence or 0.0,
                "expected_dice": result.expected_dice,
            }
        )
        advance(1)
    return cases


def answers(
    segmenter: Segmenter, asked: Sequence[tuple[Row, str]]
) -> Iterator[tuple[Result, np.ndarray]]:
    """Each row's answer to its prompt, and the truth, bool (height, width), both at the image's own size; a batch of them is in memory at once."""
    size = segmenter.config.evaluate.batch_size
    for start in range(0, len(asked), size):
        part = asked[start : start + size]
        results = segmenter.segment_many(
            [row.image for row, _ in part], [prompt for _, prompt in part]
        )
        for (row, _), result in zip(part, results):
            yield (
                result,
                images.read_mask(row.mask)
                if row.mask is not None
                else np.zeros(result.mask.shape, bool),
            )


def summarise(cases: dict[str, list[Case]], config: Config) -> dict[str, Any]:
    """Means with 95 % bootstrap intervals over images, pooled figures, and the paired differences from the right words."""
    right = {case["id"]: case["dice"] for case in cases["right"]}
    listening = {
        kind: _listening(right, cases[kind], config)
        for kind in cases
        if kind not in ("right", "unseen") and cases[kind]
    }
    worst = max(
        (kind for kind in listening if kind != "empty"),
        key=lambda kind: _VERDICTS.index(listening[kind]["verdict"]),
        default=None,
    )
    return {
        "n": len(right),
        "frame": "original",
        "words": {kind: _summary(found, config) for kind, found in cases.items() if found},
        "listening": listening,
        "verdict": listening[worst]["verdict"] if worst else None,
        "verdict_by": worst,
    }


def _listening(right: dict[str, float], cases: list[Case], config: Config) -> dict[str, Any]:
    own, other = (
        np.array([right[case["id"]] for case in cases]),
        np.array([case["dice"] for case in cases]),
    )
    found = paired_difference(
        own, other, resamples=config.evaluate.bootstrap, seed=config.train.seed
    )
    return asdict(found) | {"verdict": verdict(found)}


def _trust(cases: list[Case], config: Config) -> dict[str, Any]:
    """Does its confidence in an answer say how good that is?"""
    sure, dice, precision = (
        [case[name] for case in cases] for name in ("confidence", "dice", "precision")
    )
    return trust(sure, dice, precision, config.evaluate.bootstrap, config.train.seed).record()


def _expected(cases: dict[str, list[Case]]) -> dict[str, Any]:
    """How good the expected Dice was, by kind of words; empty for a run that has none."""
    marked = {
        kind: [case for case in found if case["expected_dice"] is not None]
        for kind, found in cases.items()
    }
    return {
        kind: check_expected(
            [case["expected_dice"] for case in found], [case["dice"] for case in found]
        )
        for kind, found in marked.items()
        if found
    }


def _summary(cases: list[Case], config: Config) -> dict[str, Any]:
    column = {name: np.array([case[name] for case in cases], float) for name in COLUMNS[3:9]}
    means = {
        f"{name}_mean": asdict(
            bootstrap_mean(values, resamples=config.evaluate.bootstrap, seed=config.train.seed)
        )
        for name, values in column.items()
        if name != "hausdorff_95_px"
    }
    distance = column["hausdorff_95_px"]
    finite = distance[np.isfinite(distance)]
    surface = {
        "median": float(np.median(distance)) if np.isfinite(np.median(distance)) else None,
        "mean_finite": float(finite.mean()) if len(finite) else None,
        "n_infinite": int((~np.isfinite(distance)).sum()),
    }
    return {"n": len(cases), **means, "hausdorff_95_px": surface, **pooled(cases)}


def rows_to_measure(
    config: Config, manifest: Path | None, split: str
) -> tuple[list[Row], Path, int]:
    """The split's clean rows, where they stand, and how many were set aside. Raises MissingFile, ConfigError, ManifestError, TooManyFaults."""
    everything = data_of(config, manifest)
    levels = [config.text.evaluate_prompts] if config.fusion.uses_text else []
    of_split = rows_of(everything, split, "name one with --split")
    report = check(replace(everything, rows=tuple(of_split)), levels)
    rows = list(report.manifest.rows)
    if not rows:
        raise TooManyFaults(
            f"all {len(of_split)} rows of split {split!r} are faulty, the first ({report.faults[0].reason})",
            where=everything.path,
            remedy="see `saywhere check`",
        )
    return rows, everything.path, len(of_split) - len(rows) + len(everything.bad)


def _write_cases(path: Path, cases: list[Case]) -> None:
    sheet = io.StringIO()
    writer = csv.DictWriter(sheet, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {key: f"{value:.6g}" if isinstance(value, float) else value for key, value in case.items()}
        for case in cases
    )
    files.write_text(path, sheet.getvalue())
