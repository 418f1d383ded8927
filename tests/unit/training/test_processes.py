"""One training in two processes: equal to one process, killed and resumed.

Each launch costs two interpreters, so that few launches answer all questions.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, distributed

from saywhere.config import Config, TrainConfig
from saywhere.datasets.synthetic import make_phantoms
from saywhere.errors import ConfigError, ProcessLost
from saywhere.runs.checkpoint import load
from saywhere.training import device, launcher
from saywhere.training.processes import Processes
from saywhere.training.trainer import train

TWO = {"train.devices": 2, "train.batch_size": 2}
ACCUMULATED = {"train.accumulate": 2, "train.batch_size": 2}
CLOSE = 1e-5
FEW = 1e-4
MOST_S = 30
KEPT = ("metrics.jsonl", "checkpoints/last/checkpoint.safetensors")


@pytest.fixture(scope="module")
def few(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Two epochs of two steps. A small rate: of a gradient that is rounding alone, AdamW makes a
    step as long as of any other.
    """
    folder = tmp_path_factory.mktemp("few")
    manifest = make_phantoms(folder, n_train=8, n_val=3, n_test=1, size=32, seed=11)
    changes = {"data.manifest": str(manifest), "train.steps_per_epoch": 2}
    return config.replace(**changes, **{"optimizer.learning_rate": 1e-4, "loss.roi_after": 0.5})


def weights(run: Path) -> dict[str, Tensor]:
    return load(run / "checkpoints/last").model


def share_apart(run: Path, other: Path, *, without: tuple[str, ...] = ()) -> float:
    """The share of weights that differ by more than CLOSE.

    Not all can be close: where a gradient is 0 but for rounding, AdamW's step has its sign.
    """
    ours, theirs = weights(run), weights(other)
    assert ours.keys() == theirs.keys()
    names = [name for name in ours if not name.endswith(without) and name != "scale.reach"]
    apart = [((ours[name].double() - theirs[name]).abs() > CLOSE).sum() for name in names]
    return float(sum(apart)) / sum(ours[name].numel() for name in names)


def losses(run: Path) -> list[float]:
    rows = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(row)["loss"] for row in rows]


def without_norms(config: Config) -> Config:
    return config.replace(
        **{"network.name": "missformer", "network.depth": 0.5, "network.width": 64}
    )


def test_two_processes_are_one_with_the_doubled_batch(few: Config, tmp_path: Path) -> None:
    plain = without_norms(few)
    single = train(plain.replace(**{"train.batch_size": 4}), tmp_path / "single")
    parts = train(plain.replace(**ACCUMULATED), tmp_path / "parts")
    two = train(plain.replace(**TWO), tmp_path / "two")
    for run in (parts, two):
        assert losses(run) == pytest.approx(losses(single), abs=CLOSE)
        assert share_apart(run, single) <= FEW
    facts = json.loads((two / "run.json").read_text())
    assert (facts["status"], facts["threads"]) == ("finished", 1)
    # Validation is gathered: the same rows, in the same order.
    best = [load(run / "checkpoints/best").state["best"] for run in (single, two)]
    assert best[0] == pytest.approx(best[1], abs=1e-3)


def test_killed_and_resumed_it_ends_with_the_same_bytes(
    few: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Batch norms: each process normalises its own half, as one process does batch by batch.
    parts = train(few.replace(**ACCUMULATED), tmp_path / "parts")
    straight = train(few.replace(**TWO), tmp_path / "straight")
    assert losses(straight) == pytest.approx(losses(parts), abs=CLOSE)
    # The statistics are the first process's, which has met the first halves alone.
    counts = ("running_mean", "running_var", "num_batches_tracked")
    assert share_apart(straight, parts, without=counts) <= FEW

    # Long enough that a process is killed before the training has ended.
    long = few.replace(**TWO, **{"train.steps_per_epoch": 10, "train.epochs": 8})
    straight = train(long, tmp_path / "long")
    started: list[subprocess.Popen[str]] = []
    begin = subprocess.Popen

    def remembered(*given: Any, **options: Any) -> Any:
        process = begin(*given, **options)
        # Others are started as well, to ask for the processor's name.
        if "saywhere.training.worker" in given[0]:
            started.append(process)
        return process

    monkeypatch.setattr(launcher.subprocess, "Popen", remembered)
    killed_at: list[float] = []

    def kill(event: dict[str, Any]) -> None:
        if event["event"] == "step" and event["step"] > 10 and not killed_at:
            killed_at.append(time.monotonic())
            os.kill(started[1].pid, signal.SIGKILL)

    with pytest.raises(ProcessLost, match=r"process 1 of 2 .* was killed by signal 9"):
        train(long, tmp_path / "killed", listen=kill)
    assert time.monotonic() - killed_at[0] <= MOST_S
    assert all(process.returncode is not None for process in started)
    facts = json.loads((tmp_path / "killed/run.json").read_text())
    assert facts["status"] == "failed"
    assert "killed by signal 9" in facts["cause"]

    resumed = train(long, tmp_path / "killed", resume=True)
    for name in KEPT:
        assert (resumed / name).read_bytes() == (straight / name).read_bytes(), name
    assert json.loads((resumed / "run.json").read_text())["status"] == "finished"


def test_a_finished_training_is_left_as_it_is_by_a_resumption(few: Config, tmp_path: Path) -> None:
    two = few.replace(**TWO, **{"train.epochs": 1})
    run = train(two, tmp_path / "run")
    before = {name: (run / name).read_bytes() for name in KEPT}
    assert train(two, run, resume=True) == run
    assert {name: (run / name).read_bytes() for name in KEPT} == before
    assert json.loads((run / "run.json").read_text())["status"] == "finished"


STUBBORN = """
import json, os, signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.SIG_IGN)
folder, run, first_ends = sys.argv[1:]
print(json.dumps({"event": "start", "run": run}), flush=True)
if first_ends == "well" and os.environ["RANK"] == "0":
    Path(folder, "0.json").write_text(json.dumps({"run": run}))
elif first_ends == "lost" and os.environ["RANK"] == "0":
    said = {"error": "ProcessLost", "problem": "another process is gone"}
    Path(folder, "0.json").write_text(json.dumps(said))
    sys.exit(1)
else:
    time.sleep(600)
"""


@pytest.fixture
def stubborn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], list[subprocess.Popen[str]]]:
    """Processes that hear no signal, as one that waits inside of torch for another one."""

    def begin(first_ends: str) -> list[subprocess.Popen[str]]:
        started: list[subprocess.Popen[str]] = []
        popen = subprocess.Popen

        def other(command: list[str], **options: Any) -> Any:
            given = [command[-1], str(tmp_path), first_ends]
            started.append(popen([command[0], "-c", STUBBORN, *given], **options))
            return started[-1]

        monkeypatch.setattr(launcher.subprocess, "Popen", other)
        monkeypatch.setattr(launcher, "STOP_S", 0.5)
        return started

    return begin


