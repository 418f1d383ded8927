"""What is watched while a training goes on: finite numbers, whether the words are heard, and the facts of the run."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from torch import Tensor

from saywhere.data.dataset import Batch
from saywhere.engine import run
from saywhere.errors import TrainingDiverged
from saywhere.io import files
from saywhere.text.encoder import identity

if TYPE_CHECKING:
    from saywhere.engine.train import Loop

COLLAPSED = 0.01  # spread of the pseudo-image between prompts below which no word is heard (measured: it then stays so)


class Guard:
    """Looks at each step's numbers one step late, so that no step waits for the device."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
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
        if bool(torch.isfinite(losses).all()) and (self.loop.config.train.precision == "16-mixed" or bool(torch.isfinite(norm))):
            return
        _diverged(self.loop, _diagnostic(self.loop, step, batch, losses, norm), f"loss {losses[0]:.4g}, gradient norm {norm:.4g} at step {step + 1}")


def validated(loop: Loop, row: dict[str, Any]) -> None:
    """Raise TrainingDiverged where the validation is not finite: the weights are broken, and must not become `best` or `last`."""
    if all(math.isfinite(row[key]) for key in ("val_loss", "val_dice_mean")):
        return
    broken = [name for name, p in loop.model.named_parameters() if not torch.isfinite(p).all()][:20]
    found = f"validation loss {row['val_loss']:.4g} in epoch {row['epoch']}"
    _diverged(loop, {"epoch": row["epoch"], "val_loss": str(row["val_loss"]), "not_finite": broken}, found)


def _diverged(loop: Loop, diagnostic: dict[str, Any], found: str) -> NoReturn:
    place = loop.run.folder / "diagnostic.json"
    files.write_json(place, diagnostic)
    raise TrainingDiverged(found, allowed="loss and gradient must be finite",
                           remedy=f"see {place}; try a smaller optimizer.learning_rate, or train.precision=32-true")  # fmt: skip


def _diagnostic(loop: Loop, step: int, batch: Batch, losses: Tensor, norm: Tensor) -> dict[str, Any]:
    return {
        "step": step,
        "losses": dict(zip(("total", "segmentation", "roi"), map(str, losses.tolist()))),
        "gradient_norm": str(float(norm)),
        "rows": [loop.training.rows[row].number for row in batch.rows],
        "image_is_finite": bool(torch.isfinite(batch.image).all()),
        "embedding_is_finite": bool(torch.isfinite(batch.embedding).all()),
        "not_finite": [name for name, p in loop.model.named_parameters() if p.grad is not None and not torch.isfinite(p.grad).all()][:20],
    }


def words_are_heard(loop: Loop, row: dict[str, Any]) -> None:
    """Say so, once a run, where the pseudo-image hardly differs between prompts."""
    spread = row.get("spread")
    told = loop.run.facts().get("warnings", [])
    if spread is None or spread >= COLLAPSED or any("not heard" in message for message in told):
        return
    message = (
        f"epoch {row['epoch']}: the words are not heard: the pseudo-image's spread between prompts is {spread:.4f} (below {COLLAPSED}); "
        "try loss.roi=balanced or none, text.scale=within, fusion.start=unit-variance"
    )
    loop.run.write_facts(warnings=[*told, message])
    loop.listen({"event": "warning", "message": message})


def begin(loop: Loop) -> None:
    """Write run.json at the start, or add to it on resume."""
    material, config = loop.material, loop.config
    encoder = material.encoder
    count = {name: sum(p.numel() for p in part.parameters()) for name, part in loop.model.named_children()}
    rows = {"train": len(loop.training.rows), "validation": len(material.validation_rows)}
    n_quarantined = len(material.report.quarantined)
    data = {"manifest": str(config.data.manifest), "digest": material.report.manifest.digest, "rows": rows, "quarantined": n_quarantined}
    told = [message for message in loop.run.facts().get("warnings", []) if "set aside" not in message]
    if n_quarantined:
        told.insert(0, f"{n_quarantined} faulty rows were set aside, see quarantine.jsonl")
    loop.run.write_facts(
        **run.versions(),
        status="running",
        created=loop.run.facts().get("created", run.now()),
        device=str(loop.fabric.device),
        threads=torch.get_num_threads(),
        precision=config.train.precision,
        seed=config.train.seed,
        data=data,
        arm={"name": config.fusion.chosen_arm, **material.arm.facts()},
        encoder=identity(encoder) if encoder else None,
        parameters={"network": count["network"], "text": count.get("projection", 0) + count.get("generator", 0)},
        warnings=told,
    )
    loop.listen({"event": "start", "run": str(loop.run.folder), "n_steps": loop.n_steps, "step": loop.progress.step, "rows": rows})
    if n_quarantined:
        loop.listen({"event": "warning", "message": told[0]})


def end(loop: Loop, status: str = "finished") -> None:
    """Close run.json; the seconds of all sittings are added up."""
    seconds = round(loop.run.facts().get("seconds", 0) + time.monotonic() - loop.started, 1)
    loop.run.write_facts(status=status, finished=run.now(), seconds=seconds)
    if status == "finished":
        loop.listen({"event": "end", "run": str(loop.run.folder), "seconds": seconds, "best": loop.progress.best})
