"""What happens to the prompt when the image turns: one interface, and a file per policy."""

from __future__ import annotations

from collections.abc import Sequence

from saywhere.config import AugmentConfig
from saywhere.data.manifest_row import Row
from saywhere.prompt_policies.fuse_first import FuseFirst
from saywhere.prompt_policies.policy import PromptPolicy
from saywhere.prompt_policies.recaption import Recaption
from saywhere.prompt_policies.still import Still
from saywhere.prompt_policies.swap import Swap
from saywhere.prompt_policies.untouched import Untouched

# `arm` is the key's older word for a prompt policy. It stays, since scripts rely on it.
POLICIES: dict[str, type[PromptPolicy]] = {
    "fuse-first": FuseFirst,
    "untouched": Untouched,
    "swap": Swap,
    "recaption": Recaption,
    "still": Still,
}
"""By the value of `fusion.arm`."""


def open_policy(
    name: str, augment: AugmentConfig, levels: Sequence[str], rows: Sequence[Row]
) -> PromptPolicy:
    """Make a prompt policy for a training.

    Args:
        name: Of the policy, as `FusionConfig.chosen_arm` gives it.
        augment: How images will be transformed.
        levels: The prompt levels that training draws from.
        rows: The training rows, which some policies are fitted on.

    Returns:
        The policy.

    Raises:
        ConfigError: The rows lack a prompt level that the policy needs.
    """
    return POLICIES[name].open(augment, levels, rows)


__all__ = ["POLICIES", "PromptPolicy", "open_policy"]
