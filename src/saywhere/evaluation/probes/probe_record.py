"""What the probes write, key by key: probe/generator.json, invariance.json, mosaic.json and
halves.json.
"""

from __future__ import annotations

from typing import Literal, TypedDict

from saywhere.evaluation.summary_record import IntervalRecord

HalfMeasure = Literal["inside", "dice", "empty_area", "presence", "empty_presence"]
"""See `halves.HalfCase`."""


class WhereRecord(TypedDict):
    """How well a pseudo-image tells where the mask is, see `generator.WhereScore`."""

    auc: IntervalRecord
    dice: IntervalRecord
    threshold: float
    is_bright: bool
    spread: float


class GeneratorRecord(TypedDict):
    """Of the generator that was trained alone."""

    steps: int
    roi: str
    level: str
    n: int
    pseudo_image: dict[str, WhereRecord]
    """stage → its score with the prompts of `level`"""
    prompt_sets: dict[str, dict[str, WhereRecord]]
    """level → stage → score"""


class InvarianceRecord(TypedDict):
    """Of pairs under controlled geometry."""

    run: str
    fusion: str
    n: int
    agreement: dict[str, dict[str, IntervalRecord]]
    """transform → way of bringing the prompt in → Dice of both masks"""


class _MosaicRecord(TypedDict):
    n: int
    side: int
    """images across"""
    dice_mean: dict[str, IntervalRecord]
    """kind of prompt → Dice with the named tile's target"""


class MosaicRecord(_MosaicRecord, total=False):
    """Of mosaics. A model's own evidence lacks the run and the seed."""

    run: str
    seed: int


class _HalvesRecord(TypedDict):
    n: int
    inside: IntervalRecord | None
    dice: IntervalRecord | None
    empty_area: IntervalRecord | None
    presence: IntervalRecord | None
    empty_presence: IntervalRecord | None


class HalvesRecord(_HalvesRecord, total=False):
    """Of prompts that name one half; None where no case has the measure."""

    run: str
    seed: int


ProbeRecord = GeneratorRecord | InvarianceRecord | MosaicRecord | HalvesRecord
"""What a probe gives."""
