"""A process is known again; one that ended is not taken for another one with its number."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from saywhere.runs import process
from saywhere.runs.process import ProcessRecord, is_alive, this_process


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """Another process, which waits until it is ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as waiting:
        yield waiting
        waiting.kill()


def record_of(pid: int) -> ProcessRecord:
    return {**this_process(), "pid": pid, "began": process._began(pid) or ""}


def test_this_process_lives() -> None:
    assert this_process()["pid"] == os.getpid()
    assert is_alive(this_process()) is True


def test_a_killed_process_is_gone_before_and_after_its_parent_asks(
    other: subprocess.Popen[bytes],
) -> None:
    record = record_of(other.pid)
    assert is_alive(record) is True
    other.kill()
    # A zombie until the parent asks: waited for without asking.
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    if sys.platform == "linux":
        assert is_alive(record) is False
    other.wait()
    assert is_alive(record) is False


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when a process began")
def test_a_number_that_was_given_again_is_another_process() -> None:
    assert is_alive({**this_process(), "began": "1"}) is False


def test_a_process_of_another_machine_cannot_be_seen() -> None:
    assert is_alive({**this_process(), "machine": "another"}) is None


def test_without_its_start_the_number_alone_is_looked_at(
    other: subprocess.Popen[bytes],
) -> None:
    record: ProcessRecord = {**this_process(), "pid": other.pid, "began": ""}
    assert is_alive(record) is True
    other.kill()
    other.wait()
    assert is_alive(record) is False


@pytest.mark.parametrize("pid", [None, "7", True, -1, 0, 1.5])
def test_a_record_that_is_none_tells_nothing(pid: object) -> None:
    assert is_alive({**this_process(), "pid": pid}) is None
    assert is_alive({}) is None
