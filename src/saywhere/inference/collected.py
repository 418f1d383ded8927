"""The predictions of one call, as they come."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np

from saywhere.data.packed import Packed
from saywhere.inference.predictions_file import Prediction


class Collected:
    """Predictions with the numbers of their jobs, in little memory."""

    def __init__(self) -> None:
        """Begin with none."""
        self._predictions: Packed[Prediction] = Packed(Prediction.to_json, _prediction)
        self._numbers = array("q")

    def add(self, numbers: Sequence[int], predictions: Sequence[Prediction]) -> None:
        """Take some more.

        Args:
            numbers: Of their jobs among all of the call, from 0.
            predictions: As many.
        """
        self._numbers.extend(numbers)
        self._predictions.extend(predictions)

    def in_order(self) -> Packed[Prediction]:
        """Returns them in the order of their jobs."""
        order = np.argsort(self._numbers, kind="stable")
        if (np.diff(order) > 0).all():
            return self._predictions
        return Packed(Prediction.to_json, _prediction, map(self._predictions.__getitem__, order))


def _prediction(line: Any) -> Prediction:
    prediction = Prediction.from_json(line)
    assert prediction is not None, line
    return prediction
