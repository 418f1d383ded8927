"""When a training fails: it says so in run.json, and a full memory is told as what it is."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch

from saywhere.config import Config
from saywhere.errors import OutOfMemory, SaywhereError, UsageError
from saywhere.runs import directory as run

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
def recording(here: run.Run, *, is_new: bool = False) -> Iterator[None]:
    """Write status "failed" into run.json, and let the error pass. A new run that a wrong configuration ends before its first checkpoint leaves nothing."""
    try:
        yield
    except Exception as error:
        if is_new and isinstance(error, UsageError) and not any(here.folder.rglob("*.safetensors")):
            shutil.rmtree(here.folder, ignore_errors=True)
            raise
        with suppress(SaywhereError):  # the disk may be what failed
            here.write_facts(status="failed", finished=run.now())
        raise


@contextmanager
def reporting_memory(config: Config) -> Iterator[None]:
    """Raise OutOfMemory with a smaller suggestion, in place of what a full memory raises."""
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        if not _is_full_memory(error):
            raise
        batch_size = config.train.batch_size
        raise OutOfMemory(
            f"no memory left at train.batch_size {batch_size}, data.size {config.data.size}",
            allowed="the last checkpoint is valid",
            remedy=f"--set train.batch_size={max(1, batch_size // 2)}, a smaller data.size or network.width",
        ) from error


def _is_full_memory(error: BaseException) -> bool:
    if (
        isinstance(error, (MemoryError, torch.OutOfMemoryError))
        or getattr(error, "errno", None) == errno.ENOMEM
    ):
        return True
    return any(sign in str(error) for sign in NO_MEMORY)
