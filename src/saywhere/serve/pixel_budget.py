"""How many pixels may be in work at once: what bounds the service's memory.

A file of 78 kB may hold 40 megapixels, and its decoder, picture and answer take some 40 bytes for
each. So a call reserves what its file's header states before anything is decoded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from saywhere.errors import Busy
from saywhere.io.limits import MAX_PIXELS

IN_WORK = 2 * MAX_PIXELS
"""Two of the largest pictures, or hundreds of usual ones."""
SMALL = 1_000_000
"""A call of no more waits for nobody: else two large files that decode slowly held up everyone.
The number of places bounds these.
"""
PATIENCE_S = 20.0


class PixelBudget:
    """Pixels that are reserved and given back, first come, first served. For one event loop."""

    def __init__(
        self, most: int = IN_WORK, patience_s: float = PATIENCE_S, small: int = SMALL
    ) -> None:
        """Reserve nothing yet.

        Args:
            most: pixels in work at once; a call of more is taken on when nothing else is.
            patience_s: how long a call waits for others to end.
            small: a call of so many pixels is not counted.
        """
        self.most = most
        self.small = small
        self.patience_s = patience_s
        self.n_taken = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def reserve(self, n_pixels: int) -> AsyncIterator[None]:
        """Hold so many pixels until the context ends.

        Args:
            n_pixels: of the picture, for each of its prompts.

        Yields:
            Nothing, once there is room.

        Raises:
            Busy: others took longer than the patience.
        """
        if n_pixels <= self.small:
            yield
            return
        await self._take(n_pixels)
        try:
            yield
        finally:
            self._give(n_pixels)

    async def _take(self, n_pixels: int) -> None:
        if not self._waiting and self._fits(n_pixels):
            self.n_taken += n_pixels
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place = (n_pixels, turn)
        self._waiting.append(place)
        try:
            await asyncio.wait([turn], timeout=self.patience_s)
        except asyncio.CancelledError:
            self._forget(place)
            raise
        if not turn.done():
            self._forget(place)
            raise Busy(
                "the service is busy",
                allowed=f"it works on {self.most:,} pixels at once",
                remedy="try again after the seconds of Retry-After",
            )

    def _forget(self, place: tuple[int, asyncio.Future[None]]) -> None:
        """Of a caller who waits no more; its turn may have come at the same moment."""
        if place[1].done():
            self._give(place[0])
            return
        self._waiting.remove(place)
        # It may have been the one that was too large for the room there is.
        self._admit()

    def _give(self, n_pixels: int) -> None:
        self.n_taken -= n_pixels
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._fits(self._waiting[0][0]):
            n_pixels, turn = self._waiting.popleft()
            self.n_taken += n_pixels
            turn.set_result(None)

    def _fits(self, n_pixels: int) -> bool:
        return self.n_taken == 0 or self.n_taken + n_pixels <= self.most
