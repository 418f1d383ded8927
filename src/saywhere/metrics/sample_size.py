"""How many cases a verdict needs. Alone in its file, since a report reads it without torch."""

from __future__ import annotations

FEWEST_CASES = 20
"""Of fewer cases no verdict is given.

With fewer, one case moves the mean by more than 5 % of its range, and a bootstrap's interval is
too narrow. `saywhere calibrate` asks for as many.
"""
