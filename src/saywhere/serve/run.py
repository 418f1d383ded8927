"""Listen until asked to stop; what is in work is finished first."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn

from saywhere.errors import UsageError
from saywhere.io import decoding_pool
from saywhere.io.dicomweb import Archives, is_loopback
from saywhere.serve import json_log
from saywhere.serve.app import LOOPBACK, build_app
from saywhere.serve.connections import Patience, protocol
from saywhere.serve.models import open_models
from saywhere.serve.queue import SegmentQueue
from saywhere.serve.store import Store
from saywhere.serve.task_images import TaskImages
from saywhere.serve.users import Users

# So that a stop takes 10 seconds at most, all told.
STOP_S = 8
DECODE_S = 4.0
"""Files that are decoded at the stop have so long; then their children are ended (503)."""
END_S = 1.0
"""For threads, when all answers are sent."""


def run_server(
    runs: Sequence[Path],
    *,
    host: str,
    port: int,
    store: Path,
    token: str | None,
    places: int,
    say: Callable[[str, list[str]], None],
    public_name: str | None = None,
    archives: Sequence[str] = (),
    device: str = "auto",
    task_images: TaskImages | None = None,
    patience: Patience | None = None,
    users: Users | None = None,
) -> None:
    """Load the models, open the store, and serve until SIGTERM or Ctrl-C.

    Args:
        runs: run directories or models' names; none: every model on this machine.
        host: the address to listen on.
        port: 0: any that is free.
        store: the folder of what is kept.
        token: needed for every call under /v1; None: no token.
        places: requests in work or waiting at once.
        say: called with the address and the models' names once requests are taken.
        public_name: the name of a proxy in front of the service.
        archives: hosts that images may be fetched from by reference, HOST or HOST:PORT.
        device: where the models run: auto, cpu, cuda, cuda:1 or mps.
        task_images: where the images of Label Studio's tasks may come from; None: the service is no
            ML backend of it.
        patience: with connections; None: as by default.
        users: who may call, in the place of `token`.

    Raises:
        UsageError: the port is in use, the device is not here, or two runs have one name.
        MissingFile: a run is not there.
        BadCheckpoint: weights are damaged.
        NotWritable: nothing can be kept in the store's folder.
    """
    # Resolved once, now: a name that moves later leads nowhere.
    listed = Archives.of(archives)
    listening = listen(host, port)
    models = open_models(runs, device)
    # So that no first picture waits for it.
    decoding_pool.shared().warm()
    named = (public_name,) if public_name else ()
    # Off loopback a token guards, and the machine's names are not ours to know.
    hosts = (*LOOPBACK, host, *named) if is_loopback(host) else ("*",)
    app = build_app(
        models,
        Store(store),
        token=token,
        hosts=hosts,
        places=places,
        archives=listed,
        task_images=task_images,
        users=users,
    )
    json_log.install()
    # No limit_concurrency: its 503 is neither in the one form nor has it Retry-After. The protocol
    # bounds connections; Auth, BodyLimit and the queue bound who is read, how many bytes are held,
    # and how many requests and pixels are worked on.
    limits: dict[str, Any] = {"timeout_graceful_shutdown": STOP_S, "timeout_keep_alive": 15}
    config = uvicorn.Config(
        # RequestLog writes the lines: uvicorn's would hold addresses as they were typed.
        app,
        http=protocol(patience or usual_patience()),
        ws="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        **limits,
    )
    # uvicorn stops at the first signal, and raises it anew when all is done: then there is nothing
    # left to end.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    address = f"[{host}]" if ":" in host else host
    say(f"http://{address}:{listening.getsockname()[1]}/", [model.name for model in models])
    Server(config, app.state.queue).run(sockets=[listening])
    # No child outlives the service; who serves anew in this process gets new ones.
    decoding_pool.shared().stop()
    decoding_pool.shared.cache_clear()
    if threading.current_thread() is threading.main_thread():
        _end_threads()


class Server(uvicorn.Server):
    """uvicorn's server; a decoder that takes long does not hold up its end."""

    def __init__(self, config: uvicorn.Config, queue: SegmentQueue) -> None:
        """Listen to nothing yet.

        Args:
            config: of uvicorn.
            queue: takes no more requests from the stop on.
        """
        super().__init__(config)
        self.queue = queue

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what is in work, as far as there is time.

        Args:
            sockets: that it listens on.
        """
        self.queue.refuse()
        asyncio.get_running_loop().call_later(DECODE_S, decoding_pool.shared().stop)
        await super().shutdown(sockets)


def _end_threads() -> None:
    """End the process though a thread waits for an archive, which may take minutes.

    What such a thread writes is safe: nothing was confirmed, and files are written as a whole.
    """
    waiting = [
        thread
        for thread in threading.enumerate()
        if thread is not threading.main_thread() and not thread.daemon
    ]
    for thread in waiting:
        thread.join(END_S / len(waiting))
    if any(thread.is_alive() for thread in waiting):
        sys.stderr.flush()
        os._exit(0)


def usual_patience() -> Patience:
    """Allow fewer connections where the system lets a process open few files.

    Returns:
        The limits by default, or these with fewer connections.
    """
    usual = Patience()
    try:
        import resource
    except ImportError:  # Windows
        return usual
    n_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return replace(usual, most=max(8, min(usual.most, n_files // 2)))


def listen(host: str, port: int) -> socket.socket:
    """Take a port. Before anything is loaded: one in use is known at once.

    Args:
        host: the address to listen on.
        port: 0: any that is free.

    Returns:
        A socket that listens.

    Raises:
        UsageError: the port is in use, or the address is not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        listening = socket.socket(family, kind, protocol)
        # A port that another server has just left can be taken at once.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        reason = (error.strerror or "refused").lower()
        raise UsageError(
            f"cannot listen on {host}:{port} ({reason})",
            remedy="another server may be there: choose another --port, or 0 for any",
        ) from None
    return listening
