"""The paper: the words are a picture before anything turns, and the picture turns too (arXiv
2510.12482).
"""

from __future__ import annotations

from saywhere.prompt_policies.policy import PromptPolicy


class FuseFirst(PromptPolicy):
    """Stack first, turn the stack."""

    pseudo_image_turns = True
