"""Files to and from an address, through fsspec: a folder, hf://, s3://, https:// and others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from saywhere.errors import BadCheckpoint, MissingExtra, MissingFile, SaywhereError, UsageError
from saywhere.runs.locate import BUNDLE, SUMS

# A stranger's server may send without end.
LIMITS_BYTES = {BUNDLE: 2**31, SUMS: 2**16}
LIMIT_BYTES = 2**22
"""Of every other file."""
_BLOCK_BYTES = 2**20


def shown(address: str) -> str:
    """Make an address fit for a message.

    Args:
        address: as the user gave it.

    Returns:
        The address without its user name and password, 200 characters at most.
    """
    return re.sub(r"(//)[^/@]*@", r"\1", address)[:200]


@contextmanager
def reaching(address: str) -> Iterator[tuple[Any, str]]:
    """Open the file system of an address.

    Args:
        address: a folder, or an address of fsspec's.

    Yields:
        The fsspec file system, and the folder there without a slash at its end.

    Raises:
        MissingExtra: the address needs a package that is not installed.
        MissingFile: what the caller reads is not there.
        UsageError: the address cannot be reached.
    """
    from fsspec.core import url_to_fs

    try:
        system, root = url_to_fs(address)
        yield system, root.rstrip("/")
    except SaywhereError:
        # Our own errors say already what is wrong.
        raise
    except ImportError as error:
        raise MissingExtra(
            f"{shown(address)} needs a package that is not installed",
            remedy=str(error).splitlines()[0][:200],
        ) from None
    except FileNotFoundError as error:
        raise MissingFile(
            f"no model at {shown(address)} (no {Path(str(error.filename or error)).name[:80]})",
            allowed=f"a folder with {SUMS} and {BUNDLE}",
            remedy="look at the address; pickles are never fetched",
        ) from None
    # Each file system raises types of its own, so all are caught.
    except Exception as error:
        reason = str(error).splitlines()[0][:120] if str(error) else ""
        raise UsageError(
            f"{shown(address)} cannot be reached ({type(error).__name__}: {reason})",
            remedy=(
                "look at the address, the network and your credentials; "
                "a folder on this machine serves too"
            ),
        ) from None


def fetch(system: Any, root: str, name: str, folder: Path) -> None:
    """Copy one file of a model into a folder, within its limit.

    Args:
        system: an fsspec file system.
        root: the model's folder there.
        name: of the file.
        folder: where it goes, on this machine.

    Raises:
        BadCheckpoint: the file is over its limit.
    """
    limit = LIMITS_BYTES.get(name, LIMIT_BYTES)
    n_bytes = 0
    with system.open(f"{root}/{name}", "rb") as source, (folder / name).open("wb") as target:
        while block := source.read(_BLOCK_BYTES):
            # Counted as it comes, whatever length was announced.
            n_bytes += len(block)
            if n_bytes > limit:
                raise BadCheckpoint(
                    f"{name} has more than {limit:,} bytes",
                    allowed="a model of ours is far smaller",
                    remedy="look at the address",
                )
            target.write(block)
