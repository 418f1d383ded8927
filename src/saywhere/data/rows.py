"""The rows of a manifest in little memory: of a hundred thousand, a few are objects at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import overload

import numpy as np

from saywhere.data.manifest_row import Row, packed_row, unpacked_row
from saywhere.data.packed import MadeAnew, Packed


class Rows(MadeAnew[Row]):
    """A list of rows that does not change.

    A row is made anew each time that it is asked for: two of one place are equal, and not the same
    object. Rows that were chosen of others share their memory.
    """

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        """Keep some rows.

        Args:
            rows: in order; what they hold beside their own columns is of JSON's types.
        """
        self._packed = Packed(packed_row, unpacked_row, rows)
        self._places: np.ndarray | None = None

    def chosen(self, numbers: Iterable[int]) -> Rows:
        """Choose some of these rows.

        Args:
            numbers: their places, from 0, in the order that is wanted.

        Returns:
            These rows; 8 bytes each.
        """
        chosen = np.fromiter(numbers, np.int64)
        view = Rows.__new__(Rows)
        view._packed = self._packed
        view._places = chosen if self._places is None else self._places[chosen]
        return view

    def where(self, is_wanted: Callable[[Row], bool]) -> Rows:
        """Choose the rows that a function says yes to.

        Args:
            is_wanted: asked of each row, in order.

        Returns:
            These rows, in order.
        """
        return self.chosen(number for number, row in enumerate(self) if is_wanted(row))

    def __len__(self) -> int:
        """Returns how many rows there are."""
        return len(self._packed) if self._places is None else len(self._places)

    def __iter__(self) -> Iterator[Row]:
        """Gives the rows in order."""
        if self._places is None:
            return iter(self._packed)
        return (self._packed[place] for place in self._places)

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> Rows: ...
    def __getitem__(self, place: int | slice) -> Row | Rows:
        """Makes one row, or chooses some."""
        if isinstance(place, slice):
            return self.chosen(range(*place.indices(len(self))))
        return self._packed[place if self._places is None else self._places[place]]

    def __repr__(self) -> str:
        return f"Rows({len(self):,})"
