"""What a training reports while it goes on. A listener is given each event as JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import ClassVar, TypedDict, cast

from saywhere.runs.history import EpochRow
from saywhere.runs.run_record import FineTuningRecord


class EventRecord(TypedDict, total=False):
    """An event as JSON: its kind, and the fields that the class of that kind lists."""

    event: str
    """stage, start, before, text_step, step, epoch, warning or end"""
    message: str
    run: str
    n_steps: int
    n_epochs: int
    step: int
    rows: dict[str, int]
    are_held_out: bool
    epoch: int
    loss: float
    segmentation_loss: float
    roi_loss: float
    presence_loss: float
    learning_rate: float
    val_dice_mean: float
    val_dice_pooled: float
    val_loss: float
    spread: float | None
    phases: dict[str, float]
    seconds_left: float | None
    seconds: float
    best: float
    fine_tuning: FineTuningRecord | None


Listener = Callable[[EventRecord], None]
"""Called with each event's `to_json`: {"event": KIND, …}."""


@dataclass(frozen=True)
class Event:
    """Base of all events. `kind` is the value of "event"."""

    kind: ClassVar[str]

    def to_json(self) -> EventRecord:
        """Make the document that a listener is given.

        Returns:
            {"event": kind, and each field by its name}.
        """
        return cast(EventRecord, {"event": self.kind, **asdict(self)})


@dataclass(frozen=True)
class Stage(Event):
    """Something that takes a while is being made ready.

    Attributes:
        message: says what.
        run: the run directory, where it is made already: what is stopped now goes on there.
    """

    kind = "stage"
    message: str
    run: str = ""


@dataclass(frozen=True)
class Started(Event):
    """The first step is next.

    Attributes:
        run: the run directory.
        n_steps: of the whole training.
        step: steps that are done; more than 0 for a resumed run.
        rows: {"train": number, "validation": number}.
        are_held_out: False where the validation rows are training rows.
        n_epochs: of the whole training; each has as many steps.
    """

    kind = "start"
    run: str
    n_steps: int
    step: int
    rows: dict[str, int]
    are_held_out: bool = True
    n_epochs: int = 0


@dataclass(frozen=True)
class StartScored(Event):
    """A fine-tuning measured the weights that it starts from, before its first step.

    Attributes:
        val_dice_mean: mean Dice per image on the validation rows, [0, 1].
        val_loss: mean total loss on them.
    """

    kind = "before"
    val_dice_mean: float
    val_loss: float


@dataclass(frozen=True)
class Stepped(Event):
    """One step is done: number `step` of `n_steps`, from 1."""

    kind = "step"
    step: int
    n_steps: int


@dataclass(frozen=True)
class TextStepped(Event):
    """One step of the text branch alone is done (`fusion.words_first`), before "start".

    Attributes:
        step: its number, from 1.
        n_steps: of these steps.
    """

    kind = "text_step"
    step: int
    n_steps: int


@dataclass(frozen=True)
class EpochEnded(Event):
    """One epoch is done; its row of metrics.jsonl is written.

    Attributes:
        row: of metrics.jsonl.
        phases: seconds of this sitting, by phase; see `training.time_spent`.
        seconds_left: of the training, at the speed up to now.
    """

    kind = "epoch"
    row: EpochRow
    phases: dict[str, float]
    seconds_left: float | None = None

    def to_json(self) -> EventRecord:
        """Make the document that a listener is given.

        Returns:
            {"event": "epoch", the keys of metrics.jsonl, "phases", "seconds_left"}.
        """
        times = {"phases": self.phases, "seconds_left": self.seconds_left}
        return cast(EventRecord, {"event": self.kind, **self.row.to_json(), **times})


@dataclass(frozen=True)
class Warned(Event):
    """Something is wrong, and the training goes on. `message` says what, and what to try."""

    kind = "warning"
    message: str


@dataclass(frozen=True)
class Ended(Event):
    """The last step is done.

    Attributes:
        run: the run directory.
        seconds: of all sittings.
        best: the best score on the validation rows: Dice, or minus the loss (`train.select`).
        fine_tuning: what `FineTuning.to_json` gives; None for a fresh start.
    """

    kind = "end"
    run: str
    seconds: float
    best: float
    fine_tuning: FineTuningRecord | None = None
