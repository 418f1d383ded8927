"""What happens to the prompt when the image turns: one interface, and a file per policy."""

from __future__ import annotations

from collections.abc import Sequence

from saywhere.config import Config
from saywhere.data.manifest import Row
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


def open_policy(config: Config, rows: Sequence[Row]) -> PromptPolicy:
    """Make the prompt policy that a configuration names.

    Args:
        config: Its `fusion.arm` names the policy; left out, it is the fusion's own.
        rows: The training rows, which some policies are fitted on.

    Returns:
        The policy.

    Raises:
        ConfigError: The rows lack a prompt level that the policy needs.
    """
    return POLICIES[config.fusion.chosen_arm].open(config, rows)


__all__ = ["POLICIES", "PromptPolicy", "open_policy"]
