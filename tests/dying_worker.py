"""A worker of Ray that is killed once; a module of its own, since Ray's processes import it."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from saywhere.inference.chunk_worker import ChunkWorker
from saywhere.inference.ray_pool import Actor

MARKER = "SAYWHERE_TEST_MARKER"
"""Variable: the file that the killed worker leaves, with its process's number."""


class DyingActor(Actor):
    """The first of all workers dies once its files are written, before it records them."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        record = ChunkWorker.record

        def dying(worker: ChunkWorker, part: tuple[str, bytes]) -> None:
            if part[0].endswith("-done.jsonl") and _is_first():
                os.kill(os.getpid(), signal.SIGKILL)
            record(worker, part)

        ChunkWorker.record = dying  # type: ignore[method-assign]


def _is_first() -> bool:
    try:
        with Path(os.environ[MARKER]).open("x") as file:
            file.write(str(os.getpid()))
    except FileExistsError:
        return False
    return True
