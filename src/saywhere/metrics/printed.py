"""How a measured number is printed, in tables, pages and reports alike."""

from __future__ import annotations


def printed(value: float, digits: int = 3, sign: str = "") -> str:
    """Write a number with so many digits after the point.

    Args:
        value: the number; it may be infinite or NaN.
        digits: after the point.
        sign: "+" for differences, "" else.

    Returns:
        The number. One below zero that rounds to zero has no sign: 0.000, not -0.000.
    """
    text = f"{value:{sign}.{digits}f}"
    # By the text, since it alone says what became of the number.
    return text.removeprefix("-") if float(text) == 0 else text
