"""The common fault: image and mask turn, the words stay as they were."""

from __future__ import annotations

from saywhere.prompt_policies.policy import PromptPolicy


class Untouched(PromptPolicy):
    """ "Upper left" is still said of what now lies lower right."""
