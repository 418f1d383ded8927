"""The small run's fixtures."""

from small_run import *  # noqa: F403
