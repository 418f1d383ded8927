"""Long lists in little memory: of a million jobs or predictions, a few are objects at a time."""

from __future__ import annotations

import json
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar, overload

Item = TypeVar("Item")
BLOCK = 64
"""Items that are compressed together; a training, which asks in any order, opens one for a row."""
OPENED = 16
"""Blocks that stay open: of a thousand rows, all."""


class MadeAnew(Sequence[Item], Generic[Item]):
    """A list whose items are made as they are asked for: it equals any list of equal items."""

    def __eq__(self, other: object) -> bool:
        """Are the items of both equal, in their order?"""
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(mine == its for mine, its in zip(self, other))


class Packed(MadeAnew[Item], Generic[Item]):
    """A list that grows at its end, kept as compressed JSON.

    Paths and prompts are much alike, so that a job takes some 20 bytes, where its objects take 700.
    Items are made anew each time that they are asked for: they are values, and change nothing here.
    """

    def __init__(
        self,
        pack: Callable[[Item], Any],
        unpack: Callable[[Any], Item],
        items: Iterable[Item] = (),
    ) -> None:
        """Fill a list.

        Args:
            pack: Makes something of JSON's own types of an item.
            unpack: Makes an equal item of that.
            items: The first ones, in order.
        """
        self._pack = pack
        self._unpack = unpack
        self._blocks: list[bytes] = []
        self._last: list[Any] = []
        self._opened: OrderedDict[int, list[Any]] = OrderedDict()
        self.extend(items)

    def append(self, item: Item) -> None:
        """Add an item at the end."""
        self._last.append(self._pack(item))
        if len(self._last) == BLOCK:
            self._blocks.append(zlib.compress(json.dumps(self._last).encode("ascii"), 1))
            self._last = []

    def extend(self, items: Iterable[Item]) -> None:
        """Add items at the end, one at a time."""
        for item in items:
            self.append(item)

    def __len__(self) -> int:
        """Returns how many items there are."""
        return BLOCK * len(self._blocks) + len(self._last)

    def __iter__(self) -> Iterator[Item]:
        """Gives the items in order."""
        for number in range(len(self._blocks) + 1):
            yield from map(self._unpack, self._block(number))

    @overload
    def __getitem__(self, place: int) -> Item: ...
    @overload
    def __getitem__(self, place: slice) -> list[Item]: ...
    def __getitem__(self, place: int | slice) -> Item | list[Item]:
        """Makes one item, or a list of some."""
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(len(self)))]
        number = range(len(self))[place]
        return self._unpack(self._block(number // BLOCK)[number % BLOCK])

    def __repr__(self) -> str:
        return f"Packed({len(self):,} items)"

    def _block(self, number: int) -> list[Any]:
        if number == len(self._blocks):
            # A copy: it may grow while somebody goes through it.
            return list(self._last)
        # Kept in a name: another thread may push the block out meanwhile.
        block: list[Any] | None = self._opened.get(number)
        if block is None:
            block = json.loads(zlib.decompress(self._blocks[number]))
            self._opened[number] = block
            if len(self._opened) > OPENED:
                with suppress(KeyError):
                    self._opened.popitem(last=False)
        return block
