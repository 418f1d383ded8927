"""The common fault: image and mask turn, the prompt stays as it was."""

from __future__ import annotations

from saywhere.prompt_policies.policy import PromptPolicy


class Untouched(PromptPolicy):
    """The prompt is not transformed: "upper left" may name what now lies lower right."""
