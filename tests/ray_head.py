"""A Ray head with a client server on this machine, for tests of `--on ray://HOST`."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

PATIENT = {
    "RAY_raylet_start_wait_time_s": "300",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "300",
    "RAY_health_check_initial_delay_ms": "120000",
    "RAY_health_check_timeout_ms": "120000",
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""Ray's own limits are too short for a machine that does other work as well."""
SECONDS = 300
WORKERS_PORTS = range(10002, 20000)
"""A client server in this range is taken for a worker's by Ray."""


class Head(NamedTuple):
    """Where a head listens.

    Attributes:
        address: HOST:PORT, for `--on auto` (as RAY_ADDRESS) on the same machine.
        client: HOST:PORT, for `--on ray://`.
    """

    address: str
    client: str


@contextmanager
def ray_head(words: list[str], environment: Mapping[str, str]) -> Iterator[Head]:
    """Start a head, and end all of its processes with it.

    Args:
        words: The command as a page shows it: `ray start --head`.
        environment: Of the head and of its workers.
    """
    program = Path(sys.executable).with_name(words[0])
    port, client = _free_port(), _free_port()
    # Not under pytest's folder: the paths of Ray's sockets may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        log = Path(folder) / "head.log"
        limits = ["--num-cpus=2", "--object-store-memory=200000000", "--include-dashboard=false"]
        places = [f"--port={port}", f"--ray-client-server-port={client}", f"--temp-dir={folder}/r"]
        with log.open("wb") as output:
            head = subprocess.Popen(
                [program, *words[1:], "--block", "--node-ip-address=127.0.0.1", *limits, *places],
                env={**os.environ, **PATIENT, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            _wait(head, client, log)
            yield Head(f"127.0.0.1:{port}", f"127.0.0.1:{client}")
        finally:
            # With --block, it ends its processes before itself.
            head.terminate()
            head.wait(SECONDS)


def _free_port() -> int:
    while True:
        port = random.randint(20000, 32000)
        with closing(socket.socket()) as tried:
            if tried.connect_ex(("127.0.0.1", port)):
                return port


def _wait(head: subprocess.Popen[bytes], client: int, log: Path) -> None:
    until = time.monotonic() + SECONDS
    while "Ray runtime started" not in log.read_text(encoding="utf-8", errors="replace"):
        assert head.poll() is None, log.read_text(encoding="utf-8", errors="replace")
        assert time.monotonic() < until, log.read_text(encoding="utf-8", errors="replace")
        time.sleep(0.5)
    while True:
        with closing(socket.socket()) as tried:
            if not tried.connect_ex(("127.0.0.1", client)):
                return
        assert time.monotonic() < until, "the client server does not listen"
        time.sleep(0.5)
