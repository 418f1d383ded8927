"""What is recorded of a training, in run.json and to its listener: start, end, deaf prompts."""

from __future__ import annotations

import time

import torch
from torch import nn

from saywhere.runs.history import EpochRow
from saywhere.runs.run_facts import DataFacts, RunFacts, now, versions
from saywhere.text.encoder import identity
from saywhere.training.events import Ended, Started, Warned
from saywhere.training.fine_tuning import FineTuning, Images, judge
from saywhere.training.state import TrainState

COLLAPSED = 0.01
"""Spread of the pseudo-image between prompts below which no prompt is heard: measured on trainings
that fell below it, and stayed so.
"""


def begin(state: TrainState) -> None:
    """Write run.json at the start, or add to it when a run is resumed.

    Args:
        state: the training that begins.
    """
    n_quarantined = len(state.material.report.quarantined)
    # A resumed run counts its faulty rows anew, and keeps what else it was warned of.
    earlier = state.run.facts().get("warnings", [])
    warnings = [message for message in earlier if "set aside" not in message]
    if n_quarantined:
        warnings.insert(0, f"{n_quarantined} faulty rows were set aside, see quarantine.jsonl")
    facts = _facts(state, warnings)
    state.run.write_facts(**facts.to_json())
    started = Started(
        run=str(state.run.folder),
        n_steps=state.n_steps,
        step=state.progress.step,
        rows=facts.data.rows,
    )
    state.tell(started)
    if n_quarantined:
        state.tell(Warned(warnings[0]))


def _facts(state: TrainState, warnings: list[str]) -> RunFacts:
    material, config = state.material, state.config
    return RunFacts(
        versions=versions(),
        status="running",
        # Of the first sitting: a resumed run keeps it.
        created=state.run.facts().get("created", now()),
        device=str(state.device),
        threads=torch.get_num_threads(),
        precision=config.train.precision,
        seed=config.train.seed,
        data=_data(state),
        arm={"name": config.fusion.chosen_arm, **material.policy.facts()},
        encoder=identity(material.encoder) if material.encoder else None,
        parameters=_parameters(state),
        warnings=warnings,
    )


def _data(state: TrainState) -> DataFacts:
    report = state.material.report
    n_validation = len(state.material.validation_rows)
    return DataFacts(
        manifest=str(state.config.data.manifest),
        digest=report.manifest.digest,
        rows={"train": len(state.training.rows), "validation": n_validation},
        quarantined=len(report.quarantined),
    )


def _parameters(state: TrainState) -> dict[str, int]:
    count = {name: _n_parameters(part) for name, part in state.model.named_children()}
    # An image-only model has neither.
    text = count.get("projection", 0) + count.get("generator", 0)
    return {"network": count["network"], "text": text}


def _n_parameters(part: nn.Module) -> int:
    return sum(parameter.numel() for parameter in part.parameters())


def warn_if_unheard(state: TrainState, row: EpochRow) -> None:
    """Warn, once a run, where the pseudo-image hardly differs between prompts.

    Args:
        state: the training; run.json keeps the warning.
        row: of the epoch that ended.
    """
    if row.spread is None or row.spread >= COLLAPSED:
        return
    earlier = state.run.facts().get("warnings", [])
    if any("not heard" in message for message in earlier):
        return
    message = (
        f"epoch {row.epoch}: the words are not heard: the pseudo-image's spread between prompts "
        f"is {row.spread:.4f} (below {COLLAPSED}); "
        "try loss.roi=balanced or none, text.scale=within, fusion.start=unit-variance"
    )
    state.run.write_facts(warnings=[*earlier, message])
    state.tell(Warned(message))


def end(state: TrainState, status: str = "finished") -> None:
    """Close run.json; the seconds of all sittings are added up.

    Args:
        state: the training that ends.
        status: finished or interrupted.
    """
    earlier = state.run.facts().get("seconds", 0)
    seconds = round(earlier + time.monotonic() - state.started, 1)
    state.run.write_facts(status=status, finished=now(), seconds=seconds)
    # An interrupted training goes on later: the verdict waits for its end.
    if status != "finished":
        return
    tuning = _fine_tuning(state)
    outcome = None if tuning is None else tuning.to_json()
    if outcome is not None:
        state.run.write_facts(fine_tuning=outcome)
    state.tell(Ended(str(state.run.folder), seconds, state.progress.best, outcome))


def _fine_tuning(state: TrainState) -> FineTuning | None:
    start, config = state.progress.fine_tuning, state.config
    if start is None:
        return None
    held_out = state.material.report.manifest.split(config.data.validation_split)
    # Without validation rows, training rows stood in for them.
    images = Images(start.before, start.after, are_held_out=bool(held_out))
    return judge(images, start.best_epoch, config.evaluate.bootstrap, config.train.seed)
