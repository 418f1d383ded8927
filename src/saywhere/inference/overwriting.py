"""No picture that was given is replaced by a result."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from saywhere.errors import UsageError
from saywhere.inference import writers
from saywhere.inference.requests import Job


def refuse_overwriting(jobs: Sequence[Job], out: Path) -> None:
    """Refuse a folder where a result would replace an image that was given.

    The mask of a.png is a-mask.png, which may be an image of its own. Files of all formats count,
    not of the chosen ones alone, since those of earlier calls are removed.

    Args:
        jobs: Of the call.
        out: Where the results go.

    Raises:
        UsageError: For the first such file.
    """
    # Most folders hold none of them: resolving each result's name would cost more than to list it.
    if not _may_hold(out, _resolved(jobs)):
        return
    given = set(_resolved(jobs))
    endings = writers.endings()
    for job in jobs:
        for part, ending in endings.items():
            path = out / f"{job.stem_for(writers.scope_of(part))}{ending}"
            # Resolved on both sides: `./a.png`, and a link to it, are the same picture.
            if path.resolve() in given:
                raise UsageError(
                    f"{path} would be overwritten, and it is one of the pictures",
                    remedy="choose another folder with --out",
                )


def _resolved(jobs: Sequence[Job]) -> Iterator[Path]:
    """The pictures' real places; a volume's slices name one file."""
    for image, _ in groupby(jobs, key=lambda job: job.image):
        yield image.resolve()


def _may_hold(folder: Path, given: Iterable[Path]) -> bool:
    """Lies one of the pictures in the folder, or may a link there lead to one?"""
    place = folder.resolve()
    if any(path.is_relative_to(place) for path in given):
        return True
    if not folder.is_dir():
        return False
    with os.scandir(folder) as entries:
        return any(entry.is_symlink() for entry in entries)
