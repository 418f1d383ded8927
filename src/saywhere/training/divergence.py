"""Numbers that are not finite stop a training, before they become `best` or `last`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import NoReturn

import torch
from torch import Tensor, nn

from saywhere.data.training_set import Batch
from saywhere.errors import TrainingDiverged
from saywhere.io import files
from saywhere.training.state import TrainState
from saywhere.training.validation import Validation

N_NAMES = 20
"""Names of parameters that a diagnostic lists at most."""


@dataclass(frozen=True)
class Diagnostic:
    """What diagnostic.json says of a broken step.

    Attributes:
        step: from 0.
        losses: total, segmentation, roi and presence, as text: JSON has no NaN.
        gradient_norm: before clipping, as text.
        rows: lines of the manifest, from 1.
        image_is_finite: of the step.
        embedding_is_finite: of the step.
        not_finite: names of parameters whose gradient is not finite.
    """

    step: int
    losses: dict[str, str]
    gradient_norm: str
    rows: list[int]
    image_is_finite: bool
    embedding_is_finite: bool
    not_finite: list[str]

    def to_json(self) -> dict[str, object]:
        """Make the file's content.

        Returns:
            Field name → value.
        """
        return asdict(self)


@dataclass(frozen=True)
class Step:
    """One step's numbers, not yet synchronised with the device.

    Attributes:
        number: from 0.
        batches: makes what it was computed from, of all processes.
        losses: (3,): total, segmentation, roi; with a presence head (4,).
        norm: of the gradient, before clipping.
    """

    number: int
    batches: Callable[[], list[Batch]]
    losses: Tensor
    norm: Tensor


class StepGuard:
    """Looks at each step's numbers one step late, so that no step waits for the device."""

    def __init__(self, state: TrainState) -> None:
        """Begin without a step.

        Args:
            state: the training that is guarded.
        """
        self.state = state
        self.pending: Step | None = None

    def watch(self, step: Step) -> None:
        """Check the step before this one, and keep this one for the next call.

        Args:
            step: the step that was just computed.

        Raises:
            TrainingDiverged: as `check` does.
        """
        self.check()
        self.pending = step

    def check(self) -> None:
        """Look at the pending step.

        A gradient too large for `16-mixed` is no fault: its scaler passes over the step and scales
        the next loss by less.

        Raises:
            TrainingDiverged: where loss or gradient are not finite; `best` and `last` are not
                overwritten.
        """
        # Taken out, so that a check at an epoch's end looks at no step twice.
        step, self.pending = self.pending, None
        if step is None:
            return
        is_scaled = self.state.config.train.precision == "16-mixed"
        norm_is_sound = is_scaled or bool(torch.isfinite(step.norm))
        if norm_is_sound and bool(torch.isfinite(step.losses).all()):
            return
        numbers = f"loss {step.losses[0]:.4g}, gradient norm {step.norm:.4g}"
        diagnostic = _diagnostic(self.state, step).to_json()
        _diverged(self.state, diagnostic, f"{numbers} at step {step.number + 1}")


def check_validation(state: TrainState, validation: Validation, epoch: int) -> None:
    """Look at a validation's numbers before its weights become `best` or `last`.

    Args:
        state: the training that is guarded.
        validation: what was measured.
        epoch: after which; 0: before the first step.

    Raises:
        TrainingDiverged: where they are not finite: the weights are broken.
    """
    if math.isfinite(validation.loss) and math.isfinite(validation.dice_mean):
        return
    # A validation has no gradients: the weights themselves are named.
    broken = _not_finite({name: value for name, value in state.model.named_parameters()})
    diagnostic = {"epoch": epoch, "val_loss": str(validation.loss), "not_finite": broken}
    _diverged(state, diagnostic, f"validation loss {validation.loss:.4g} in epoch {epoch}")


def _diverged(state: TrainState, diagnostic: dict[str, object], numbers: str) -> NoReturn:
    place = state.run.folder / "diagnostic.json"
    if state.run.is_written:
        files.write_json(place, diagnostic)
    raise TrainingDiverged(
        numbers,
        allowed="loss and gradient must be finite",
        remedy=f"see {place}; try a smaller optimizer.learning_rate, or train.precision=32-true",
    )


def _diagnostic(state: TrainState, step: Step) -> Diagnostic:
    names = ("total", "segmentation", "roi", "presence")
    # Made again: they are a function of the step, and to keep them would take memory.
    batches = step.batches()
    return Diagnostic(
        step=step.number,
        losses=dict(zip(names, map(str, step.losses.tolist()))),
        gradient_norm=str(float(step.norm)),
        rows=[state.training.rows[row].number for batch in batches for row in batch.rows],
        image_is_finite=all(bool(torch.isfinite(one.image).all()) for one in batches),
        embedding_is_finite=all(bool(torch.isfinite(one.embedding).all()) for one in batches),
        not_finite=_not_finite(_gradients(state.model)),
    )


def _gradients(model: nn.Module) -> dict[str, Tensor]:
    named = model.named_parameters()
    return {name: value.grad for name, value in named if value.grad is not None}


def _not_finite(values: dict[str, Tensor]) -> list[str]:
    broken = [name for name, value in values.items() if not torch.isfinite(value).all()]
    return broken[:N_NAMES]
