"""Early pruning: cells that fall behind are trained no further.

The rule is successive halving (Jamieson & Talwalkar 2016, Non-stochastic Best Arm Identification
and Hyperparameter Optimization, AISTATS). All cells are trained to the first rung, a number of
epochs. The best part of them goes on to the next rung, and so on; the last ones are trained to the
end. A rung is decided when all have reached it, so which cells are pruned depends on the numbers
alone, and not on which cell was faster.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Prune(BaseModel):
    """A grid's pruning: the rule, its first rung and its factor."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    rule: Literal["successive-halving"] = "successive-halving"
    first: int = Field(ge=1, description="epochs up to the first rung")
    factor: int = Field(
        3, ge=2, description="one in so many goes on, and trains so many times as long"
    )

    def rungs(self, epochs: int) -> list[int]:
        """The epochs after which cells are compared.

        Args:
            epochs: of a whole training.

        Returns:
            first, first · factor, … below `epochs`.
        """
        rungs = []
        rung = self.first
        while rung < epochs:
            rungs.append(rung)
            rung *= self.factor
        return rungs

    def n_going_on(self, n: int) -> int:
        """How many of n pass a rung: one in `factor`, rounded down, and at least one."""
        return max(1, n // self.factor)

    def going_on(self, reached: Mapping[str, float]) -> set[str]:
        """Who passes a rung.

        Args:
            reached: label → validation Dice at that rung, in the grid's order.

        Returns:
            The best labels. Of equal ones the first of the grid counts as better.
        """
        # Sorting keeps the order of equal ones.
        ranked = sorted(reached, key=lambda label: -reached[label])
        return set(ranked[: self.n_going_on(len(ranked))])
