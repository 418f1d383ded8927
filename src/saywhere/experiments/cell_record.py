"""What a result file holds, key by key.

The records are typed dictionaries and no classes: a result file is a JSON object, older ones lack
keys, and a frozen table must give back each one as it was. Each record is in two parts, the keys
that every file has and those that some have.
"""

from __future__ import annotations

from typing import TypedDict

from saywhere.evaluation.summary_record import ConditionRecord, IntervalRecord, ListeningRecord
from saywhere.experiments.frozen_document import Document
from saywhere.runs.run_record import ArmRecord


class _Case(TypedDict):
    id: str
    words: str
    """the kind of prompt: right, empty, shuffled, contradictory or unseen"""
    dice: float


class Case(_Case, total=False):
    """A test case under one kind of prompt."""

    iou: float
    true_positive: float
    """pixels, as the other two"""
    false_positive: float
    false_negative: float


class _Summary(TypedDict):
    n: int
    words: dict[str, ConditionRecord]
    """kind of prompt → its means with intervals"""
    listening: dict[str, ListeningRecord]
    """kind of prompt → right minus this one"""


class Summary(_Summary, total=False):
    """What an evaluation came to; `saywhere.evaluation` writes it."""

    frame: str
    """original: the test images' own size; mosaic: mosaics, at the network's size"""
    split: str


class _CellResult(TypedDict):
    label: str
    seed: int
    command: str
    config: Document
    """the resolved configuration, by section"""
    summary: Summary
    cases: list[Case]


class CellResult(_CellResult, total=False):
    """A finished cell: what `saywhere experiment` keeps of one training."""

    status: str
    seconds: int
    spread: float | None
    """how much the pseudo-images of different prompts differ"""
    mosaic: dict[str, IntervalRecord] | None
    """kind of prompt → mean Dice on mosaics of test images"""
    arm: ArmRecord
    """what the prompt policy fitted"""
    rungs: dict[str, float]
    """of a grid that is pruned: epoch → the best validation Dice up to it"""
    prune: Document
    """of a pruned cell: the rule that stopped it"""


class PrunedRecord(TypedDict):
    """A cell that was trained no further, since others were ahead of it."""

    label: str
    seed: int
    epoch: int
    """of the rung that it did not pass"""
    dice: float
    """the best validation Dice up to there, at the network's size"""


class _TableRecord(TypedDict):
    title: str
    note: str
    reference: str | None
    axis: list[list[Document]]


class TableRecord(_TableRecord, total=False):
    """table.json: the grid as it was last run."""

    seeds: list[int]


Results = dict[str, list[CellResult]]
"""Label → its finished cells, by seed."""
