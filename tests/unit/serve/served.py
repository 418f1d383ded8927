"""`saywhere serve` as a process of its own, and in a thread of this one.

The thread does not wait for torch.
"""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn

from saywhere.serve import run
from saywhere.serve.queue import SegmentQueue


@contextmanager
def serving(
    *words: Any, folder: Path, first: str = ""
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its address; killed in the end, if it still runs.

    `first` is a program that it runs before.
    """
    code = f"{first}\nimport runpy; runpy.run_module('saywhere', run_name='__main__')"
    command = [sys.executable, "-c", code, "serve", *map(str, words), "--port", "0"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        told = ""
        while not (found := re.search(r"http://[\d.]+:\d+/", told)):
            line = process.stderr.readline()
            assert line, f"it ended: {told}"
            told += line
        # A line for each request: a full pipe would stop the server.
        stderr = process.stderr
        reader = threading.Thread(target=lambda: [None for _ in stderr], daemon=True)
        reader.start()
        yield process, found.group()
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


@contextmanager
def serving_here(monkeypatch: pytest.MonkeyPatch, start: Callable[[], Any]) -> Iterator[str]:
    """What `start` serves, at an address with any free port, until the context ends.

    `start` calls the command line in this process.
    """
    servers: list[run.Server] = []
    told: queue.Queue[str | BaseException] = queue.Queue()
    listen = run.run_server

    class Noted(run.Server):
        def __init__(self, config: uvicorn.Config, queue: SegmentQueue) -> None:
            super().__init__(config, queue)
            servers.append(self)

    def work(runs: Any, options: dict[str, Any]) -> None:
        try:
            listen(runs, **options | {"port": 0, "say": lambda address, names: told.put(address)})
        except BaseException as error:
            told.put(error)

    threads: list[threading.Thread] = []

    def in_a_thread(runs: Any, **options: Any) -> None:
        threads.append(threading.Thread(target=work, args=(runs, options)))
        threads[-1].start()

    with monkeypatch.context() as patch:
        patch.setattr(run, "run_server", in_a_thread)
        # The service sets both for its whole process.
        patch.setattr(warnings, "showwarning", warnings.showwarning)
        patch.setattr(threading, "excepthook", threading.excepthook)
        patch.setattr(run, "Server", Noted)
        patch.setattr(
            run, "signal", SimpleNamespace(signal=lambda *_: None, SIGTERM=None, SIGINT=None)
        )  # signals are the main thread's
        start()
        answer = told.get(timeout=120)
        if isinstance(answer, BaseException):
            raise answer
        try:
            yield answer
        finally:
            for thread in threads:
                while thread.is_alive():
                    for server in servers:
                        server.should_exit = True
                    thread.join(0.1)
