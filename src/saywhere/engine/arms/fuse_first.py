"""The paper: the words are a picture before anything turns, and the picture turns too (arXiv 2510.12482)."""

from __future__ import annotations

from saywhere.engine.arms.arm import Arm


class FuseFirst(Arm):
    """Stack first, turn the stack."""

    words_turn = True
