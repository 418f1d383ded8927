"""Progress: a bar on a terminal, plain lines in a log, nothing when quiet.

It goes to stderr, so that stdout stays for results.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from saywhere.cli.plain_output import console
from saywhere.errors import counted, duration
from saywhere.io.plain_text import visible_line

# For a checker alone: a command that trains nothing loads no training.
if TYPE_CHECKING:
    from saywhere.training.events import EventRecord


SPREAD = "spread: how much the pseudo-image differs between prompts; below 0.01 no prompt is heard"
"""Said once wherever a number of that name is shown."""


def _bar(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    # Transient: what is left on the screen are the lines, as a log has them.
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)


class TrainingProgress:
    """Shows the events of a training: pass it as `listen`.

    Attributes:
        run: the run directory, once the training has begun.
        best: best mean Dice on the validation split, once the training has ended.
    """

    def __init__(self, quiet: bool = False) -> None:
        """Makes the bar. `quiet`: show nothing."""
        self.console = console(stderr=True, quiet=quiet)
        self.bar = _bar(self.console)
        self.task: Any = None
        self._n_epochs = 0
        self._explains_spread = True
        self._phases: Mapping[str, float] = {}
        self.run: str | None = None
        self.best: float | None = None
        self._had_finished = False

    def __enter__(self) -> TrainingProgress:
        self.bar.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.bar.__exit__(*error)

    def __call__(self, event: EventRecord) -> None:
        # Each kind of event has a method of its name; training.events lists them.
        getattr(self, f"_{event['event']}")(event)

    def _stage(self, event: EventRecord) -> None:
        # Before the first step: a training that is stopped now goes on in this directory, too.
        self.run = event.get("run") or self.run
        self._say(event["message"])
        # A bar without an end: it moves, so that nobody takes a long stage for a hang.
        self._begin("getting ready", total=None)

    def _text_step(self, event: EventRecord) -> None:
        done, n_steps = event["step"], event["n_steps"]
        self.bar.update(self.task, description="text branch", total=n_steps, completed=done)

    def _begin(self, label: str, total: int | None, completed: int = 0) -> None:
        """One bar at a time: the stage before this one is over."""
        if self.task is not None:
            self.bar.remove_task(self.task)
        self.task = self.bar.add_task(label, total=total, completed=completed, note="")

    def _start(self, event: EventRecord) -> None:
        self.run = event["run"]
        rows = event["rows"]
        self._n_epochs = event.get("n_epochs", 0)
        of_them = "" if event.get("are_held_out", True) else " of them"
        self._had_finished = event["step"] >= event["n_steps"]
        if self._had_finished:
            self._say(
                f"{self.run} is finished: nothing is done; start another run from it with "
                f"`--from {self.run}`"
            )
            return
        self._say(
            f"{self.run}: {counted(rows['train'], 'training row')}, "
            f"{rows['validation']:,}{of_them} for validation, {counted(event['n_steps'], 'step')}"
        )
        self._begin(self._where(event), event["n_steps"], event["step"])

    def _where(self, event: EventRecord) -> str:
        """The epoch and the step in it, as "epoch 2/12 · step 40/100"."""
        step, n_steps = event["step"], event["n_steps"]
        if not self._n_epochs:
            return "training"
        per_epoch = n_steps // self._n_epochs
        # The last step of an epoch still belongs to it.
        epoch = max(0, step - 1) // per_epoch
        within = step - epoch * per_epoch
        return f"epoch {epoch + 1}/{self._n_epochs} · step {within}/{per_epoch}"

    def _before(self, event: EventRecord) -> None:
        self._say(f"before the first step: val_dice_mean {event['val_dice_mean']:.4f}")

    def _step(self, event: EventRecord) -> None:
        self.bar.update(self.task, completed=event["step"], description=self._where(event))

    def _epoch(self, event: EventRecord) -> None:
        shown = [
            f"{key} {event[key]:.4f}"
            for key in ("loss", "val_dice_mean", "spread")
            if event.get(key) is not None
        ]
        # The bar has room for one number: the validation's Dice.
        self._phases = event.get("phases", {})
        left = event.get("seconds_left")
        if left:
            shown.append(f"{duration(left)} left")
        self.bar.update(self.task, note=" · ".join([*shown[1:2], _in_phases(self._phases)]))
        self._say(f"epoch {event['epoch']}: " + " · ".join(shown))
        if self._explains_spread and event.get("spread") is not None:
            self._explains_spread = False
            self._say(SPREAD)

    def _warning(self, event: EventRecord) -> None:
        self._say(f"warning: {event['message']}")

    def _end(self, event: EventRecord) -> None:
        self.best = event["best"]
        if self._had_finished:
            return
        self._say(f"finished in {event['seconds']:.0f} s, best on validation {event['best']:.4f}")
        if self._phases:
            self._say(f"where the time went: {_in_phases(self._phases)}")
        if fine_tuning := event.get("fine_tuning"):
            self._say(fine_tuning["verdict"])

    def _say(self, line: str) -> None:
        # A path may hold brackets, and in a log a line stays one line.
        self.console.print(visible_line(line), markup=False, highlight=False, soft_wrap=True)


def _in_phases(phases: Mapping[str, float]) -> str:
    """The share of each phase that counts, the largest first."""
    total = sum(phases.values())
    shares = sorted(phases.items(), key=lambda item: -item[1])
    return " · ".join(
        f"{name} {seconds / total:.0%}" for name, seconds in shares if seconds >= 0.01 * total > 0
    )


class CaseProgress:
    """A bar that counts cases; entering it gives the function that advances the bar."""

    def __init__(self, label: str, total: int | None = None, quiet: bool = False) -> None:
        """Makes the bar.

        Args:
            label: what is counted or done.
            total: number of cases; None: not known yet.
            quiet: show nothing.
        """
        self.bar = _bar(console(stderr=True, quiet=quiet))
        self.task = self.bar.add_task(label, total=total, note="")

    def __enter__(self) -> Callable[[int], None]:
        self.bar.__enter__()
        return lambda done: self.bar.advance(self.task, done)

    def expect(self, total: int) -> None:
        """Tell how many there are, where that was not known before.

        Args:
            total: number of cases.
        """
        self.bar.update(self.task, total=total)

    def __exit__(self, *error: Any) -> None:
        self.bar.__exit__(*error)


def next_step(command: str) -> None:
    """Name what usually comes next, as a verb's last line.

    Args:
        command: a whole command, or a few words.
    """
    # To stderr: `RUN=$(saywhere train …)` must get the run and nothing else.
    sys.stderr.write(f"next: {command}\n")


def warn(message: str) -> None:
    """Write one line to stderr.

    Args:
        message: a warning or note, without the program's name.
    """
    sys.stderr.write(f"saywhere: {visible_line(message)}\n")


def warn_of_unfinished(run: Path) -> None:
    """Warn that a run's training has not finished, before its weights are used.

    Args:
        run: a run directory, or a model's name, which is there.
    """
    from saywhere.runs.locate import find
    from saywhere.runs.status import status_of

    status = status_of(find(run))
    if status is not None:
        warn(f"{run}: {status.in_words()}; {status.advice(run)}")


def warn_of_replaced(names: Sequence[str]) -> None:
    """Of a table: result files that lie beside frozen cells of their names.

    Args:
        names: of the files; nothing is said where there are none.
    """
    if names:
        files = counted(len(names), "result file counts", "result files count")
        warn(f"{files} in place of the frozen cell of the same name: {', '.join(names)}")


def warn_of_quarantine(summary: Mapping[str, Any]) -> None:
    """Say how to see the faulty rows that a measurement set aside.

    Args:
        summary: of the measurement, with `quarantined` (rows) and `manifest`.

    Raises:
        typer.Exit: with code 3, where there are such rows.
    """
    if summary["quarantined"]:
        rows = counted(summary["quarantined"], "faulty row")
        warn(f"set aside: {rows}, see `saywhere check {summary['manifest']}`")
        raise typer.Exit(3)
