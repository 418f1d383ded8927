"""How long a cell took, kills and all."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from saywhere.io import files


class Stopwatch:
    """Seconds of all attempts that a result was made in: of a killed one those up to its last whole epoch, which are in the file `place`."""

    def __init__(self, place: Path) -> None:
        self.place, self.started, self.before = place, time.monotonic(), 0.0
        with suppress(OSError, ValueError):
            self.before = float(place.read_text(encoding="utf-8"))

    def seconds(self) -> float:
        """Up to now."""
        return self.before + time.monotonic() - self.started

    def begin_anew(self) -> None:
        """Nothing of the earlier attempts is in the result."""
        self.before = 0.0

    def listen(self, event: dict[str, Any]) -> None:
        """To a training: each epoch has a checkpoint to go on from. Raises NotWritable."""
        if event["event"] == "epoch":
            files.write_text(self.place, f"{self.seconds():.1f}")
