"""What is watched while a training goes on: finite numbers, whether the words are heard, and the facts of the run."""

from __future__ import annotations

import math
import time
from typing import Any, NoReturn

import torch
from torch import Tensor

from saywhere.data.sampler import Batch
from saywhere.errors import TrainingDiverged
from saywhere.io import files
from saywhere.runs import directory as run
from saywhere.text.encoder import identity
from saywhere.training.state import TrainState

COLLAPSED = 0.01  # spread of the pseudo-image between prompts below which no word is heard (measured: it then stays so)


class Guard:
    """Looks at each step's numbers one step late, so that no step waits for the device."""

    def __init__(self, state: TrainState) -> None:
        self.state = state
        self.pending: tuple[int, Batch, Tensor, Tensor] | None = None

    def watch(self, step: int, batch: Batch, losses: Tensor, norm: Tensor) -> None:
        """Check the step before, and keep this one for the next call."""
        self.check()
        self.pending = (step, batch, losses, norm)

    def check(self) -> None:
        """Raise TrainingDiverged where the pending step was not finite. `best` and `last` are never overwritten by it.

        A gradient too large for `16-mixed` is no such step: its scaler passes over it and scales the next loss by less.
        """
        if self.pending is None:
            return
        step, batch, losses, norm = self.pending
        self.pending = None
        if bool(torch.isfinite(losses).all()) and (
            self.state.config.train.precision == "16-mixed" or bool(torch.isfinite(norm))
        ):
            return
        _diverged(
            self.state,
            _diagnostic(self.state, step, batch, losses, norm),
            f"loss {losses[0]:.4g}, gradient norm {norm:.4g} at step {step + 1}",
        )


def validated(state: TrainState, row: dict[str, Any]) -> None:
    """Raise TrainingDiverged where the validation is not finite: the weights are broken, and must not become `best` or `last`."""
    if all(math.isfinite(row[key]) for key in ("val_loss", "val_dice_mean")):
        return
    broken = [name for name, p in state.model.named_parameters() if not torch.isfinite(p).all()][
        :20
    ]
    found = f"validation loss {row['val_loss']:.4g} in epoch {row['epoch']}"
    _diverged(
        state,
        {"epoch": row["epoch"], "val_loss": str(row["val_loss"]), "not_finite": broken},
        found,
    )


def _diverged(state: TrainState, diagnostic: dict[str, Any], found: str) -> NoReturn:
    place = state.run.folder / "diagnostic.json"
    files.write_json(place, diagnostic)
    raise TrainingDiverged(
        found,
        allowed="loss and gradient must be finite",
        remedy=f"see {place}; try a smaller optimizer.learning_rate, or train.precision=32-true",
    )


def _diagnostic(
    state: TrainState, step: int, batch: Batch, losses: Tensor, norm: Tensor
) -> dict[str, Any]:
    return {
        "step": step,
        "losses": dict(zip(("total", "segmentation", "roi"), map(str, losses.tolist()))),
        "gradient_norm": str(float(norm)),
        "rows": [state.training.rows[row].number for row in batch.rows],
        "image_is_finite": bool(torch.isfinite(batch.image).all()),
        "embedding_is_finite": bool(torch.isfinite(batch.embedding).all()),
        "not_finite": [
            name
            for name, p in state.model.named_parameters()
            if p.grad is not None and not torch.isfinite(p.grad).all()
        ][:20],
    }


def words_are_heard(state: TrainState, row: dict[str, Any]) -> None:
    """Say so, once a run, where the pseudo-image hardly differs between prompts."""
    spread = row.get("spread")
    told = state.run.facts().get("warnings", [])
    if spread is None or spread >= COLLAPSED or any("not heard" in message for message in told):
        return
    message = (
        f"epoch {row['epoch']}: the words are not heard: the pseudo-image's spread between prompts is {spread:.4f} (below {COLLAPSED}); "
        "try loss.roi=balanced or none, text.scale=within, fusion.start=unit-variance"
    )
    state.run.write_facts(warnings=[*told, message])
    state.listen({"event": "warning", "message": message})


def begin(state: TrainState) -> None:
    """Write run.json at the start, or add to it on resume."""
    material, config = state.material, state.config
    encoder = material.encoder
    count = {
        name: sum(p.numel() for p in part.parameters())
        for name, part in state.model.named_children()
    }
    rows = {"train": len(state.training.rows), "validation": len(material.validation_rows)}
    n_quarantined = len(material.report.quarantined)
    data = {
        "manifest": str(config.data.manifest),
        "digest": material.report.manifest.digest,
        "rows": rows,
        "quarantined": n_quarantined,
    }
    told = [
        message for message in state.run.facts().get("warnings", []) if "set aside" not in message
    ]
    if n_quarantined:
        told.insert(0, f"{n_quarantined} faulty rows were set aside, see quarantine.jsonl")
    state.run.write_facts(
        **run.versions(),
        status="running",
        created=state.run.facts().get("created", run.now()),
        device=str(state.device),
        threads=torch.get_num_threads(),
        precision=config.train.precision,
        seed=config.train.seed,
        data=data,
        arm={"name": config.fusion.chosen_arm, **material.policy.facts()},
        encoder=identity(encoder) if encoder else None,
        parameters={
            "network": count["network"],
            "text": count.get("projection", 0) + count.get("generator", 0),
        },
        warnings=told,
    )
    state.listen(
        {
            "event": "start",
            "run": str(state.run.folder),
            "n_steps": state.n_steps,
            "step": state.progress.step,
            "rows": rows,
        }
    )
    if n_quarantined:
        state.listen({"event": "warning", "message": told[0]})


def end(state: TrainState, status: str = "finished") -> None:
    """Close run.json; the seconds of all sittings are added up."""
    seconds = round(state.run.facts().get("seconds", 0) + time.monotonic() - state.started, 1)
    state.run.write_facts(status=status, finished=run.now(), seconds=seconds)
    if status == "finished":
        state.listen(
            {
                "event": "end",
                "run": str(state.run.folder),
                "seconds": seconds,
                "best": state.progress.best,
            }
        )
