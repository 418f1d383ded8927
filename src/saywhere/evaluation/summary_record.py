"""What evaluation/summary.json holds, key by key.

Records are typed dictionaries: cards, reports and the command line read the file as JSON, and
files of earlier versions lack the later keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from saywhere.evaluation.verdict import Verdict


class IntervalRecord(TypedDict):
    """A mean with its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float


class DistancesRecord(TypedDict):
    """Of the 95 % Hausdorff distance, px of the original image."""

    median: float | None
    """over all cases; None where it is infinite"""
    mean_finite: float | None
    n_infinite: int


class PositivesRecord(TypedDict):
    """Cases whose true mask marks something."""

    n: int
    dice_mean: IntervalRecord | None
    """None where there is no such case"""


class NegativesRecord(TypedDict):
    """Cases whose true mask is empty. A Dice of 0 or 1 says little of them, so they are counted."""

    n: int
    left_empty: int
    """of these, cases whose predicted mask is empty as well"""


class _ConditionRecord(TypedDict):
    n: int
    dice_mean: IntervalRecord
    iou_mean: IntervalRecord
    precision_mean: IntervalRecord
    recall_mean: IntervalRecord
    surface_dice_mean: IntervalRecord
    hausdorff_95_px: DistancesRecord
    dice_pooled: float
    iou_pooled: float


class ConditionRecord(_ConditionRecord, total=False):
    """How right the masks were under one prompt condition. Shares are in [0, 1].

    Means and pooled figures are over all cases, positives and negatives together. A summary of an
    earlier version does not tell these apart.
    """

    positives: PositivesRecord
    negatives: NegativesRecord


class ListeningRecord(TypedDict):
    """Dice with right prompts minus Dice with those of another condition, over the positives."""

    difference: float
    low: float
    high: float
    p: float
    n: int
    other_seeds: Sequence[float] | None
    """of several seeds, see `metrics.statistics.PairedDifference`"""
    verdict: Verdict


class TrustRecord(TypedDict):
    """What the confidence is worth, see `metrics.confidence.Trust`."""

    n: int
    confidence: float | None
    precision: float | None
    spearman: float | None
    share: float
    surest: IntervalRecord
    gain: IntervalRecord
    tells: bool


class ExpectedRecord(TypedDict):
    """How good the expected Dice was, see `metrics.calibration.check`."""

    n: int
    mean: float
    dice: float
    error: float


class LearnedRecord(TypedDict):
    """The cases that an expected Dice was learned from: their number and their split."""

    n: int
    split: str


class UnfinishedRecord(TypedDict):
    """A training that had not ended when its weights were evaluated; see `runs.status`.

    Of an earlier version the last two are missing, and "running" may mean killed.
    """

    status: str
    epoch: int
    """of the weights that were evaluated"""
    epochs: int
    """that the training was to have"""
    epochs_done: int | None
    """when the last checkpoint was saved"""
    step: int | None
    """of the last checkpoint"""


class CasesRecord(TypedDict):
    """What the cases come to, whatever they were drawn from."""

    n: int
    frame: str
    words: dict[str, ConditionRecord]
    """prompt condition → its measures"""
    listening: dict[str, ListeningRecord]
    """prompt condition → what right prompts are worth over it"""
    verdict: Verdict | None
    verdict_by: str | None


class _SummaryRecord(CasesRecord):
    split: str
    level: str


class SummaryRecord(_SummaryRecord, total=False):
    """What `evaluate` writes. A summary of an earlier version lacks some of these keys."""

    manifest: str
    quarantined: int
    mirror: bool
    trust: TrustRecord
    expected: dict[str, ExpectedRecord]
    """prompt condition → how good the expected Dice was; empty without a calibration"""
    expected_from: LearnedRecord | None
    unfinished: UnfinishedRecord | None
    targets: dict[str, CasesRecord]
    """target → what its cases come to alone; where the manifest says what each mask shows"""
