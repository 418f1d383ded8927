"""The common fault: image and mask turn, the words stay as they were."""

from __future__ import annotations

from saywhere.engine.arms.arm import Arm


class Untouched(Arm):
    """ "Upper left" is still said of what now lies lower right."""
