"""Runs `saywhere …` in forked children, to be killed: what is heavy is imported once, then a child
costs little.

One order a line on stdin, as JSON; one answer a line on stdout: {"pid": …} at its start, {"code":
…} at its end.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import torch

import saywhere.training.trainer  # noqa: F401 (heavy: shared by all children)
from saywhere.__main__ import main

MIB = 2**20


def serve() -> None:
    torch.set_num_threads(1)
    answer(ready=True)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            os._exit(obey(order))
        answer(pid=child)
        answer(code=os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def answer(**facts: Any) -> None:
    print(json.dumps(facts), flush=True)


def obey(order: dict[str, Any]) -> int:
    """In the child: stdout and stderr to files, limits and sabotage as ordered, then the command
    line as it is.
    """
    for number, name in ((1, order["out"]), (2, order["err"])):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    if order.get("cache"):
        os.environ["SAYWHERE_CACHE"] = order["cache"]
    if order.get("memory_mib"):
        room = _used_bytes() + order["memory_mib"] * MIB
        resource.setrlimit(resource.RLIMIT_AS, (room, room))
    if order.get("file_kib"):
        resource.setrlimit(
            resource.RLIMIT_FSIZE, (order["file_kib"] * 1024, order["file_kib"] * 1024)
        )
    if order.get("stall"):
        _stall(Path(order["stall"]), order["stall_at"])
    sys.argv = ["saywhere", *order["words"]]
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
        return 70
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _used_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _stall(marker: Path, number: int) -> None:
    """Halfway through the given checkpoint's write: leave a marker, and wait to be killed."""
    write_bytes = Path.write_bytes
    seen = [0]

    def slow(path: Path, content: bytes) -> int:
        seen[0] += path.name.startswith(".checkpoint")
        if seen[0] != number or not path.name.startswith(".checkpoint"):
            return write_bytes(path, content)
        write_bytes(path, content[: len(content) // 2])
        marker.touch()
        time.sleep(300)
        raise AssertionError("nobody killed it")

    Path.write_bytes = slow  # type: ignore[assignment, method-assign]


if __name__ == "__main__":
    serve()
