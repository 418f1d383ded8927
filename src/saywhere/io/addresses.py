"""Files that lie elsewhere: `s3://BUCKET/KEY` and whatever else fsspec opens.

A path that was made of an address has lost one of its slashes; `of` gives it back. Credentials and
endpoints come from where each library looks for them, such as AWS_ENDPOINT_URL; none stands in an
address.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from saywhere.errors import MissingExtra, MissingFile, NotWritable, UnreadableFile, UsageError
from saywhere.io.limits import MAX_FILE_BYTES

# Two letters at least: `C:/` is a drive of Windows.
_FORM = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):/{1,2}(?P<rest>[^/].*)", re.DOTALL)
_EXTRAS = {"s3": "s3", "s3a": "s3"}


def of(path: object) -> str | None:
    """Read an address.

    Args:
        path: A text, or a path that was made of one.

    Returns:
        Such as `s3://bucket/key`; None for a path of this machine and for an archive's reference.
    """
    match = _FORM.fullmatch(str(path))
    # An archive's reference is read by `dicomweb`.
    if match is None or match["scheme"].lower().startswith("dicomweb"):
        return None
    return f"{match['scheme'].lower()}://{match['rest'].rstrip('/')}"


def join(address: str, name: str) -> str:
    """Name a file below an address.

    Args:
        address: Of a folder.
        name: Of the file, relative to it; `..` leads out of it, as in a path.

    Returns:
        Its address.
    """
    scheme, rest = address.split("://", 1)
    return f"{scheme}://{posixpath.normpath(posixpath.join(rest, name))}"


def parent(address: str) -> str:
    """Name the folder of a file.

    Args:
        address: Of the file.

    Returns:
        The address without its last name.
    """
    scheme, rest = address.split("://", 1)
    return f"{scheme}://{posixpath.dirname(rest)}"


def fetch(address: str, to: Path, *, at_most_bytes: int = MAX_FILE_BYTES) -> None:
    """Copy a file to this machine.

    Args:
        address: Of the file.
        to: Where its copy goes. The folder is made if need be.
        at_most_bytes: A larger file is refused before it is copied.

    Raises:
        MissingFile: There is none.
        MissingExtra: The library of such addresses is not installed.
        UnreadableFile: It is too large, or whoever holds it refuses.
        UsageError: Nothing opens addresses of this kind.
    """
    system, path = _opened(address)
    try:
        # A server of files may lie on another continent: its size is asked before its content.
        n_bytes = int(system.info(path).get("size") or 0)
        if n_bytes > at_most_bytes:
            raise UnreadableFile(
                f"{n_bytes:,} bytes", where=address, allowed=f"at most {at_most_bytes:,} bytes"
            )
        to.parent.mkdir(parents=True, exist_ok=True)
        system.get_file(path, str(to))
    except FileNotFoundError:
        raise MissingFile(f"no such file: {address}", remedy="check the address") from None
    except (UnreadableFile, MissingExtra):
        raise
    # Each library has exceptions of its own, for a closed port as for a wrong key.
    except Exception as error:
        raise UnreadableFile(
            f"it cannot be fetched ({type(error).__name__})",
            where=address,
            remedy="check the endpoint and the credentials",
        ) from None


def send(content: bytes | Path, address: str) -> None:
    """Put a file at an address, whole or not at all where the place can do so, as S3 can.

    Args:
        content: Its bytes, or the file that holds them.
        address: Where it goes; what stands there is replaced.

    Raises:
        MissingExtra: The library of such addresses is not installed.
        NotWritable: The place refuses.
        UsageError: Nothing opens addresses of this kind.
    """
    system, path = _opened(address)
    try:
        if isinstance(content, bytes):
            system.pipe_file(path, content)
        else:
            system.put_file(str(content), path)
    except Exception as error:
        raise NotWritable(
            f"it cannot be written ({type(error).__name__})",
            where=address,
            remedy="check the endpoint, the credentials and the bucket",
        ) from None


def remove(addresses: Iterable[str]) -> None:
    """Remove files; one that is not there is passed over.

    Args:
        addresses: Of the files.

    Raises:
        MissingExtra: The library of such addresses is not installed.
        NotWritable: The place refuses.
        UsageError: Nothing opens addresses of this kind.
    """
    for address in addresses:
        system, path = _opened(address)
        try:
            system.rm_file(path)
        except FileNotFoundError:
            continue
        except Exception as error:
            raise NotWritable(
                f"it cannot be removed ({type(error).__name__})", where=address
            ) from None


def names_in(address: str) -> list[str]:
    """List a folder.

    Args:
        address: Of the folder.

    Returns:
        Names of the files in it, sorted; none where there is no such folder.

    Raises:
        MissingExtra: The library of such addresses is not installed.
        UnreadableFile: Whoever holds it refuses.
        UsageError: Nothing opens addresses of this kind.
    """
    system, path = _opened(address)
    try:
        # What another machine wrote a moment ago counts.
        system.invalidate_cache()
        entries = system.ls(path, detail=True)
    except FileNotFoundError:
        return []
    except Exception as error:
        raise UnreadableFile(
            f"it cannot be listed ({type(error).__name__})",
            where=address,
            remedy="check the endpoint and the credentials",
        ) from None
    files = [entry["name"] for entry in entries if entry.get("type") == "file"]
    return sorted(posixpath.basename(name) for name in files if not name.endswith("/"))


def is_file(address: str) -> bool:
    """Is there a file?

    Args:
        address: Of the file.

    Returns:
        False for a folder, and where there is nothing.

    Raises:
        MissingExtra: The library of such addresses is not installed.
        UnreadableFile: Whoever holds it refuses.
        UsageError: Nothing opens addresses of this kind.
    """
    system, path = _opened(address)
    try:
        return bool(system.info(path).get("type") == "file")
    except FileNotFoundError:
        return False
    except Exception as error:
        raise UnreadableFile(
            f"it cannot be reached ({type(error).__name__})",
            where=address,
            remedy="check the endpoint and the credentials",
        ) from None


def _opened(address: str) -> tuple[Any, str]:
    """The file system, and the path in it. fsspec keeps the systems that it opened."""
    scheme = address.split("://", 1)[0]
    extra = _EXTRAS.get(scheme, "s3")
    try:
        # It comes with an extra, so it is loaded only when it is used.
        from fsspec.core import url_to_fs

        system, path = url_to_fs(address)
    except ImportError as error:
        raise MissingExtra(
            f"{scheme}:// needs a package that is not installed ({str(error)[:100]})",
            remedy=f"pip install 'saywhere[{extra}]'",
        ) from None
    except ValueError as error:
        raise UsageError(
            f"nothing opens {scheme}:// ({str(error)[:100]})",
            allowed="a path of this machine, s3://BUCKET/KEY, or what fsspec opens",
            remedy="check the address",
        ) from None
    return system, str(path)
