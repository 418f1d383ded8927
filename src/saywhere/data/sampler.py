"""Which rows a step takes: a function of (seed, step), so that there is no random state to keep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch.utils.data

from saywhere import seeds


class Sampler(torch.utils.data.Sampler[list[int]]):
    """Batches of row numbers: for training, evaluation and a `DataLoader`'s `batch_sampler`.

    With a seed, the rows come in an endless sequence of permutations, and step s takes the next
    `batch_size` of them: a batch may reach into the next permutation. Without a seed, the rows come
    once, in order, and the last batch may be smaller.

    Args:
        n_rows: number of rows, at least 1.
        batch_size: row numbers per batch.
        seed: of the permutations; None for the rows' own order.
        steps_per_epoch: batches of one epoch, where there is a seed; None or 0 for as many as fit
            into the rows, at least one.
        turns: with a seed, lists of row numbers that take turns, each in permutations of its own:
            a list that stands there twice comes twice as often. None for all rows as one list.
    """

    def __init__(
        self,
        n_rows: int,
        batch_size: int,
        *,
        seed: int | None = None,
        steps_per_epoch: int | None = None,
        turns: Sequence[Sequence[int]] = (),
    ) -> None:
        self.n_rows = n_rows
        self.turns = turns
        self.batch_size = batch_size
        self.seed = seed
        # At least one: with fewer rows than a batch has, a step takes some of them again.
        self.steps_per_epoch = steps_per_epoch or max(1, n_rows // batch_size)
        self.epoch = 0
        self._orders: dict[int, np.ndarray] = {}
        self._turn_orders: dict[tuple[int, int], np.ndarray] = {}

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration goes through.

        Args:
            epoch: from 0.
        """
        self.epoch = epoch

    def visits(self, step: int) -> list[int]:
        """List the rows of one step.

        Args:
            step: from 0, counted over all epochs.

        Returns:
            Row numbers, `batch_size` of them; at the end of an unshuffled set, what is left.
        """
        start = step * self.batch_size
        if self.seed is None:
            return list(range(start, min(start + self.batch_size, self.n_rows)))
        places = range(start, start + self.batch_size)
        if self.turns:
            return [self._taking_turns(place) for place in places]
        return [int(self._order(place // self.n_rows)[place % self.n_rows]) for place in places]

    def any(self, random: np.random.Generator, n: int) -> np.ndarray:
        """Draw rows as often as they come in the long run, with replacement.

        Args:
            random: where the draws come from.
            n: how many.

        Returns:
            int64 (n,): row numbers.
        """
        if not self.turns:
            return random.integers(self.n_rows, size=n)
        lists = [self.turns[int(turn)] for turn in random.integers(len(self.turns), size=n)]
        return np.array([rows[int(random.integers(len(rows)))] for rows in lists])

    def _taking_turns(self, place: int) -> int:
        """The row at a place of the endless sequence."""
        cycle, turn = divmod(place, len(self.turns))
        rows = self.turns[turn]
        epoch, index = divmod(cycle, len(rows))
        key = (turn, epoch)
        if key not in self._turn_orders:
            # A list goes on from one permutation to its next one.
            self._turn_orders.pop((turn, epoch - 1), None)
            assert self.seed is not None
            random = seeds.generator(self.seed, "order of turns", *key)
            self._turn_orders[key] = random.permutation(len(rows))
        return int(rows[self._turn_orders[key][index]])

    def __len__(self) -> int:
        """Batches of one epoch."""
        if self.seed is None:
            # Rounded up, since the last batch may be smaller.
            return -(-self.n_rows // self.batch_size)
        return self.steps_per_epoch

    def __iter__(self) -> Iterator[list[int]]:
        """The batches of the chosen epoch; without a seed, of all rows."""
        first = 0 if self.seed is None else self.epoch * self.steps_per_epoch
        for step in range(first, first + len(self)):
            yield self.visits(step)

    def _order(self, number: int) -> np.ndarray:
        """Permutation `number`. The last two are kept, since a batch may lie in both."""
        assert self.seed is not None
        if number not in self._orders:
            # The newest stands first.
            latest = dict(list(self._orders.items())[:1])
            self._orders = {number: seeds.order(self.n_rows, self.seed, number), **latest}
        return self._orders[number]
