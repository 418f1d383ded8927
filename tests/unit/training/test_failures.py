"""A failed training says so, and a full memory is told as what it is."""

from __future__ import annotations

import errno
import json
import re
from pathlib import Path

import pytest
import torch

from saywhere.errors import NotWritable, OutOfMemory
from saywhere.runs import directory
from saywhere.training import failures


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: "
            "you tried to allocate 40 bytes."
        ),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 40 bytes."),
        RuntimeError("could not create a primitive"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
)
def test_a_full_memory_is_reported_with_a_smaller_suggestion(error: Exception) -> None:
    with pytest.raises(OutOfMemory) as caught, failures.reporting_memory(24, size=96):
        raise error
    assert re.search(
        r"no memory left at train\.batch_size 24, data\.size 96; the last checkpoint is valid: "
        r"--set train\.batch_size=12",
        str(caught.value),
    )


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("shapes do not match"),
        OSError(errno.EIO, "Input/output error"),
        ValueError("x"),
        KeyError("x"),
    ],
)
def test_other_errors_pass_as_they_are(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, failures.reporting_memory(8, size=224):
        raise error
    assert caught.value is error


def test_the_smallest_batch_is_one() -> None:
    with (
        pytest.raises(OutOfMemory) as caught,
        failures.reporting_memory(1, size=224),
    ):
        raise MemoryError
    assert re.search(
        r"train\.batch_size=1, a smaller data\.size or network\.width", str(caught.value)
    )


def test_a_failure_stands_in_run_json(tmp_path: Path) -> None:
    here = directory.create(tmp_path / "run", "")
    here.write_facts(status="running", seed=3)
    with pytest.raises(ZeroDivisionError), failures.recording(here):
        1 / 0  # noqa: B018
    facts = json.loads((here.folder / "run.json").read_text())
    assert (facts["status"], facts["seed"]) == ("failed", 3)
    assert facts["finished"].endswith("Z")


def test_a_disk_that_takes_not_even_that_hides_no_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = directory.create(tmp_path / "run", "")
    monkeypatch.setattr(
        directory.files, "write_json", lambda *_: (_ for _ in ()).throw(NotWritable("full"))
    )
    with pytest.raises(ZeroDivisionError), failures.recording(here):
        1 / 0  # noqa: B018
