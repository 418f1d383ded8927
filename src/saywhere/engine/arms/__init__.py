"""What happens to the words when the image is turned: one small interface, five answers, a file each."""

from __future__ import annotations

from collections.abc import Sequence

from saywhere.config import Config
from saywhere.data.manifest import Row
from saywhere.engine.arms.arm import Arm
from saywhere.engine.arms.fuse_first import FuseFirst
from saywhere.engine.arms.recaption import Recaption
from saywhere.engine.arms.still import Still
from saywhere.engine.arms.swap import Swap
from saywhere.engine.arms.untouched import Untouched

ARMS: dict[str, type[Arm]] = {"fuse-first": FuseFirst, "untouched": Untouched, "swap": Swap, "recaption": Recaption, "still": Still}


def open_arm(config: Config, rows: Sequence[Row]) -> Arm:
    """The arm that a configuration names, fitted on the training rows where it needs to be. Raises ConfigError."""
    return ARMS[config.fusion.chosen_arm].open(config, rows)


__all__ = ["ARMS", "Arm", "open_arm"]
