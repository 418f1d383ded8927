"""How near an exported model comes to the model itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from saywhere.errors import SaywhereError

TOLERANCE = 1e-4
"""Of a probability, between the model and what was exported."""


class ParityError(SaywhereError):
    """What was exported answers otherwise than the model."""

    code = "parity"
    exit_code = 1


@dataclass(frozen=True)
class Parity:
    """The largest differences between an exported model and the model itself.

    Attributes:
        n: Inputs that were compared.
        probability: Of a probability, [0, 1].
        embedding: Of a number of an embedding; None where no text encoder was exported.
        presence: Of a logit of presence; None for a model without a head for it.
    """

    n: int
    probability: float
    embedding: float | None
    presence: float | None = None

    def check(self, folder: Path) -> None:
        """Refuse what differs too much.

        Args:
            folder: The model's, for the error.

        Raises:
            ParityError: A probability differs by more than TOLERANCE.
        """
        # Not `>`: of NaN every comparison is false.
        if not self.probability <= TOLERANCE:
            raise ParityError(
                f"the exported network's probabilities differ by up to {self.probability:.1e}",
                where=folder,
                allowed=f"{TOLERANCE:g}",
                remedy="report it with the versions of torch and of the export's packages",
            )
        # A logit within this distance gives a probability within TOLERANCE.
        if self.presence is not None and not self.presence <= 4 * TOLERANCE:
            raise ParityError(
                f"the exported network's presence differs by up to {self.presence:.1e}",
                where=folder,
                allowed=f"{4 * TOLERANCE:g} of a logit",
                remedy="report it with the versions of torch and of the export's packages",
            )
