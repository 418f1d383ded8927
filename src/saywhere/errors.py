"""Every error a user can meet: what was found, where, what is allowed, what to do next.

Beside them stand the three functions that word messages in every room.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class SaywhereError(Exception):
    """Base of all errors that Saywhere raises on purpose.

    Attributes:
        code: A stable name for machines (the service's `error.code`).
        exit_code: Of the command line (1 failed work, 2 wrong use, 3 some inputs set aside).
        http_status: Of the service.
        found: What is wrong.
        where: The file, key or option it was found in, if one can be named.
        allowed: What would be right.
        remedy: What to do next.
    """

    code = "failed"
    exit_code = 1
    http_status = 500

    def __init__(
        self,
        problem: str,
        *,
        where: object = None,
        allowed: str | None = None,
        remedy: str | None = None,
    ) -> None:
        """Make an error of the parts of its message.

        Args:
            problem: What was found to be wrong, as `a mask of shape (3, 4, 5)`.
            where: The file, key or option it was found in.
            allowed: What would be right, as `a mask is grey, 0 and 255`.
            remedy: What to do next, as `save the label that is meant as 0/255`.
        """
        self.found = problem
        self.where = None if where is None else str(where)
        self.allowed = allowed
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f" in {self.where}" if self.where else ""
        rule = f"; {self.allowed}" if self.allowed else ""
        advice = f": {self.remedy}" if self.remedy else ""
        return f"{self.found}{place}{rule}{advice}"


class UsageError(SaywhereError):
    """The call is wrong: an option, an argument, a shape."""

    code = "usage"
    exit_code = 2
    http_status = 422


class ConfigError(UsageError):
    """The configuration holds an unknown key or a value that is not allowed."""

    code = "config"


class MissingFile(UsageError):
    """A file or folder that was named is not there."""

    code = "missing_file"
    http_status = 404


class ManifestError(UsageError):
    """A manifest cannot be read as a whole (single bad rows are quarantined instead)."""

    code = "manifest"


class UnreadableFile(UsageError):
    """A file is there, but is not a readable image within the limits."""

    code = "unreadable_file"
    http_status = 415


class KeptMeanwhile(UsageError):
    """Somebody kept a mask for the same image and prompt, which the sender has not seen."""

    code = "kept_meanwhile"
    http_status = 409


class UnknownSide(UsageError):
    """A prompt names the other frame's left or right, and nothing says where that lies here."""

    code = "unknown_side"


class BadCheckpoint(UsageError):
    """A checkpoint or bundle is damaged, unsafe, or belongs to another model."""

    code = "bad_checkpoint"
    http_status = 422


class MissingEncoder(UsageError):
    """A text encoder's files are not where they should be; nothing is ever downloaded silently."""

    code = "missing_encoder"
    http_status = 503


class MissingExtra(UsageError):
    """An optional dependency is not installed."""

    code = "missing_extra"


class TooManyFaults(SaywhereError):
    """More rows of a manifest are faulty than `data.fault_budget` allows."""

    code = "too_many_faults"
    exit_code = 3


class TrainingDiverged(SaywhereError):
    """A loss or a gradient became NaN or infinite."""

    code = "diverged"


class NotFiniteAnswer(SaywhereError):
    """A model answered NaN or infinity: its weights are damaged, or too large."""

    code = "not_finite"


class OutOfMemory(SaywhereError):
    """The machine's memory does not hold this configuration."""

    code = "out_of_memory"


class ProcessLost(SaywhereError):
    """One of the processes of a training died, and the others ended with it."""

    code = "process_lost"


class NotWritable(SaywhereError):
    """A file cannot be written: disk full or read-only folder.

    What was there before is still there.
    """

    code = "not_writable"
    http_status = 507


class Busy(SaywhereError):
    """The service has as much to do as it takes on; try again after `retry_after_s` seconds."""

    code = "busy"
    http_status = 503
    retry_after_s = 1


class NotAcceptable(UsageError):
    """The service is asked for a kind of answer that it does not give."""

    code = "not_acceptable"
    http_status = 406


class NotAllowed(UsageError):
    """The service asks for a token, and none or a wrong one came."""

    code = "not_allowed"
    http_status = 401


class BodyTooLarge(UsageError):
    """A request's body is over the limit."""

    code = "too_large"
    http_status = 413


class BodyTooSlow(UsageError):
    """A request's body did not arrive in time."""

    code = "too_slow"
    http_status = 408


def nearest(name: str, known: Iterable[str]) -> str:
    """Advice for a misspelt name.

    Args:
        name: What was typed.
        known: The names there are.

    Returns:
        A question with the one or two closest names; all names where none is close.
    """
    names = sorted(known)
    close = get_close_matches(name, names, n=2, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(map(repr, close))}?"
    return f"choose one of {', '.join(names)}"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun, as messages have it: never "1 rows".

    Args:
        number: How many.
        noun: In the singular; a verb may follow, as in "mask has".
        plural: What stands with every number but 1. None: the noun with an s.

    Returns:
        "1 image", "2 images", "1,234 masks have".
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def duration(seconds: float) -> str:
    """A span of time, as people say it.

    Args:
        seconds: From 0.

    Returns:
        "40 s", "12 min", "3.5 h".
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
