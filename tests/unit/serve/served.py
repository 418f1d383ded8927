"""`saywhere serve` as a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def serving(*words: Any, folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its address; killed in the end, if it still runs."""
    command = [sys.executable, "-m", "saywhere", "serve", *map(str, words), "--port", "0"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        told = ""
        while not (found := re.search(r"http://[\d.]+:\d+/", told)):
            line = process.stderr.readline()
            assert line, f"it ended: {told}"
            told += line
        yield process, found.group()
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()
