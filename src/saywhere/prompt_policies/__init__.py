"""What happens to the words when the image is turned: one small interface, five answers, a file
each.
"""

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

POLICIES: dict[str, type[PromptPolicy]] = {
    "fuse-first": FuseFirst,
    "untouched": Untouched,
    "swap": Swap,
    "recaption": Recaption,
    "still": Still,
}


def open_policy(config: Config, rows: Sequence[Row]) -> PromptPolicy:
    """The arm that a configuration names, fitted on the training rows where it needs to be.

    Raises ConfigError.
    """
    return POLICIES[config.fusion.chosen_arm].open(config, rows)


__all__ = ["POLICIES", "PromptPolicy", "open_policy"]
