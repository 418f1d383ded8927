"""What run.json, metrics.jsonl and a checkpoint's state hold, key by key. It needs no torch.

Records are typed dictionaries and no classes: the files are read as JSON, and those of earlier
versions lack the later keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from saywhere.captions.grid import PlaceRuleRecord
    from saywhere.captions.lungs import LungRuleRecord
    from saywhere.runs.process import ProcessRecord
    from saywhere.text.prompt_facts import PromptFactsRecord


class _EpochRecord(TypedDict):
    epoch: int
    loss: float
    segmentation_loss: float
    roi_loss: float
    learning_rate: float


class EpochRecord(_EpochRecord, total=False):
    """A line of metrics.jsonl; an epoch without validation lacks the last four keys."""

    presence_loss: float
    """of a model with a presence head"""
    val_dice_mean: float
    val_dice_pooled: float
    val_loss: float
    spread: float | None


class _ArmRecord(TypedDict):
    name: str


class ArmRecord(_ArmRecord, total=False):
    """The prompt policy of a run: `arm` is the configuration's older word for it."""

    place_rule: PlaceRuleRecord | LungRuleRecord
    """of `recaption`: the rule that it writes places by"""


class DataRecord(TypedDict):
    """`DataFacts` as run.json holds them."""

    manifest: str
    digest: str
    rows: dict[str, int]
    quarantined: int


class FineTuningRecord(TypedDict):
    """What a fine-tuning came to; see `training.fine_tuning.FineTuning`."""

    before: float
    after: float
    n_images: int
    best_epoch: int
    verdict: str


# Written as a call, since `with` is a word of Python.
BlendRecord = TypedDict("BlendRecord", {"of": str, "with": str, "share": float})
"""Of which runs a blend is the mean; see `training.weight_averaging`."""


class RunRecord(TypedDict, total=False):
    """What run.json holds; a run of an earlier version, or one just begun, lacks keys."""

    format: int
    saywhere: str
    commit: str | None
    packages: dict[str, str]
    python: str
    platform: str
    status: str
    process: ProcessRecord
    """which wrote "running"; missing in runs of earlier versions"""
    created: str
    finished: str
    seconds: float
    device: str
    threads: int
    precision: str
    seed: int
    reproducibility: str
    """what the same numbers need, in a sentence or two"""
    data: DataRecord
    arm: ArmRecord
    encoder: dict[str, str] | None
    parameters: dict[str, int]
    warnings: list[str]
    phases: dict[str, float]
    """seconds of the steps' phases, of all sittings; see `training.time_spent`"""
    stopped_early: int
    """the epoch after which `train.patience` ended it"""
    mlflow_run: str
    """its id, where `train.loggers` names mlflow"""
    cause: str
    """why it failed, where a process of several died"""
    weights: dict[str, str]
    """file and sha256 of published first weights"""
    started_from: str
    no_identifiers: bool
    """names are hashed, and places left out; missing where they are not"""
    fine_tuning: FineTuningRecord
    blended: BlendRecord


class StartingRecord(TypedDict):
    """What a fine-tuning remembers of its start; see `training.state.StartingPoint`."""

    before: list[float]
    after: list[float]
    best_epoch: int


class _CheckpointState(TypedDict):
    step: int
    best: float
    sums: list[float]
    history: list[EpochRecord]


class CheckpointState(_CheckpointState, total=False):
    """What a checkpoint holds beside tensors. A model's, and an older one, lacks keys."""

    encoder: dict[str, str] | None
    """its identity; None for an image-only model"""
    epoch: int
    loss_scale: dict[str, float]
    """of `16-mixed`; else it is empty"""
    fine_tuning: StartingRecord
    n_stale: int
    """validations since the best one"""
    spread: float | None
    """of earlier versions"""
    prompts: PromptFactsRecord
    """whose left, script and language of its prompts, see `text.prompt_facts.PromptFacts`"""
