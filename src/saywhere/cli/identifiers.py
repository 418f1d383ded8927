"""`--no-identifiers` on the screen: an error's words name files, ids and prompts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from saywhere.errors import SaywhereError


@contextmanager
def withholding(is_wanted: bool) -> Iterator[None]:
    """Leave the words out of the errors that are met inside.

    Args:
        is_wanted: Was --no-identifiers given? Else errors pass as they are.

    Raises:
        SaywhereError: Of the same kind and exit code as was met, with its code for a reason.
    """
    try:
        yield
    except SaywhereError as error:
        if not is_wanted:
            raise
        from saywhere.io.pseudonyms import withheld

        # The cause is left out: a traceback would show its words.
        raise withheld(error) from None
