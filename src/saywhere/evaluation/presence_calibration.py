"""What a model's presence means, learned from cases with a known truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from saywhere.data.dataset import Dataset
from saywhere.data.manifest_row import Row
from saywhere.data.sampler import Sampler
from saywhere.data.targets import one_set
from saywhere.evaluation.known_pictures import Seen, drawn
from saywhere.evaluation.presence_questions import Question, Questions
from saywhere.inference.result import Result
from saywhere.inference.segmenter import Segmenter
from saywhere.io.images import read_mask
from saywhere.metrics.functional import dice
from saywhere.metrics.presence import PresenceRule, auroc, calibration_error, fit
from saywhere.metrics.presence_regression import Features, PresenceRegression, regress
from saywhere.metrics.sample_size import FEWEST_CASES
from saywhere.runs.presence_file import PresenceRecord

MOST_ROWS = 200
"""That a model without a head is asked about, of either split: each is segmented several times."""
# Learned from 60 pictures, it emptied 3 of 40 right masks of `polyp`.
FEWEST_TRAINED = 200
"""Training pictures that a model without a head learns presence from."""
LEAST_AUROC = 0.9
"""Below it, what was learned of a model without a head is not kept: it would empty at will."""


@dataclass(frozen=True)
class Judged:
    """A picture with a prompt, as the model answered it.

    Attributes:
        dice: [0, 1]; None where the target is not there.
        is_empty: Did the model mark nothing by itself?
        presence: By the head, [0, 1], not calibrated; None without one.
        features: (feature,), of the network's maps; None where it names none.
        described: (feature + embedding,): these with the prompt's vector.
    """

    dice: float | None
    is_empty: bool
    presence: float | None
    features: Features | None
    described: Features | None

    @property
    def logit(self) -> float:
        """Of `presence`."""
        inside = float(np.clip(self.presence or 0.0, 1e-12, 1 - 1e-12))
        return float(np.log(inside) - np.log1p(-inside))


def judged(result: Result, target: np.ndarray) -> Judged:
    """Keep of an answer what presence is learned from.

    Args:
        result: Of a model whose rule empties no mask yet.
        target: The true mask, bool (height, width).

    Returns:
        The answer, with its Dice where there is a target.
    """
    worth = dice(result.mask, target) if target.any() else None
    is_empty = not result.mask.any()
    return Judged(worth, is_empty, result.judged_presence, result.features, result.described)


def learn(
    segmenter: Segmenter,
    rows: Sequence[Row],
    prompts: Sequence[str],
    answers: Sequence[Judged],
    known: Sequence[Seen],
    split: str,
    advance: Callable[[int], None] = lambda done: None,
) -> PresenceRecord | None:
    """Learn what presence means, and below what a mask is emptied.

    A model with a head has learned presence in its training, and here it is calibrated. For one
    without, a logistic regression on its network's features and the prompt's vector is fitted on
    training pictures, with prompts whose target is there and others whose target is not.

    Args:
        segmenter: The model; its `presence_rule` empties no mask yet.
        rows: Of the split.
        prompts: Their own.
        answers: To these.
        known: Rows of the training split; a model without a head learns from them.
        split: Of `rows`.
        advance: Called with the number of prompts that were just judged.

    Returns:
        What presence.json holds. None where fewer than FEWEST_CASES cases have a target or have
        none; for a model without a head also where there are fewer than `FEWEST_TRAINED` training
        pictures, where its network names no maps, and where what it learned does not tell well
        (`LEAST_AUROC`).
    """
    data = one_set(segmenter.config.data, rows)
    questions = Questions(data, segmenter.judges_presence)
    # An image-only model answers each prompt alike: none can name what is not there.
    if not segmenter.judges_presence and not segmenter.hears_words:
        return None
    is_there = [one.dice is not None for one in answers]
    every = [*answers, *_asked(segmenter, rows, prompts, is_there, questions, advance)]
    if not _is_enough(every):
        return None
    if segmenter.judges_presence:
        logits = [one.logit for one in every]
        return _record(every, fit(logits, [one.dice for one in every]), logits, split)
    regression = _regression(segmenter, known, questions, every, advance)
    if regression is None:
        return None
    record = _of_regression(every, regression, split)
    return record if record["auroc_low"] >= LEAST_AUROC else None


def _is_enough(every: Sequence[Judged]) -> bool:
    n_there = sum(one.dice is not None for one in every)
    return min(n_there, len(every) - n_there) >= FEWEST_CASES


def marked_absent(rows: Sequence[Row]) -> Sequence[Row]:
    """Choose rows whose manifest says that nothing is there.

    Args:
        rows: Of one split.

    Returns:
        At most `MOST_ROWS` of them, drawn with seed 0; where there is none, the first row alone,
        since no split is empty.
    """
    marked = [row for row in rows if set(row.meant) & {"empty_mask", "absent"}]
    return [marked[number] for number in drawn(len(marked), MOST_ROWS)] or rows[:1]


def _asked(
    segmenter: Segmenter,
    rows: Sequence[Row],
    prompts: Sequence[str],
    is_there: Sequence[bool],
    questions: Questions,
    advance: Callable[[int], None],
) -> list[Judged]:
    """Answers to further prompts for the same rows."""
    # Without a head, a row is asked about several times, in either split.
    chosen = drawn(len(rows), len(rows) if questions.has_head else MOST_ROWS)
    every = list(
        questions.of(
            [rows[number] for number in chosen],
            [prompts[number] for number in chosen],
            [is_there[number] for number in chosen],
        )
    )
    segmenter.embed([one.prompt for one in every])
    answers = []
    dataset = Dataset.of_config([one.row for one in every], segmenter.config.data)
    for part in Sampler(len(every), segmenter.batch_size):
        results = segmenter.segment_many(
            [every[number].row.image for number in part],
            [every[number].prompt for number in part],
            pseudo_images=False,
        )
        answers += [
            judged(result, _truth(every[number], dataset, number, result))
            for number, result in zip(part, results)
        ]
        advance(len(part))
    return answers


def _truth(question: Question, dataset: Dataset, number: int, result: Result) -> np.ndarray:
    if not question.is_there:
        return np.zeros_like(result.mask)
    return dataset.truth(number, result.mask.shape)


def _regression(
    segmenter: Segmenter,
    known: Sequence[Seen],
    questions: Questions,
    held_out: Sequence[Judged],
    advance: Callable[[int], None],
) -> PresenceRegression | None:
    others = _columns(held_out)
    if not known or len(known[0].rows) < FEWEST_TRAINED or others is None:
        return None
    features = [seen.described for seen in known]
    is_there = [_has_target(row) for seen in known for row in seen.rows]
    first = known[0]
    further = _columns(
        _asked(
            segmenter, first.rows, first.prompts, is_there[: len(first.rows)], questions, advance
        )
    )
    if further is None:
        return None
    return regress(np.concatenate([*features, further[0]]), [*is_there, *further[1]], *others)


def _has_target(row: Row) -> bool:
    return row.mask is not None and bool(read_mask(row.mask).any())


def _columns(every: Sequence[Judged]) -> tuple[Features, list[bool]] | None:
    """None where the network names no maps."""
    described = [one.described for one in every if one.described is not None]
    if len(described) < len(every):
        return None
    return np.stack(described), [one.dice is not None for one in every]


def _of_regression(
    every: Sequence[Judged], regression: PresenceRegression, split: str
) -> PresenceRecord:
    columns = _columns(every)
    assert columns is not None
    logits = regression.logit(columns[0]).tolist()
    rule = fit(logits, [one.dice for one in every])
    record = _record(every, rule, logits, split)
    # One line instead of two: through the features, and through the logit that they make.
    return record | {
        "features": (rule.slope * regression.weights).tolist(),
        "slope": 1.0,
        "offset": rule.slope * regression.constant + rule.offset,
    }


def _record(
    every: Sequence[Judged], rule: PresenceRule, logits: Sequence[float], split: str
) -> PresenceRecord:
    probability = rule.of(logits)
    is_there = np.array([one.dice is not None for one in every])
    is_emptied = probability < rule.threshold
    is_empty = is_emptied | np.array([one.is_empty for one in every])
    worth = np.array([one.dice or 0.0 for one in every])
    tells = auroc(probability, is_there)
    error = calibration_error(probability, is_there)
    return {
        "slope": rule.slope,
        "offset": rule.offset,
        "threshold": rule.threshold,
        "n": int(is_there.sum()),
        "n_absent": int((~is_there).sum()),
        "split": split,
        "auroc": tells.mean,
        "auroc_low": tells.low,
        "auroc_high": tells.high,
        "error": error.mean,
        "error_low": error.low,
        "error_high": error.high,
        "left_empty": float(is_empty[~is_there].mean()),
        "cost": float((worth * is_emptied)[is_there].mean()),
        "features": [],
    }
