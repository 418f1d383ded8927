"""Cells run in processes or on Ray, with the same results."""

from __future__ import annotations

import operator
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from saywhere.engine import workers
from saywhere.errors import MissingExtra, UsageError


def squared(number: int) -> dict[str, Any]:
    return {"status": "finished", "square": number**2, "process": os.getpid(), "folder": str(Path.cwd())}


def dies_at_three(number: int) -> dict[str, Any]:
    if number == 3:
        os._exit(9)  # as the kernel kills what takes too much memory
    time.sleep(0.2)
    return squared(number)


def results(jobs: list[int], work: Any, on: str) -> dict[int, dict[str, Any]]:
    return dict(workers.run(jobs, work, on=on, side_by_side=2, threads=1))


@pytest.mark.parametrize("on", [workers.LOCAL, workers.RAY])
def test_every_job_is_done_once_elsewhere_and_in_this_folder(on: str) -> None:
    if on == workers.RAY:
        pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    found = list(workers.run([1, 2, 3, 4, 5], squared, on=on, side_by_side=2, threads=1))
    assert sorted((job, result["square"]) for job, result in found) == [(n, n**2) for n in range(1, 6)]
    assert os.getpid() not in {result["process"] for _, result in found}
    assert {result["folder"] for _, result in found} == {str(Path.cwd())}


@pytest.mark.parametrize("on", [workers.LOCAL, workers.RAY])
def test_a_process_that_dies_takes_no_other_job_along(on: str) -> None:
    if on == workers.RAY:
        pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    found = results([1, 2, 3, 4, 5], dies_at_three, on)
    assert found[3]["status"] == "failed"
    assert found[3]["reason"].startswith("its process died")
    assert [found[n]["square"] for n in (1, 2, 4, 5)] == [1, 4, 16, 25]


def test_nothing_to_do_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_pool", operator.truediv)  # would raise
    monkeypatch.setitem(sys.modules, "ray", None)
    assert results([], squared, workers.LOCAL) == results([], squared, workers.RAY) == {}


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"pip install 'saywhere\[cluster\]'"):
        results([1], squared, workers.RAY)


def test_no_cluster_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    with pytest.raises(UsageError, match=r"no Ray cluster answers at 'auto'.*ray start --head"):
        results([1], squared, "auto")
