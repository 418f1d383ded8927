"""One process of a training in several: `python -m saywhere.training.worker FOLDER`.

`launcher` starts it with its rank in the environment. It reads FOLDER/job.json, reports events as
JSON lines on stdout, and leaves in FOLDER/RANK.json what became of it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import IO

from saywhere.config import parse
from saywhere.errors import SaywhereError
from saywhere.io import files
from saywhere.training.events import EventRecord
from saywhere.training.job_files import OutcomeRecord

# The shell's convention: 128 + SIGINT.
INTERRUPTED = 130


def main() -> None:
    """Train as the job says; exit 0, 1, or 130 when interrupted."""
    folder = Path(sys.argv[1])
    threading.Thread(target=_end_with_launcher, daemon=True).start()
    # What a library prints must not come between the events.
    events, sys.stdout = sys.stdout, sys.stderr
    outcome, code = _work(folder, events)
    files.write_json(folder / f"{os.environ['RANK']}.json", outcome)
    # Without waiting for connections to processes that may be gone.
    sys.stderr.flush()
    events.flush()
    os._exit(code)


def _work(folder: Path, events: IO[str]) -> tuple[OutcomeRecord, int]:
    from saywhere.training.trainer import train

    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    config = parse(job.pop("config"), where="the job")

    def listen(event: EventRecord) -> None:
        events.write(json.dumps(event) + "\n")
        events.flush()

    try:
        return {"run": str(train(config, listen=listen, **job))}, 0
    except KeyboardInterrupt:
        return {"interrupted": True}, INTERRUPTED
    except SaywhereError as error:
        return {
            "error": type(error).__name__,
            "problem": error.found,
            "where": error.where,
            "allowed": error.allowed,
            "remedy": error.remedy,
        }, 1
    except Exception as error:
        # Whatever it is, the launcher is to know, and to end the others.
        return {"error": "SaywhereError", "problem": f"{type(error).__name__}: {error}"}, 1


def _end_with_launcher() -> None:
    """The launcher holds the other end of stdin: it closes when that process ends."""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
