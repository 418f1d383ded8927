"""Errors of other libraries become one refusal, and ours stay what they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from saywhere.errors import MissingExtra, UnreadableFile
from saywhere.io.foreign import refusing


def damaged(path: Path, problem: str) -> UnreadableFile:
    return UnreadableFile(f"damaged ({problem})", where=path)


@pytest.mark.parametrize("error", [ValueError("DOE^JANE"), KeyError("x"), StopIteration()])
def test_a_foreign_error_is_named_by_its_type_alone(error: Exception) -> None:
    with (
        pytest.raises(UnreadableFile) as refusal,
        refusing(damaged, Path("a.dcm")),
    ):
        raise error
    assert str(refusal.value) == f"damaged ({type(error).__name__}) in a.dcm"
    # A traceback would show what the library quoted.
    assert refusal.value.__suppress_context__


def test_an_error_of_ours_passes() -> None:
    own = MissingExtra("no library")
    with pytest.raises(MissingExtra) as passed, refusing(damaged, Path("a.dcm")):
        raise own
    assert passed.value is own


def test_an_interruption_passes() -> None:
    with pytest.raises(KeyboardInterrupt), refusing(damaged, Path("a.dcm")):
        raise KeyboardInterrupt
