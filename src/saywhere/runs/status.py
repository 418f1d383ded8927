"""How a training stands: what its run.json says, and whether the process that wrote it lives.

A killed process leaves "running" in run.json, for good. So every message on a run's state is made
here. It needs no torch.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saywhere.errors import SaywhereError, UsageError
from saywhere.runs.directory import Run
from saywhere.runs.older_values import parse_stored
from saywhere.runs.process import is_alive

SENTENCES = {
    "running": "the training is still going on",
    "interrupted": "the training was interrupted",
    "failed": "the training failed",
    "killed": "the training was killed: its process is gone",
    "unclear": (
        "the training has not said that it ended, and whether it goes on cannot be seen from here: "
        "it began on another machine, in another container, or with an earlier version"
    ),
}
"""State of a training that is not finished → what is said of it."""


@dataclass(frozen=True)
class RunStatus:
    """A training that has not finished.

    Attributes:
        state: running, interrupted, failed, killed or unclear; see SENTENCES.
        epochs_done: When its last checkpoint was saved; None where that cannot be read.
        step: Of its last checkpoint.
        epochs: That it was to have.
        pid: Of the process, where it is running on this machine.
    """

    state: str
    epochs_done: int | None = None
    step: int | None = None
    epochs: int | None = None
    pid: int | None = None

    def in_words(self) -> str:
        """Say how it stands.

        Returns:
            A sentence without an end stop.
        """
        if self.epochs_done is None:
            return SENTENCES[self.state]
        place = f"step {self.step:,}, {self.epochs_done} of {self.epochs} epochs done"
        return f"{SENTENCES[self.state]} (its last checkpoint: {place})"

    def advice(self, run: str | Path = "RUN") -> str:
        """Say what to do.

        Args:
            run: As the command that is named should call it.

        Returns:
            A clause without an end stop.
        """
        if self.state == "running":
            return "its weights still change"
        return f"`saywhere train --resume {run}` goes on"


def status_of(folder: Path) -> RunStatus | None:
    """Look how the training of some weights stands.

    Args:
        folder: A run directory, a folder of its checkpoints, or a model's folder.

    Returns:
        None for a finished run, and where no run.json tells: of a model, and of a damaged file.
    """
    run = _run_of(folder)
    try:
        facts = run.facts()
    except SaywhereError:
        # Damaged, or of a later version: whoever reads the weights refuses what must be refused.
        return None
    state = facts.get("status")
    if state not in ("running", "interrupted", "failed"):
        return None
    # The folder may come from a stranger: what is no record tells nothing.
    record: Any = facts.get("process")
    process = record if isinstance(record, dict) else {}
    pid = None
    if state == "running":
        lives = is_alive(process)
        state = {True: "running", False: "killed", None: "unclear"}[lives]
        pid = process["pid"] if lives else None
    return RunStatus(state, *_place(run), pid)


def refuse_running(folder: Path) -> None:
    """Refuse to go on with a training that another process of this machine is busy with.

    Two would write the same checkpoints, and neither would notice.

    Args:
        folder: A run directory.

    Raises:
        UsageError: That process lives.
    """
    status = status_of(folder)
    # This process itself: what began here and is called again here has ended.
    if status is None or status.pid in (None, os.getpid()):
        return
    raise UsageError(
        f"process {status.pid} is busy with this training",
        where=folder,
        allowed="one process writes a run",
        remedy=f"wait until it ends, or end it (kill -INT {status.pid}) and resume then",
    )


def _run_of(folder: Path) -> Run:
    """Of a checkpoint's own folder, RUN/checkpoints/best, the run."""
    is_checkpoint = folder.parent.name == "checkpoints"
    return Run(folder.parent.parent if is_checkpoint else folder)


def _place(run: Run) -> tuple[int | None, int | None, int | None]:
    """Epoch, step and number of epochs, as the last checkpoint's state.json has them."""
    path = run.last / "state.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        n_epochs: int = parse_stored(document["config"], where=path).train.epochs
        return (
            len(document["state"]["history"]),
            int(document["state"]["step"]),
            n_epochs,
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError, SaywhereError):
        return None, None, None
