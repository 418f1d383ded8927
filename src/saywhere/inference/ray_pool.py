"""Ray's workers: chunks of jobs stream through a pool of them, with a model in each.

Ray Data hands a worker no more chunks than it can hold, and starts a chunk again whose worker died.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from saywhere import errors
from saywhere.errors import SaywhereError
from saywhere.inference.chunk_worker import ChunkWorker, Done, Recipe
from saywhere.inference.chunks import Chunk
from saywhere.inference.predictions_file import Failure

IN_FLIGHT = 2
"""Chunks of one worker: the one that it works on, and the next."""
RETRIES = 2
"""Of a chunk whose worker died."""


def reports(
    ray: Any, chunks: Sequence[Chunk], recipe: Recipe, on: str, workers: int
) -> Iterator[Done]:
    """Do chunks on Ray's workers.

    Args:
        ray: The module, of a session.
        chunks: What is to be done.
        recipe: What every worker is told.
        on: The address of the session.
        workers: At most so many; 0: one for each GPU, or for each core.

    Yields:
        What came of each chunk, as they end. A chunk whose workers died is missing.

    Raises:
        SaywhereError: What a worker could not go on after.
    """
    texts = [chunk.to_text() for chunk in chunks]
    # Ray Data plans where it is called. Over Ray's client that is far from the workers, so there
    # the call itself goes to the cluster.
    streamed = _streamed(texts, recipe, workers)
    if on.startswith("ray://"):
        streamed = _from_afar(ray, texts, recipe, workers)
    for text in streamed:
        report = json.loads(text)
        if "error" in report:
            kind, message = report["error"]
            raise getattr(errors, kind, SaywhereError)(message)
        failures = [Failure(**failure) for failure in report.pop("failures")]
        yield Done(**report, failures=failures)


def _streamed(texts: Sequence[str], recipe: Recipe, workers: int) -> Iterator[str]:
    import pyarrow
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    context = DataContext.get_current()
    context.enable_progress_bars = False
    # A chunk that nobody could do is no reason to stop: its jobs are tried one by one.
    context.max_errored_blocks = -1
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    n_gpus = int(ray.cluster_resources().get("GPU", 0))
    n_cpus = int(ray.cluster_resources().get("CPU", 1))
    most = min(workers or n_gpus or max(1, n_cpus // recipe.threads), len(texts))
    reports = ray.data.from_arrow([pyarrow.table({"chunk": [text]}) for text in texts]).map_batches(
        Actor,
        fn_constructor_args=(recipe,),
        batch_size=1,
        compute=ActorPoolStrategy(
            min_size=1, max_size=most, max_tasks_in_flight_per_actor=IN_FLIGHT
        ),
        # Less than its threads: workers that hold all cores leave none for Ray's own tasks, and
        # nothing moves.
        num_cpus=0.5 if n_gpus else max(0.5, recipe.threads - 0.5),
        num_gpus=1 if n_gpus else 0,
        # Ray restarts workers without end, and would retry a chunk without end, too.
        ray_remote_args_fn=lambda: {"max_task_retries": RETRIES},
    )
    for row in reports.iter_rows():
        yield str(row["report"])


def _from_afar(ray: Any, texts: Sequence[str], recipe: Recipe, workers: int) -> Iterator[str]:
    caller = ray.remote(num_cpus=0)(_Caller).remote(texts, recipe, workers)
    while (report := ray.get(caller.next.remote())) is not None:
        yield report


class _Caller:
    """`_streamed`, on the cluster."""

    def __init__(self, texts: Sequence[str], recipe: Recipe, workers: int) -> None:
        self._reports = _streamed(texts, recipe, workers)

    def next(self) -> str | None:
        return next(self._reports, None)


class Actor:
    """What Ray Data calls on a worker."""

    def __init__(self, recipe: Recipe) -> None:
        """Remember what is wanted.

        Args:
            recipe: The same for every worker.
        """
        self._recipe = recipe
        # Loaded with the first chunk: what goes wrong then comes back as a report.
        self._worker: ChunkWorker | None = None

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[str]]:
        """Do chunks.

        Args:
            batch: {"chunk": chunks as JSON}.

        Returns:
            {"report": what came of each, as JSON}.
        """
        return {"report": [self._report(str(text)) for text in batch["chunk"]]}

    def _report(self, text: str) -> str:
        try:
            if self._worker is None:
                import torch

                torch.set_num_threads(self._recipe.threads)
                # A configuration's paths, and a manifest's, are relative to where the call was
                # made.
                if Path(self._recipe.folder).is_dir():
                    os.chdir(self._recipe.folder)
                self._worker = ChunkWorker(self._recipe)
            done = self._worker.do(Chunk.from_text(text))
        except SaywhereError as error:
            return json.dumps({"error": [type(error).__name__, str(error)]})
        return json.dumps(asdict(done))
