"""What is recorded of a training, in run.json and to its listener: start, end, deaf prompts."""

from __future__ import annotations

import time

import torch
from torch import nn

from saywhere.data.flat_pictures import flat_pictures
from saywhere.data.small_lesions import small_lesions
from saywhere.errors import counted
from saywhere.runs.history import EpochRow
from saywhere.runs.process import this_process
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
    warnings = _warnings(state)
    state.first_step = state.progress.step
    # A resumed run counts its faulty rows anew, and keeps what else it was warned of.
    earlier = [
        message
        for message in state.run.facts().get("warnings", [])
        if "set aside" not in message and message not in warnings
    ]
    facts = _facts(state, [*warnings, *earlier])
    state.run.write_facts(**facts.to_json())
    started = Started(
        run=str(state.run.folder),
        n_steps=state.n_steps,
        step=state.progress.step,
        rows=facts.data.rows,
        are_held_out=state.material.are_held_out,
        n_epochs=state.config.train.epochs,
    )
    state.tell(started)
    for message in warnings:
        state.tell(Warned(message))


def _warnings(state: TrainState) -> list[str]:
    """What is known before the first step, one sentence each."""
    warnings: list[str] = []
    material = state.material
    n_quarantined = len(material.report.quarantined)
    if n_quarantined:
        rows = counted(n_quarantined, "faulty row was", "faulty rows were")
        warnings.append(f"{rows} set aside, see quarantine.jsonl")
    if not material.are_held_out:
        warnings.append(
            "training images are used for validation "
            f"({len(material.validation_rows)} of them, since data.validation_split = "
            f"{material.data.validation_split!r} has no rows of its own): the best epoch is "
            "chosen, and val_dice_mean measured, on images that it learns from, which says nothing "
            "of other images; give some rows, whole patients, a split of their own"
        )
    framing = material.training.dataset.framing
    lesions = small_lesions(material.report, framing, state.run.pseudonyms)
    return [*warnings, *flat_pictures(material.report, state.run.pseudonyms), *lesions]


def _facts(state: TrainState, warnings: list[str]) -> RunFacts:
    material, config = state.material, state.config
    return RunFacts(
        versions=versions(),
        status="running",
        process=this_process(),
        # Of the first sitting: a resumed run keeps it.
        created=state.run.facts().get("created", now()),
        device=str(state.device),
        threads=torch.get_num_threads(),
        precision=config.train.precision,
        seed=config.train.seed,
        reproducibility=reproducibility(state.device, torch.get_num_threads()),
        data=_data(state),
        arm={"name": material.policy_name, **material.policy.facts()},
        encoder=identity(material.encoder) if material.encoder else None,
        parameters=_parameters(state),
        warnings=warnings,
    )


def reproducibility(device: torch.device, threads: int) -> str:
    """Say what must be the same for the same numbers.

    Args:
        device: where the model is.
        threads: of torch.

    Returns:
        Two sentences.
    """
    draws = "The order of samples and every random draw follow from train.seed alone."
    if device.type != "cpu":
        return f"{draws} On {device.type} the last bits of a sum may differ from run to run."
    threads_are = "thread is" if threads == 1 else "threads are"
    return (
        f"{draws} Losses and weights are equal to the last bit only where {threads} {threads_are} "
        "used, with the same precision, processor and package versions: another number of threads "
        "adds in another order."
    )


def _data(state: TrainState) -> DataFacts:
    report = state.material.report
    n_validation = len(state.material.validation_rows)
    return DataFacts(
        manifest=str(state.material.data.manifest),
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
        f"epoch {row.epoch}: the prompt is not heard: the pseudo-image's spread between prompts "
        f"is {row.spread:.4f} (below {COLLAPSED}); "
        "try loss.roi=balanced or none, text.scale=within, fusion.start=unit-variance"
    )
    state.run.write_facts(warnings=[*earlier, message])
    state.tell(Warned(message))


def warn_if_nothing_is_marked(state: TrainState) -> None:
    """Warn where no validation of the whole training marked a single right pixel.

    A narrow network can end so: behind a ReLU, a last layer whose weights all start below 0 marks
    nothing, and may not change its sign in time.

    Args:
        state: the training that ends; run.json keeps the warning.
    """
    measured = [row for row in state.progress.history if row.val_dice_mean is not None]
    if not measured or any(row.val_dice_mean for row in measured):
        return
    message = (
        "the model marks no right pixel on any validation image: its masks are empty or wrong; "
        "train longer, with a larger network.width, or with a larger optimizer.learning_rate"
    )
    state.run.write_facts(warnings=[*state.run.facts().get("warnings", []), message])
    state.tell(Warned(message))


def end(state: TrainState, status: str = "finished") -> None:
    """Close run.json; the seconds of all sittings are added up.

    Args:
        state: the training that ends.
        status: finished or interrupted.
    """
    facts = state.run.facts()
    seconds = round(facts.get("seconds", 0) + time.monotonic() - state.started, 1)
    phases = _with_earlier(state.phases.rounded(), facts.get("phases", {}))
    state.run.write_facts(status=status, finished=now(), seconds=seconds, phases=phases)
    # An interrupted training goes on later: the verdict waits for its end.
    if status != "finished":
        return
    if state.progress.step < state.n_steps:
        state.run.write_facts(stopped_early=len(state.progress.history))
    warn_if_nothing_is_marked(state)
    tuning = _fine_tuning(state)
    outcome = None if tuning is None else tuning.to_json()
    if outcome is not None:
        state.run.write_facts(fine_tuning=outcome)
    state.tell(Ended(str(state.run.folder), seconds, state.progress.best, outcome))


def _with_earlier(phases: dict[str, float], earlier: dict[str, float]) -> dict[str, float]:
    return {name: round(took + earlier.get(name, 0), 1) for name, took in phases.items()}


def _fine_tuning(state: TrainState) -> FineTuning | None:
    start, config = state.progress.fine_tuning, state.config
    if start is None:
        return None
    held_out = state.material.report.manifest.split(state.material.data.validation_split)
    # Without validation rows, training rows stood in for them.
    images = Images(start.before, start.after, are_held_out=bool(held_out))
    return judge(images, start.best_epoch, config.evaluate.bootstrap, config.train.seed)
