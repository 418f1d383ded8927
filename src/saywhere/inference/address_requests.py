"""What is to be predicted, where lists or pictures lie at an address such as `s3://BUCKET/KEY`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TypeVar

from saywhere.errors import UsageError
from saywhere.inference.ledger import files_in
from saywhere.inference.outlet import open_outlet
from saywhere.inference.requests import LISTS, Job, Plan, paired, plan_for
from saywhere.io import addresses
from saywhere.io.image_formats import SUFFIXES
from saywhere.io.limits import MAX_MANIFEST_BYTES
from saywhere.io.skipped import Skipped
from saywhere.io.sources import Input, Source, stem_of

Read = TypeVar("Read")


def with_local_list(path: Path, read: Callable[[Path], Read]) -> tuple[Read, Callable[[Job], Job]]:
    """Read a manifest or a file of jobs, wherever it lies.

    Args:
        path: Of the list; also a path that was made of an address.
        read: Reads a list of this machine.

    Returns:
        What was read, and what gives a job's picture its place beside the list.

    Raises:
        MissingFile: There is no such file.
        SaywhereError: As `addresses.fetch`, and as `read`.
    """
    address = addresses.of(path)
    if address is None:
        return read(path), lambda job: job
    with TemporaryDirectory(prefix="saywhere-list-") as temporary:
        # One folder deeper, so that `../` in the list stays within it.
        copy = Path(temporary) / "list" / PurePosixPath(address).name
        addresses.fetch(address, copy, at_most_bytes=MAX_MANIFEST_BYTES)
        content = read(copy)

    def placed(job: Job) -> Job:
        if not str(job.image).startswith(temporary):
            return job
        name = os.path.relpath(job.image, copy.parent).replace(os.sep, "/")
        return replace(job, image=Path(addresses.join(addresses.parent(address), name)))

    return content, placed


def plan_anywhere(inputs: Sequence[Path], prompts: Sequence[str]) -> Plan:
    """Find the images of some inputs, and pair each with every prompt.

    Args:
        inputs: As `plan_for` takes them; also addresses of pictures, and of folders of them.
            DICOM, NIfTI and archives are read at paths of this machine alone.
        prompts: One or more.

    Returns:
        The jobs, what was skipped, and notes.

    Raises:
        UsageError: Where there is no image, or where addresses stand beside paths.
        SaywhereError: As `plan_for`, and as `addresses.names_in`.
    """
    named = [addresses.of(path) for path in inputs]
    if not any(named):
        return plan_for(inputs, prompts)
    if not all(named):
        raise UsageError(
            "addresses beside paths of this machine",
            remedy="call once for each, with one --out",
        )
    pictures: list[Input] = []
    skipped: list[Skipped] = []
    for address in filter(None, named):
        for file in _files(address):
            if PurePosixPath(file).suffix.lower() in SUFFIXES:
                source = Source(Path(file))
                pictures.append(Input(stem_of(source.path.name), (source,)))
            elif PurePosixPath(file).name not in LISTS:
                skipped.append(Skipped(Path(file), "of an address, pictures alone are read"))
    if not pictures:
        raise UsageError(
            f"no pictures in {', '.join(filter(None, named))}",
            allowed=f"files ending in {', '.join(sorted(SUFFIXES))}",
            remedy="copy volumes to a disk that the workers see",
        )
    return Plan(paired(pictures, prompts), skipped, [])


def _files(address: str) -> list[str]:
    if addresses.is_file(address):
        return [address]
    lists = open_outlet(address)
    lists.pull()
    # What `predict` wrote there is no picture to be segmented.
    written = files_in(lists.mirror)
    names = [name for name in addresses.names_in(address) if name not in written]
    return [addresses.join(address, name) for name in names]
