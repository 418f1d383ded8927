"""The service's log: each line is JSON, whoever writes it, and holds nothing of what was sent."""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any

OURS = "saywhere"
LINES = "saywhere.serve"
"""The logger whose messages are JSON already."""


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON.

    Of another library's record it takes the message without its values, which may hold a prompt, an
    address or a patient's name; of an error its type and place.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Write one record.

        Args:
            record: of any logger.

        Returns:
            A line of JSON, without its end.
        """
        if record.name == LINES:
            return record.getMessage()
        is_ours = record.name.split(".")[0] == OURS
        line = {
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": (record.getMessage() if is_ours else str(record.msg)).strip(),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line |= fault(record.exc_info[1])
        return json.dumps(line)


def fault(error: BaseException) -> dict[str, str]:
    """Describe an error by type and place only: its text may hold a prompt or a path.

    Args:
        error: that was caught.

    Returns:
        `error` and `at`.
    """
    return {"error": type(error).__name__, "at": _place(error.__traceback__)}


def install() -> None:
    """Let all loggers, warnings and threads of this process write such lines to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    warnings.showwarning = _warned
    threading.excepthook = _failed


def _warned(
    message: Any, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any
) -> None:
    line = {"warning": category.__name__, "at": f"{Path(filename).name}:{lineno}"}
    logging.getLogger(LINES).warning(json.dumps(line))


def _failed(ended: threading.ExceptHookArgs) -> None:
    line = {"error": ended.exc_type.__name__, "at": _place(ended.exc_traceback)}
    logging.getLogger(LINES).error(json.dumps(line))


def _place(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown"
