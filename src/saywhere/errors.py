"""Every error a user can meet: what was found, where, what is allowed, what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class SaywhereError(Exception):
    """Base of all errors that Saywhere raises on purpose.

    Attributes:
        code: a stable name for machines (the service's `error.code`).
        exit_code: of the command line (1 failed work, 2 wrong use, 3 some inputs set aside).
        http_status: of the service.
    """

    code = "failed"
    exit_code = 1
    http_status = 500

    def __init__(
        self,
        found: str,
        *,
        where: object = None,
        allowed: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.found, self.where, self.allowed, self.remedy = (
            found,
            None if where is None else str(where),
            allowed,
            remedy,
        )
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f" in {self.where}" if self.where else ""
        rule = f"; {self.allowed}" if self.allowed else ""
        advice = f": {self.remedy}" if self.remedy else ""
        return f"{self.found}{place}{rule}{advice}"


class UsageError(SaywhereError):
    """The call is wrong: an option, an argument, a shape."""

    code, exit_code, http_status = "usage", 2, 422


class ConfigError(UsageError):
    """The configuration holds an unknown key or a value that is not allowed."""

    code = "config"


class MissingFile(UsageError):
    """A file or folder that was named is not there."""

    code, http_status = "missing_file", 404


class ManifestError(UsageError):
    """A manifest cannot be read as a whole (single bad rows are quarantined instead)."""

    code = "manifest"


class UnreadableFile(UsageError):
    """A file is there, but is not a readable image within the limits."""

    code, http_status = "unreadable_file", 415


class BadCheckpoint(UsageError):
    """A checkpoint or bundle is damaged, unsafe, or belongs to another model."""

    code, http_status = "bad_checkpoint", 422


class MissingEncoder(UsageError):
    """A text encoder's files are not where they should be; nothing is ever downloaded silently."""

    code, http_status = "missing_encoder", 503


class MissingExtra(UsageError):
    """An optional dependency is not installed."""

    code = "missing_extra"


class TooManyFaults(SaywhereError):
    """More rows of a manifest are faulty than `data.fault_budget` allows."""

    code, exit_code = "too_many_faults", 3


class TrainingDiverged(SaywhereError):
    """A loss or a gradient became NaN or infinite."""

    code = "diverged"


class OutOfMemory(SaywhereError):
    """The machine's memory does not hold this configuration."""

    code = "out_of_memory"


class NotWritable(SaywhereError):
    """A file cannot be written: disk full or read-only folder.

    What was there before is still there.
    """

    code, http_status = "not_writable", 507


class Busy(SaywhereError):
    """The service has as much to do as it takes on; try again after `retry_after_s` seconds."""

    code, http_status = "busy", 503
    retry_after_s = 1


class NotAllowed(UsageError):
    """The service asks for a token, and none or a wrong one came."""

    code, http_status = "not_allowed", 401


class BodyTooLarge(UsageError):
    """A request's body is over the limit."""

    code, http_status = "too_large", 413


class BodyTooSlow(UsageError):
    """A request's body did not arrive in time."""

    code, http_status = "too_slow", 408


def nearest(name: str, known: Iterable[str]) -> str:
    """Advice for a misspelt name: the closest known ones, else all."""
    known = sorted(known)
    close = get_close_matches(name, known, n=2, cutoff=0.5)
    return (
        f"did you mean {' or '.join(repr(c) for c in close)}?"
        if close
        else f"choose one of {', '.join(known)}"
    )