def test_a_process_that_hears_no_interruption_is_ended(stubborn: Any, tmp_path: Path) -> None:
    started = stubborn("")
    job = launcher.Job(Config().replace(**TWO), tmp_path, "run", False, None, False)
    with pytest.raises(ProcessLost, match=r"process 0 of 2 .* no sign of life for 0\.5 s"):
        launcher.launch_processes(job, lambda event: os.kill(os.getpid(), signal.SIGINT))
    # The second one may have been too young to close its ears.
    assert started[0].returncode == -signal.SIGKILL
    assert started[1].returncode in (-signal.SIGKILL, -signal.SIGINT)
    facts = json.loads((tmp_path / "run.json").read_text())
    assert facts["status"] == "failed"
    assert "go on with --resume" in facts["cause"]


def test_a_process_that_stays_after_a_good_end_is_ended(stubborn: Any, tmp_path: Path) -> None:
    started = stubborn("well")
    job = launcher.Job(Config().replace(**TWO), tmp_path, "run", False, None, False)
    assert launcher.launch_processes(job, lambda event: None) == tmp_path
    assert [process.returncode for process in started] == [0, -signal.SIGKILL]


def test_a_process_that_stays_when_another_lost_it_is_ended(stubborn: Any, tmp_path: Path) -> None:
    started = stubborn("lost")
    job = launcher.Job(Config().replace(**TWO), tmp_path, "run", False, None, False)
    with pytest.raises(ProcessLost, match="another process is gone"):
        launcher.launch_processes(job, lambda event: None)
    assert [process.returncode for process in started] == [1, -signal.SIGKILL]


def test_a_group_that_was_left_is_not_freed() -> None:
    # A thread of gloo may still hold its lock, and wait for Python's.
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    group = weakref.ref(distributed.group.WORLD)
    Processes(n=2).leave()
    gc.collect()
    assert not distributed.is_initialized()
    assert group() is not None


def test_an_error_of_a_process_is_the_error_of_the_call(few: Config, tmp_path: Path) -> None:
    faulty = few.replace(**TWO, **{"text.train_prompts": "tought"})
    with pytest.raises(ConfigError, match="no prompts named 'tought'"):
        train(faulty, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, Processes()),
        # torchrun
        (
            {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"},
            Processes(5, 8, 1, 4, 1),
        ),
        # srun
        (
            {
                "SLURM_STEP_NUM_TASKS": "4",
                "SLURM_STEP_NUM_NODES": "2",
                "SLURM_PROCID": "3",
                "SLURM_LOCALID": "1",
                "SLURM_NODEID": "1",
            },
            Processes(3, 4, 1, 2, 1),
        ),
        # A batch script of Slurm, and a step of one task: alone.
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}, Processes()),
        ({"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"}, Processes()),
    ],
)
def test_the_launcher_is_read_from_the_environment(
    environment: dict[str, str], expected: Processes
) -> None:
    assert Processes.of_environment(environment) == expected


def test_what_is_launched_and_what_is_configured_must_agree() -> None:
    eight = Processes(rank=5, n=8, local_rank=1, n_local=4, node=1)
    settled = eight.settle(Config()).train
    assert (settled.devices, settled.nodes, settled.parts) == (4, 2, 8)
    named = Config().replace(**{"train.devices": 4, "train.nodes": 2})
    assert eight.settle(named).train.parts == 8
    with pytest.raises(ConfigError, match=r"train\.devices is 2, and 4 were launched"):
        eight.settle(Config().replace(**{"train.devices": 2}))
    with pytest.raises(ConfigError, match=r"train\.nodes is 2, and this process was started alone"):
        Processes().settle(Config().replace(**{"train.nodes": 2}))


def test_a_process_takes_its_share_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "n_cores", lambda: 8)
    monkeypatch.setattr(torch, "set_num_threads", lambda n: None)
    shares = [device.limit_threads(TrainConfig(devices=n)) for n in (1, 2, 3, 16)]
    assert shares == [8, 4, 2, 1]


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ConfigError, match=r"train\.devices is 3, and this machine has 2 GPUs"):
        device.check_device(TrainConfig(devices=3))
    device.check_device(TrainConfig(devices=2))
    device.check_device(TrainConfig(devices=3, device="cpu"))


def test_norms_over_all_processes_need_gpus() -> None:
    with pytest.raises(ConfigError, match=r"sync_batch_norm is true, and there are not several"):
        device.check_device(TrainConfig(devices=2, device="cpu", sync_batch_norm=True))
