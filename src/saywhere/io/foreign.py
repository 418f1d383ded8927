"""Other libraries' readers: whatever they raise on a damaged file becomes a refusal of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from saywhere.errors import SaywhereError, UnreadableFile


@contextmanager
def refusing(damaged: Callable[[Path, str], UnreadableFile], path: Path) -> Iterator[None]:
    """Turn any error within into one refusal that names its type alone.

    A file can be wrong in more ways than are foreseen. Libraries raise a dozen types then, and
    quote what they read, which may lead to a patient.

    Args:
        damaged: Makes the refusal of the path and of the error's type.
        path: How the refusal names the file.

    Yields:
        Nothing.

    Raises:
        SaywhereError: As it is, where ours was raised within.
        UnreadableFile: By `damaged`, for any other error.
    """
    try:
        yield
    except SaywhereError:
        raise
    except Exception as error:
        raise damaged(path, type(error).__name__) from None
