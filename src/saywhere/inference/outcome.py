"""What became of one call: predictions, failures, and what a user should know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from saywhere.inference.predictions_file import Failure, Prediction


@dataclass(frozen=True)
class UnitOutcome:
    """Of one unit.

    Attributes:
        predictions: In the order of its jobs.
        numbers: Of the predictions' jobs among all of the call.
        failures: Its jobs that were set aside.
        notes: As `Outcome` has them.
    """

    predictions: list[Prediction] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """Of one batch.

    Attributes:
        predictions: In the order of the jobs, with those that were done before. There may be
            millions: each is made as it is asked for.
        failures: The jobs that were set aside.
        n_skipped: Predictions that were done before.
        n_others: Earlier predictions in the folder, of other images or prompts. They stay.
        notes: What a user should know of files that were written or left out, one sentence each.
    """

    predictions: Sequence[Prediction]
    failures: list[Failure]
    n_skipped: int
    n_others: int
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        """Returns what `saywhere predict --json` prints: predictions, failures, skipped, notes."""
        return {
            "predictions": [prediction.to_json() for prediction in self.predictions],
            "failures": [failure.to_json() for failure in self.failures],
            "skipped": self.n_skipped,
            "notes": self.notes,
        }
