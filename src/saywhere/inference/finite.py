"""An answer that is no number is refused, at every door."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from saywhere.errors import NotFiniteAnswer


def refuse_not_finite(folder: Path, *answers: Any) -> None:
    """Refuse the answer of weights that are finite, but so large that their products are not.

    Args:
        folder: the model's, for the message.
        *answers: what the model answered, arrays or tensors; None is passed over.

    Raises:
        NotFiniteAnswer: one holds NaN or infinity.
    """
    for answer in answers:
        # NaN compares as false: without this it would be an empty mask, which looks like an answer.
        if answer is not None and not np.isfinite(np.asarray(answer)).all():
            raise NotFiniteAnswer(
                "the model's answer is not a number",
                where=folder,
                allowed="probabilities are in [0, 1]",
                remedy="its weights are damaged or too large: use another checkpoint",
            )
