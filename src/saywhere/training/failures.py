"""When a training fails: run.json says so, and a full memory is reported as what it is."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch

from saywhere.errors import OutOfMemory, ProcessLost, SaywhereError, UsageError
from saywhere.runs.directory import Run
from saywhere.runs.run_facts import now

NO_MEMORY = (
    "can't allocate memory",
    "out of memory",
    "not enough memory",
    "bad_alloc",
    "could not create a memory",
    "could not create a primitive",
)
"""What torch, its allocators and oneDNN say."""


@contextmanager
def recording(run: Run, *, is_new: bool = False) -> Iterator[None]:
    """Write status "failed" into run.json, and let the error pass.

    Args:
        run: the run that is under way.
        is_new: it was made by this call. What a wrong configuration ends before its first
            checkpoint then leaves nothing.

    Yields:
        Nothing; the training goes into the block.
    """
    try:
        yield
    except Exception as error:
        # Weights are never removed, whatever the error.
        has_weights = any(run.folder.rglob("*.safetensors"))
        if is_new and run.is_written and isinstance(error, UsageError) and not has_weights:
            # The wrong configuration is the error to report, not a folder that stays.
            shutil.rmtree(run.folder, ignore_errors=True)
            raise
        # A full or broken disk may be what failed: the first error is the one to report.
        with suppress(SaywhereError):
            run.write_facts(status="failed", finished=now())
        raise


@contextmanager
def reporting_lost(n_processes: int) -> Iterator[None]:
    """Raise ProcessLost in place of what a closed connection raises.

    Args:
        n_processes: of the training; where it is 1, every error passes.

    Yields:
        Nothing; the training goes into the block.

    Raises:
        ProcessLost: another process of the training has died.
    """
    try:
        yield
    except RuntimeError as error:
        if n_processes == 1 or not _is_lost(error):
            raise
        raise ProcessLost(
            f"another one of the {n_processes} processes of this training has ended "
            f"({str(error).splitlines()[0][:200]})",
            allowed="the last checkpoint is valid",
            remedy="see what that process said; then go on with --resume",
        ) from error


def _is_lost(error: RuntimeError) -> bool:
    # gloo has words for it, and no type.
    return isinstance(error, torch.distributed.DistError) or any(
        sign in str(error) for sign in ("gloo", "Connection closed by peer", "Connection reset")
    )


@contextmanager
def reporting_memory(batch_size: int, size: int) -> Iterator[None]:
    """Raise OutOfMemory in place of what a full memory raises.

    Args:
        batch_size: `train.batch_size`.
        size: `data.size`, pixels.

    Yields:
        Nothing; the training goes into the block.

    Raises:
        OutOfMemory: with a smaller suggestion.
    """
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        # torch raises a RuntimeError on a CPU; the system's own error is an OSError.
        if not _is_full_memory(error):
            raise
        raise OutOfMemory(
            f"no memory left at train.batch_size {batch_size}, data.size {size}",
            allowed="the last checkpoint is valid",
            remedy=f"--set train.batch_size={max(1, batch_size // 2)}, a smaller data.size "
            "or network.width",
        ) from error


def _is_full_memory(error: BaseException) -> bool:
    if (
        isinstance(error, (MemoryError, torch.OutOfMemoryError))
        or getattr(error, "errno", None) == errno.ENOMEM
    ):
        return True
    # On a CPU torch has words for it, and no type.
    return any(sign in str(error) for sign in NO_MEMORY)
