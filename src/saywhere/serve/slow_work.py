"""Threads for what may be slow for reasons outside the service: files and archives.

The framework's own threads (40) serve all else. Were files decoded there too, enough slow ones
would hold up the page, uploads and every other call.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

from saywhere.io import uploads
from saywhere.io.decoding_pool import N_CHILDREN

# More threads than children would only wait for these.
DECODING = CapacityLimiter(N_CHILDREN)
# An archive may take minutes, and must not hold up those who send a file.
FETCHING = CapacityLimiter(8)
_P = ParamSpec("_P")
_R = TypeVar("_R")


async def in_thread(
    limiter: CapacityLimiter, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs
) -> _R:
    """Call a function in a thread of its kind.

    Args:
        limiter: `DECODING` or `FETCHING`: so many at once, others wait without a thread.
        function: What may be slow.
        *args: For it.
        **kwargs: For it.

    Returns:
        What the function gives.
    """
    return await to_thread.run_sync(partial(function, *args, **kwargs), limiter=limiter)


async def count_pixels(content: bytes) -> int:
    """Count the pixels that an upload claims to have, to reserve them before it is decoded.

    Args:
        content: all bytes of the file.

    Returns:
        As `saywhere.io.uploads.count_pixels`.

    Raises:
        UnreadableFile: it claims more work than any honest file.
    """
    return await in_thread(DECODING, uploads.count_pixels, content)
