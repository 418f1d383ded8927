"""Seconds of each phase: nothing twice, nothing of other threads' phases."""

from __future__ import annotations

import threading
import time

import pytest
import torch

from saywhere import phases
from saywhere.bench.clock import Clock, watching
from saywhere.fusion.projection import Projection


@phases.phase("decode")
def decode(seconds: float) -> float:
    """Marked, as functions of the package are."""
    time.sleep(seconds)
    return seconds


def test_a_phase_inside_of_another_one_counts_for_itself_alone() -> None:
    clock = Clock()
    with phases.timed_by(clock.phase), clock.phase("step"):
        time.sleep(0.02)
        assert decode(0.05) == 0.05
        with clock.phase("step"):  # the same name inside
            time.sleep(0.01)
    assert clock.seconds["decode"] >= 0.05
    assert clock.seconds["step"] >= 0.03
    assert not clock.is_open


def test_phases_of_several_threads_add_up() -> None:
    clock = Clock()
    with phases.timed_by(clock.phase):
        threads = [threading.Thread(target=decode, args=(0.05,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert clock.seconds["decode"] >= 0.15


def test_nothing_is_timed_where_nobody_listens() -> None:
    clock = Clock()
    with phases.timed_by(clock.phase):
        pass
    decode(0.0)
    assert not clock.seconds


def test_a_phase_that_fails_is_closed() -> None:
    clock = Clock()
    with pytest.raises(ZeroDivisionError), clock.phase("step"):
        raise ZeroDivisionError
    assert not clock.is_open


def test_torch_reports_forward_text_and_optimizer_and_the_hooks_go_again() -> None:
    clock = Clock()
    layer = torch.nn.Linear(3, 1)
    projection = Projection("linear", 3, (2, 2))
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    with watching(clock):
        layer(torch.ones(2, 3)).sum().backward()
        projection(torch.ones(1, 3))
        optimizer.step()
        with clock.phase("encode"):
            layer(torch.ones(2, 3))  # an encoder is a module as well
    assert set(clock.seconds) == {"forward", "text", "optimizer", "encode"}
    before = dict(clock.seconds)
    layer(torch.ones(2, 3))
    optimizer.step()
    assert clock.seconds == before
