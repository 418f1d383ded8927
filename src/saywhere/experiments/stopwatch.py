"""How long a cell took, kills and all."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from saywhere.io import files


class Stopwatch:
    """Seconds of all attempts that a result was made in.

    Of a killed attempt those up to its last whole epoch count: they are in a file.
    """

    def __init__(self, place: Path) -> None:
        """Start, with what earlier attempts left.

        Args:
            place: the file of seconds; it need not exist.
        """
        self.place = place
        # Not the wall clock, which may be set meanwhile.
        self.started = time.monotonic()
        self.before = 0.0
        with suppress(OSError, ValueError):
            self.before = float(place.read_text(encoding="utf-8"))

    def seconds(self) -> float:
        """Seconds up to now, of this attempt and of those before."""
        return self.before + time.monotonic() - self.started

    def begin_anew(self) -> None:
        """Forget the earlier attempts: nothing of them is in the result."""
        self.before = 0.0

    def listen(self, event: Mapping[str, Any]) -> None:
        """Listen to a training: each epoch has a checkpoint to go on from.

        Args:
            event: as `saywhere.training.events` lists them.

        Raises:
            NotWritable: where the file cannot be written.
        """
        if event["event"] == "epoch":
            files.write_text(self.place, f"{self.seconds():.1f}")
