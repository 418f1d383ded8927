"""Cells run in processes or on Ray, with the same results."""

from __future__ import annotations

import multiprocessing
import operator
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import worker_jobs
from saywhere.errors import MissingExtra, UsageError
from saywhere.experiments import executors
from saywhere.inference import ray_session
from small_run import wait_for
from worker_jobs import dies_at_three, slow, squared, told_to_stop_at_three


@pytest.fixture(autouse=True)
def _workers_find_their_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "PYTHONPATH", str(Path(worker_jobs.__file__).parent)
    )  # Ray's workers know nothing of pytest's path


def results(jobs: list[int], work: Any, on: str) -> dict[int, dict[str, Any]]:
    return dict(executors.run(jobs, work, on=on, side_by_side=2, threads=1))


@pytest.mark.parametrize("on", [executors.LOCAL, ray_session.HERE])
def test_every_job_is_done_once_elsewhere_and_in_this_folder(on: str) -> None:
    if on == ray_session.HERE:
        pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    found = list(executors.run([1, 2, 3, 4, 5], squared, on=on, side_by_side=2, threads=1))
    assert sorted((job, result["square"]) for job, result in found) == [
        (n, n**2) for n in range(1, 6)
    ]
    assert os.getpid() not in {result["process"] for _, result in found}
    assert {result["folder"] for _, result in found} == {str(Path.cwd())}


@pytest.mark.parametrize("on", [executors.LOCAL, ray_session.HERE])
def test_a_process_that_dies_takes_no_other_job_along(on: str) -> None:
    if on == ray_session.HERE:
        pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    found = results([1, 2, 3, 4, 5], dies_at_three, on)
    assert found[3]["status"] == "failed"
    assert found[3]["reason"].startswith("its process died")
    assert [found[n]["square"] for n in (1, 2, 4, 5)] == [1, 4, 16, 25]


def test_a_process_that_is_told_to_stop_is_one_failed_job() -> None:
    found = results([1, 3, 4], told_to_stop_at_three, executors.LOCAL)
    assert found[3] == {"status": "failed", "reason": "its process was told to stop"}
    assert [found[n]["square"] for n in (1, 4)] == [1, 16]


def test_who_leaves_early_waits_for_nothing() -> None:
    """Of eight jobs of two minutes each, two at once: the first interruption ends them all."""
    running = executors.run(list(range(8)), slow, on=executors.LOCAL, side_by_side=2, threads=1)
    started = time.monotonic()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.alarm(6)
    try:
        with pytest.raises(KeyboardInterrupt):
            next(running)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    wait_for(lambda: not multiprocessing.active_children(), patience_s=60)
    assert time.monotonic() - started < 120  # not one of the jobs was waited for


def test_nothing_to_do_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "_pool", operator.truediv)  # would raise
    monkeypatch.setitem(sys.modules, "ray", None)
    assert results([], squared, executors.LOCAL) == results([], squared, ray_session.HERE) == {}


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"pip install 'saywhere\[cluster\]'"):
        results([1], squared, ray_session.HERE)


def test_no_cluster_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    with pytest.raises(UsageError, match=r"no Ray cluster answers at 'auto'.*ray start --head"):
        results([1], squared, "auto")


def test_a_machine_too_busy_for_ray_is_told_how_to_wait_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ray = pytest.importorskip("ray")

    def slow(*_: Any, **__: Any) -> None:
        raise Exception("The current node timed out during startup.")

    monkeypatch.setattr(ray, "init", slow)
    with (
        pytest.raises(UsageError, match=r"timed out.*export RAY_raylet_start_wait_time_s=300"),
        ray_session.session(ray_session.HERE, 1),
    ):
        pass
