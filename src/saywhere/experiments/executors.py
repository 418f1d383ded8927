"""Who runs a grid's cells: processes of this machine, or Ray on this one or a cluster.

Both give the same results to the one who writes them.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from saywhere.config import Document
from saywhere.inference.ray_session import session

Job = TypeVar("Job")
Outcome = Document
"""What a job gave, as a result file holds it: with a status, and with a reason where it failed."""
DIED = "its process died, with no word of why: out of memory?"
LOCAL = "local"


def run(
    jobs: Sequence[Job], work: Callable[[Job], Outcome], *, on: str, side_by_side: int, threads: int
) -> Iterator[tuple[Job, Outcome]]:
    """Run jobs elsewhere than in this process.

    Args:
        jobs: they must be picklable.
        work: a plain function that never raises.
        on: `local`, `ray` (started here), or the address of a Ray cluster (`auto`,
            `ray://HOST:10001`), whose machines have Saywhere installed and see the data under the
            same paths.
        side_by_side: how many at once on one machine; a cluster takes as many as it has cores for.
        threads: a job's; 0: it is counted as one core.

    Returns:
        Each job with its outcome, as they end. A process that died is a failed outcome.

    Raises:
        MissingExtra: where Ray is not installed.
        UsageError: where no cluster answers.
    """
    if not jobs:
        return iter(())
    if on == LOCAL:
        return _processes(jobs, work, side_by_side)
    return _ray(jobs, work, on, side_by_side, max(1, threads))


def _processes(
    jobs: Sequence[Job], work: Callable[[Job], Outcome], side_by_side: int
) -> Iterator[tuple[Job, Outcome]]:
    """A process that dies takes its pool along.

    The jobs that are left then run one by one, so that each can only take itself.
    """
    left = list(jobs)
    with _pool(side_by_side) as pool:
        futures = {pool.submit(work, job): job for job in jobs}
        for future in as_completed(futures):
            if isinstance(future.exception(), BrokenProcessPool):
                break
            left.remove(futures[future])
            yield futures[future], _outcome(future)
    for job in left:
        with _pool(1) as pool:
            future = pool.submit(work, job)
            outcome = _outcome(future)
        yield job, outcome


def _outcome(future: Future[Outcome]) -> Outcome:
    """What the job gave.

    Work never raises, so anything raised came from outside: a killed process, or one that was
    told to stop.
    """
    error = future.exception()
    if error is None:
        return future.result()
    is_dead = isinstance(error, BrokenProcessPool)
    return {"status": "failed", "reason": DIED if is_dead else "its process was told to stop"}


@contextmanager
def _pool(n: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of n processes.

    Whoever leaves early (Ctrl-C, a full disk, a broken pool) does not wait for what is queued: it
    is dropped, and the processes are told to stop.
    """
    # torch's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(n, mp_context=context, initializer=_follow, initargs=(os.getpid(),))
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():
            child.terminate()
        raise
    pool.shutdown(wait=True, cancel_futures=True)


def _follow(parent: int) -> None:
    """A worker ends with the experiment that started it, however that ended.

    Else it would train on, unseen, beside the next one.
    """

    def watch() -> None:
        # A process whose parent ends is given another one.
        while os.getppid() == parent:
            time.sleep(1)
        # Not sys.exit: that would end this thread alone.
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _ray(
    jobs: Sequence[Job],
    work: Callable[[Job], Outcome],
    address: str,
    side_by_side: int,
    threads: int,
) -> Iterator[tuple[Job, Outcome]]:
    # Ray runs as many tasks at once as it has cores.
    with session(address, side_by_side * threads) as ray:
        # A process that died is a failed cell; Ray would run it again.
        task = ray.remote(num_cpus=threads, max_retries=0)(_at_work)
        waiting = {task.remote(str(Path.cwd()), work, job): job for job in jobs}
        while waiting:
            (done,), _ = ray.wait(list(waiting), num_returns=1)
            try:
                outcome = ray.get(done)
            except ray.exceptions.RayError as error:
                outcome = {"status": "failed", "reason": f"{DIED} ({type(error).__name__})"}
            yield waiting.pop(done), outcome


def _at_work(folder: str, work: Callable[[Job], Outcome], job: Job) -> Outcome:
    """Work in the folder where the experiment was started; Ray wants a plain function.

    A configuration's paths are relative to that folder.
    """
    os.chdir(folder)
    return work(job)
