from __future__ import annotations

import numpy as np
import pytest
from PIL import ImageFont

from saywhere.io import fonts
from saywhere.io.fonts import NO_LETTERS, captionable
from saywhere.io.overlay import captioned

BLANK = np.full((60, 400, 3), 128, np.uint8)


def test_plain_letters_keep_the_plain_font() -> None:
    text, font = captionable("a polyp, upper left", 14)
    assert text == "a polyp, upper left"
    assert font.getname() == ImageFont.load_default(14).getname()  # type: ignore[union-attr]


@pytest.mark.parametrize("letter", list("äéßøñçЖΩ≥"))
def test_letters_of_europe_are_drawn_as_letters(letter: str) -> None:
    text, font = captionable(letter, 20)
    assert text == letter
    assert bytes(font.getmask(letter)) != bytes(font.getmask("\U0010ffff"))
    # Each as itself, not all as one box.
    drawn = [captioned(BLANK, one).tobytes() for one in (letter, "ü", "a")]
    assert len(set(drawn)) == 3


def test_letters_that_no_font_has_are_said_not_drawn_as_boxes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only_dejavu = fonts._candidates()[:1]
    monkeypatch.setattr(fonts, "_candidates", lambda: only_dejavu)
    assert captionable("息肉在上方", 14)[0] == NO_LETTERS
    np.testing.assert_array_equal(captioned(BLANK, "息肉在上方"), captioned(BLANK, NO_LETTERS))
