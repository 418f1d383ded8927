from small_run import *  # noqa: F403
