"""The paper's policy: the prompt is an image before anything turns (arXiv 2510.12482)."""

from __future__ import annotations

from saywhere.prompt_policies.policy import PromptPolicy


class FuseFirst(PromptPolicy):
    """Stack image and pseudo-image first, then transform the stack."""

    pseudo_image_turns = True
