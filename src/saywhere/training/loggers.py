"""TensorBoard and MLflow beside metrics.jsonl: `train.loggers = ["tensorboard", "mlflow"]`.

Each is given the rows of metrics.jsonl and the configuration; nothing of an image or a prompt.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from saywhere.config import Config
from saywhere.errors import MissingExtra
from saywhere.runs.directory import Run
from saywhere.training.events import EventRecord, Listener

PACKAGES = {"tensorboard": "tensorboardX", "mlflow": "mlflow"}
"""Logger → the module that it needs."""


class Logger(Protocol):
    """Where the rows of a training go."""

    def row(self, epoch: int, numbers: Mapping[str, float]) -> None:
        """Take one epoch.

        Args:
            epoch: from 1.
            numbers: key of metrics.jsonl → value.
        """
        ...

    def close(self, status: str) -> None:
        """End.

        Args:
            status: finished, interrupted or failed.
        """
        ...


def check_loggers(names: Sequence[str]) -> None:
    """Refuse a logger whose package is not installed, before the training begins.

    Args:
        names: `train.loggers`.

    Raises:
        MissingExtra: saying what to install.
    """
    for name in names:
        _module(name)


@contextmanager
def logging_to(
    names: Sequence[str], config: Config, run: Run, listen: Listener
) -> Iterator[Listener]:
    """Open the loggers of a training.

    Args:
        names: `train.loggers`.
        config: resolved; its keys are logged.
        run: the run directory; a resumed one has rows already.
        listen: who else hears of the events.

    Yields:
        A listener that passes each event on, and each epoch's row to the loggers.

    Raises:
        MissingExtra: a package is not installed.
    """
    # Of a run that names nobody without the places of its data.
    shown = run.written(config)
    loggers: list[Logger] = [LOGGERS[name](shown, run) for name in names]
    if not loggers:
        yield listen
        return

    def hear(event: EventRecord) -> None:
        listen(event)
        if event["event"] == "epoch":
            for logger in loggers:
                logger.row(event["epoch"], _numbers(event))

    status = "failed"
    try:
        yield hear
        # A training that pauses ends well, and is not finished.
        status = run.facts().get("status", "finished")
    except KeyboardInterrupt:
        status = "interrupted"
        raise
    finally:
        for logger in loggers:
            logger.close(status)


class TensorBoard:
    """Event files in RUN/tensorboard."""

    def __init__(self, config: Config, run: Run) -> None:
        """Open a new event file; of a resumed run it takes the place of the earlier ones.

        Args:
            config: resolved.
            run: the run directory.
        """
        earlier = _earlier_rows(run)
        folder = run.folder / "tensorboard"
        # Rows that a kill kept from the earlier file are in this one, and count alone.
        first = 0 if earlier else None
        self.writer = _module("tensorboard").SummaryWriter(str(folder), purge_step=first)
        self.writer.add_text("config", f"```toml\n{config.to_toml()}\n```", 0)
        for epoch, numbers in earlier:
            self.row(epoch, numbers)

    def row(self, epoch: int, numbers: Mapping[str, float]) -> None:
        """Write one scalar per number, at step `epoch`."""
        for name, value in numbers.items():
            self.writer.add_scalar(name, value, epoch)
        # A training that is watched is under way.
        self.writer.flush()

    def close(self, status: str) -> None:
        """Close the file."""
        self.writer.close()


class MLflow:
    """A run of MLflow's experiment "saywhere"; MLFLOW_TRACKING_URI says where."""

    def __init__(self, config: Config, run: Run) -> None:
        """Begin a run, or go on with the one of the training that is resumed.

        Args:
            config: resolved.
            run: the run directory; run.json keeps MLflow's id.
        """
        self.client = _module("mlflow").MlflowClient()
        self.id = run.facts().get("mlflow_run") or self._begin(config, run)
        self.logged = {metric.step for metric in self.client.get_metric_history(self.id, "loss")}
        # Rows that a kill kept from it.
        for epoch, numbers in _earlier_rows(run):
            self.row(epoch, numbers)

    def _begin(self, config: Config, run: Run) -> str:
        experiment = self.client.get_experiment_by_name("saywhere")
        place = (
            experiment.experiment_id if experiment else self.client.create_experiment("saywhere")
        )
        begun: str = self.client.create_run(place, run_name=run.folder.name).info.run_id
        for table, keys in config.model_dump(mode="json").items():
            for key, value in keys.items():
                # As long as MLflow takes.
                self.client.log_param(begun, f"{table}.{key}", str(value)[:500])
        run.write_facts(mlflow_run=begun)
        return begun

    def row(self, epoch: int, numbers: Mapping[str, float]) -> None:
        """Log one metric per number, at step `epoch`; a row that is there is not logged again."""
        if epoch in self.logged:
            return
        self.logged.add(epoch)
        for name, value in numbers.items():
            self.client.log_metric(self.id, name, value, step=epoch)

    def close(self, status: str) -> None:
        """Say how it ended, in MLflow's words."""
        words = {"finished": "FINISHED", "interrupted": "KILLED"}
        self.client.set_terminated(self.id, words.get(status, "FAILED"))


LOGGERS: dict[str, Callable[[Config, Run], Logger]] = {"tensorboard": TensorBoard, "mlflow": MLflow}
"""A name of `train.loggers` → a function of (configuration, run)."""


def _module(name: str) -> Any:
    try:
        return importlib.import_module(PACKAGES[name])
    except ImportError:
        raise MissingExtra(
            f"train.loggers names {name!r}, and {PACKAGES[name]} is not installed",
            remedy=f"pip install 'saywhere[{name}]', or leave it out of train.loggers",
        ) from None


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of an epoch; its times and its own number are no metrics."""
    others = ("epoch", "event", "phases", "seconds_left")
    return {key: value for key, value in row.items() if key not in others and value is not None}


def _earlier_rows(run: Run) -> list[tuple[int, dict[str, float]]]:
    path: Path = run.folder / "metrics.jsonl"
    if not path.is_file():
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(row["epoch"], _numbers(row)) for row in rows]
