"""`train.devices = N` on one machine: N processes of one training, and what becomes of them.

This process computes nothing. It starts the others, passes on what the first one reports, and
where one dies it ends the rest and says why.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lightning_fabric.plugins.environments.lightning import find_free_network_port

from saywhere import errors
from saywhere.config import Config
from saywhere.errors import ProcessLost, SaywhereError
from saywhere.io import files
from saywhere.runs.directory import Run
from saywhere.runs.run_facts import now
from saywhere.training.events import EventRecord, Listener
from saywhere.training.interrupts import until_interrupted
from saywhere.training.job_files import JobRecord, OutcomeRecord
from saywhere.training.torch_warnings import silence_if_launched

WORKER = "saywhere.training.worker"
GRACE_S = 8.0
"""How long the others may take to end by themselves, once one of them has died."""
STOP_S = 30.0
"""How long they may go on without a sign of life, after Ctrl-C or the first one's good end;
torchrun waits as long."""
POLL_S = 0.1


@dataclass(frozen=True)
class Job:
    """What `trainer.train` was called with.

    Attributes:
        config: what to train; `devices` says in how many processes.
        out: as for `trainer.train`, as the fields below.
        name: of the default directory.
        resume: go on where the run stands.
        start: whose weights are the first ones.
        other_threads: may a resumed run have other threads?
        pause_after: the epoch after which it pauses.
    """

    config: Config
    out: Path | None
    name: str
    resume: bool
    start: Path | None
    other_threads: bool
    pause_after: int | None = None

    def to_json(self) -> JobRecord:
        """Make what `worker` reads.

        Returns:
            The call as plain values.
        """
        return {
            # The keys that were named alone: a resumption asks which these are.
            "config": self.config.model_dump(mode="json", exclude_unset=True),
            "out": None if self.out is None else str(self.out),
            "name": self.name,
            "resume": self.resume,
            "start": None if self.start is None else str(self.start),
            "other_threads": self.other_threads,
            "pause_after": self.pause_after,
        }


def launch_processes(job: Job, listen: Listener) -> Path:
    """Train in `train.devices` processes of this machine.

    Args:
        job: the training.
        listen: given each event of the first process.

    Returns:
        The run directory.

    Raises:
        SaywhereError: what ended one of them; ProcessLost where it left no word, or did not end
            after Ctrl-C.
        KeyboardInterrupt: after Ctrl-C; what was learned is saved.
    """
    stop = threading.Event()
    with tempfile.TemporaryDirectory(prefix="saywhere-processes-") as place:
        group = _Group(job, Path(place))
        try:
            with until_interrupted(stop):
                group.watch(listen, stop)
            return group.outcome(stop)
        finally:
            # Whatever happened here, none of them outlives this call.
            group.kill()


class _Group:
    """The processes of one training."""

    def __init__(self, job: Job, place: Path) -> None:
        self.n = job.config.train.devices
        self.place = place
        self.run: Path | None = None
        self.first_dead: int | None = None
        self.first_lost: int | None = None
        self.last_sign = time.monotonic()
        self.overdue: list[int] = []
        self.events: queue.Queue[EventRecord] = queue.Queue()
        files.write_json(place / "job.json", job.to_json())
        port = find_free_network_port()
        self.processes = [self._begin(rank, port) for rank in range(self.n)]
        reader = threading.Thread(target=self._read, args=(self.processes[0].stdout,), daemon=True)
        reader.start()

    def _begin(self, rank: int, port: int) -> subprocess.Popen[str]:
        place = {
            "RANK": rank,
            "WORLD_SIZE": self.n,
            "LOCAL_RANK": rank,
            "LOCAL_WORLD_SIZE": self.n,
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": port,
        }
        environment = os.environ | {name: str(value) for name, value in place.items()}
        # The package may have been found by other means than an installation.
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        silence_if_launched(environment)
        if sys.platform == "linux":
            # Else gloo asks the network for this machine's own name.
            environment.setdefault("GLOO_SOCKET_IFNAME", "lo")
        return subprocess.Popen(
            [sys.executable, "-m", WORKER, str(self.place)],
            env=environment,
            # Closed when this process ends, however it ends: then they end as well.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            # Ctrl-C reaches this process alone, which tells them once.
            start_new_session=True,
        )

    def _read(self, lines: IO[str] | None) -> None:
        for line in lines or ():
            with suppress(ValueError):
                self.events.put(json.loads(line))

    def watch(self, listen: Listener, stop: threading.Event) -> None:
        """Until all have ended: by themselves, or because one of them died."""
        is_ending = False
        died_at = lost_at = 0.0
        while any(process.poll() is None for process in self.processes):
            self._pass_on(listen)
            is_finished = self.processes[0].poll() == 0
            if not is_ending and (stop.is_set() or is_finished):
                is_ending = True
                self.last_sign = time.monotonic()
                if not is_finished:
                    self._signal(signal.SIGINT)
            elif is_ending and time.monotonic() - self.last_sign > STOP_S:
                self._end_overdue()
            if self.first_dead is None:
                self.first_dead = self._dead()
                died_at = time.monotonic()
            elif time.monotonic() - died_at > GRACE_S:
                self.kill()
            # One that says that it lost another one is no cause, but the cause may never show.
            if self.first_lost is None:
                self.first_lost = self._lost()
                lost_at = time.monotonic()
            elif time.monotonic() - lost_at > STOP_S:
                self.first_dead = self.first_lost if self.first_dead is None else self.first_dead
                self.kill()
            time.sleep(POLL_S)
        if self.first_dead is None:
            self.first_dead = self._dead()
        self._pass_on(listen)

    def _pass_on(self, listen: Listener) -> None:
        with suppress(queue.Empty):
            while True:
                event = self.events.get_nowait()
                self.last_sign = time.monotonic()
                if event["event"] == "start":
                    self.run = Path(event["run"])
                listen(event)

    def _dead(self) -> int | None:
        """The process that is the cause: of several, one without a word before one with a word.

        A process that lost another one says so: it is never the cause.
        """
        causes = [rank for rank in self._ended() if not self._says_lost(rank)]
        return causes[0] if causes else None

    def _lost(self) -> int | None:
        """A process that ended since it lost another one."""
        return next(filter(self._says_lost, self._ended()), None)

    def _ended(self) -> list[int]:
        return [rank for rank in range(self.n) if self.processes[rank].poll() not in (None, 0)]

    def _says_lost(self, rank: int) -> bool:
        return self._said(rank).get("error") == ProcessLost.__name__

    def _said(self, rank: int) -> OutcomeRecord:
        with suppress(OSError, ValueError):
            text = (self.place / f"{rank}.json").read_text(encoding="utf-8")
            outcome: OutcomeRecord = json.loads(text)
            return outcome
        return {}

    def _signal(self, number: int) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(number)

    def _end_overdue(self) -> None:
        """One that waits for another one inside of torch hears no signal but this one."""
        self.overdue = [rank for rank in range(self.n) if self.processes[rank].poll() is None]
        self.kill()

    def kill(self) -> None:
        """End those that are left."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()

    def outcome(self, stop: threading.Event) -> Path:
        """The run directory, or what ended the training."""
        failed = [rank for rank in range(self.n) if self.processes[rank].returncode != 0]
        # The first one has written all there is: another one that only did not end changes nothing.
        if 0 not in failed and set(failed) <= set(self.overdue):
            return Path(self._said(0)["run"])
        if self.overdue and not self._said(0).get("interrupted"):
            lost = self._overdue_error()
            self._record(lost)
            raise lost
        if any(self._said(rank).get("interrupted") for rank in range(self.n)) or stop.is_set():
            raise KeyboardInterrupt
        error = self._error(self.first_dead if self.first_dead is not None else 0)
        self._record(error)
        raise error

    def _error(self, rank: int) -> SaywhereError:
        outcome = self._said(rank)
        if kind := outcome.get("error"):
            return _rebuilt(kind, outcome)
        code = self.processes[rank].returncode
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        return ProcessLost(
            f"process {rank} of {self.n} (numbered from 0) {how}, and the others ended with it",
            allowed="the last checkpoint is valid",
            remedy="signal 9 is often a full memory: try a smaller train.batch_size; "
            "then go on with --resume",
        )

    def _overdue_error(self) -> ProcessLost:
        return ProcessLost(
            f"process {self.overdue[0]} of {self.n} (numbered from 0) gave no sign of life for "
            f"{STOP_S:g} s after the interruption, and was ended",
            allowed="the last checkpoint is valid; what came after it is not saved",
            remedy="go on with --resume",
        )

    def _record(self, error: SaywhereError) -> None:
        """Where the first process could not: run.json still says that it runs."""
        if self.run is None or not self.run.is_dir():
            return
        run = Run(self.run)
        with suppress(SaywhereError):
            run.write_facts(status="failed", finished=now(), cause=str(error))


def _rebuilt(kind: str, outcome: OutcomeRecord) -> SaywhereError:
    """A process's error, as if it had been raised here."""
    known = getattr(errors, kind, None)
    is_ours = isinstance(known, type) and issubclass(known, SaywhereError)
    made: type[SaywhereError] = known if is_ours and known else SaywhereError
    return made(
        outcome["problem"],
        where=outcome.get("where"),
        allowed=outcome.get("allowed"),
        remedy=outcome.get("remedy"),
    )
