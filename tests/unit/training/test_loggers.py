"""TensorBoard's files and MLflow's store hold what metrics.jsonl holds."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from saywhere.config import Config
from saywhere.errors import MissingExtra
from saywhere.runs.directory import Run
from saywhere.training import loggers
from saywhere.training.loggers import logging_to
from saywhere.training.trainer import train
from small_run import rows_of

pytest.importorskip("tensorboardX", reason="the extra saywhere[tensorboard] is not installed")
mlflow = pytest.importorskip("mlflow", reason="the extra saywhere[mlflow] is not installed")

Scalars = dict[tuple[str, int], float]
ROW = {"epoch": 1, "loss": 1.5, "learning_rate": 0.001, "val_dice_mean": 0.25, "spread": None}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """MLflow's client of a store in a folder."""
    uri = (tmp_path / "mlruns").as_uri()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    # MLflow prefers a data base to files, and says so; the client alone has none.
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return mlflow.MlflowClient(tracking_uri=uri)


def scalars_of(folder: Path) -> Scalars:
    """What TensorBoard would show: of the event files in order, each purge obeyed."""
    from tensorboardX.proto.event_pb2 import Event

    found: Scalars = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        content = path.read_bytes()
        while content:
            # A record: length, its checksum, that many bytes, their checksum.
            (length,) = struct.unpack("<Q", content[:8])
            event = Event.FromString(content[12 : 12 + length])
            content = content[16 + length :]
            if event.session_log.status == event.session_log.START:
                found = {key: value for key, value in found.items() if key[1] < event.step}
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    found[value.tag, event.step] = value.simple_value
    return found


def metrics_of(client: Any, run: Path) -> Scalars:
    number = json.loads((run / "run.json").read_text())["mlflow_run"]
    logged = client.get_run(number).data.metrics
    return {
        (name, metric.step): metric.value
        for name in logged
        for metric in client.get_metric_history(number, name)
    }


def expected(run: Path) -> Scalars:
    return {
        (name, row["epoch"]): value
        for row in rows_of(run / "metrics.jsonl")
        for name, value in row.items()
        if name != "epoch" and value is not None
    }


def test_both_hold_the_rows_of_metrics_jsonl(config: Config, tmp_path: Path, store: Any) -> None:
    both = config.replace(
        **{"train.loggers": ["tensorboard", "mlflow"], "train.steps_per_epoch": 1}
    )
    run = train(both, tmp_path / "run")
    assert len(rows_of(run / "metrics.jsonl")) == 2
    assert scalars_of(run / "tensorboard") == pytest.approx(expected(run))
    assert metrics_of(store, run) == pytest.approx(expected(run))
    logged = store.get_run(json.loads((run / "run.json").read_text())["mlflow_run"])
    assert logged.info.status == "FINISHED"
    assert logged.data.params["network.width"] == str(both.network.width)
    assert logged.info.run_name == "run"


def begun(folder: Path, rows: list[dict[str, Any]]) -> Run:
    """A run that was killed after so many rows."""
    run = Run(folder)
    run.folder.mkdir(exist_ok=True)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "metrics.jsonl").write_text(lines, encoding="utf-8")
    return run


@pytest.mark.usefixtures("store")
def test_a_row_that_a_kill_kept_from_them_comes_with_the_resumption(
    tmp_path: Path, store: Any
) -> None:
    config = Config()
    second = {**ROW, "epoch": 2, "loss": 1.25}
    names = ["tensorboard", "mlflow"]
    with logging_to(names, config, begun(tmp_path / "run", []), lambda event: None) as listen:
        listen({"event": "epoch", **ROW})  # type: ignore[typeddict-item]
    # The second row was saved, and the process killed before it was logged.
    run = begun(tmp_path / "run", [ROW, second])
    with logging_to(names, config, run, lambda event: None) as listen:
        listen({"event": "epoch", **ROW, "epoch": 3})  # type: ignore[typeddict-item]
    begun(tmp_path / "run", [ROW, second, {**ROW, "epoch": 3}])
    assert scalars_of(run.folder / "tensorboard") == pytest.approx(expected(run.folder))
    assert metrics_of(store, run.folder) == pytest.approx(expected(run.folder))


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt, "KILLED"), (ValueError, "FAILED")]
)
def test_mlflow_is_told_how_it_ended(
    tmp_path: Path, store: Any, error: type[BaseException], status: str
) -> None:
    run = begun(tmp_path / "run", [])
    with pytest.raises(error), logging_to(["mlflow"], Config(), run, lambda event: None):
        raise error
    assert store.get_run(run.facts()["mlflow_run"]).info.status == status


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_a_logger_that_is_not_installed_is_refused_at_once(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(loggers.PACKAGES, name, "saywhere_no_such_package")
    with pytest.raises(MissingExtra, match=rf"pip install 'saywhere\[{name}\]'"):
        train(config.replace(**{"train.loggers": [name]}), tmp_path / "run")
    assert not (tmp_path / "run").exists()
