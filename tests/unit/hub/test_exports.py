"""What no export can hold is refused."""

from __future__ import annotations

import pytest

from saywhere.errors import UsageError
from saywhere.hub.exports import refuse_padding


def test_a_model_that_pads_is_not_exported() -> None:
    refuse_padding("squash", "runs/polyps")
    with pytest.raises(UsageError, match=r"data\.fit = 'pad' in runs/polyps"):
        refuse_padding("pad", "runs/polyps")
