"""Where a training stands: what its callbacks are shown, and what a checkpoint holds."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import torch

from saywhere.config import (
    AugmentConfig,
    EvaluateConfig,
    LossConfig,
    OptimizerConfig,
    TrainConfig,
)
from saywhere.data.training_set import TrainingSet
from saywhere.modeling.model import Model
from saywhere.runs.directory import Run
from saywhere.runs.history import EpochRow, read_history
from saywhere.runs.run_record import CheckpointState, StartingRecord
from saywhere.training.events import Event
from saywhere.training.events import Listener as Listener
from saywhere.training.setup import Material
from saywhere.training.time_spent import TimeSpent


@dataclass(frozen=True)
class LoopConfig:
    """What the loop reads of a configuration, beside what made its material and its model.

    Attributes:
        train: settled: no `auto` is left in it.
        optimizer: AdamW and its schedule.
        augment: what the draws of a step range over.
        loss: of a step, and of a validation.
        evaluate: how validation rows are measured.
        words_first: steps of the text branch alone, before all others.
    """

    train: TrainConfig
    optimizer: OptimizerConfig
    augment: AugmentConfig
    loss: LossConfig
    evaluate: EvaluateConfig
    words_first: int


@dataclass
class StartingPoint:
    """What a fine-tuning remembers of the weights that it started from.

    Attributes:
        before: Dice of each validation image with them, [0, 1].
        after: Dice of each with the best weights so far.
        best_epoch: the epoch of these; 0 for the first weights themselves.
    """

    before: list[float]
    after: list[float]
    best_epoch: int = 0


@dataclass
class Progress:
    """Where a training stands: all there is to resume, beside weights and moments.

    Attributes:
        step: steps that are done.
        best: the best score so far: Dice, or minus the loss (`train.select`).
        sums: of (total, segmentation, roi[, presence]) losses in the epoch that is under way.
        history: one row per finished epoch.
        fine_tuning: None for a fresh start.
        n_stale: validations since the best one.
    """

    step: int = 0
    best: float = -math.inf
    sums: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    history: list[EpochRow] = field(default_factory=list)
    fine_tuning: StartingPoint | None = None
    n_stale: int = 0

    def to_json(self) -> CheckpointState:
        """Make the part of a checkpoint's state that `from_json` reads.

        Returns:
            Field name → value; `fine_tuning` only where there is one.
        """
        document: CheckpointState = {
            "step": self.step,
            "best": self.best,
            "sums": self.sums,
            "history": [row.to_json() for row in self.history],
            "n_stale": self.n_stale,
        }
        if self.fine_tuning is not None:
            document["fine_tuning"] = cast(StartingRecord, vars(self.fine_tuning))
        return document

    @classmethod
    def from_json(cls, state: CheckpointState, where: Path) -> Progress:
        """Read a checkpoint's state.

        Args:
            state: a state that `checkpoint.load` has checked.
            where: the checkpoint, for messages.

        Returns:
            Where that training stood.

        Raises:
            BadCheckpoint: for a history that is incomplete.
        """
        remembered = state.get("fine_tuning")
        return cls(
            step=state["step"],
            best=state["best"],
            sums=state["sums"],
            history=read_history(state["history"], where),
            fine_tuning=StartingPoint(**remembered) if remembered else None,
            n_stale=state.get("n_stale", 0),
        )


@dataclass
class TrainState:
    """One training as its callbacks see it.

    Attributes:
        config: how it is trained.
        material: rows, prompts, scale.
        run: the run directory.
        device: where the model is.
        model: the model that is trained.
        n_steps: of the whole training.
        listen: given each event as JSON.
        progress: where it stands.
        started: of this sitting, seconds of a clock that only goes forward.
        phases: where the seconds of this sitting go.
        first_step: that this sitting began with.
    """

    config: LoopConfig
    material: Material
    run: Run
    device: torch.device
    model: Model
    n_steps: int
    listen: Listener
    progress: Progress = field(default_factory=Progress)
    started: float = field(default_factory=time.monotonic)
    phases: TimeSpent = field(default_factory=TimeSpent)
    first_step: int = 0

    @property
    def training(self) -> TrainingSet:
        """The training rows as batches."""
        return self.material.training

    def seconds_left(self) -> float | None:
        """Guess how long the rest will take, as long a step as up to now.

        Returns:
            Seconds; None before this sitting's first step.
        """
        n_done = self.progress.step - self.first_step
        if not n_done:
            return None
        seconds = time.monotonic() - self.started
        return round(seconds / n_done * (self.n_steps - self.progress.step), 1)

    def tell(self, event: Event) -> None:
        """Hand an event to the listener.

        Args:
            event: what happened.
        """
        self.listen(event.to_json())
