"""Where Saywhere keeps its own files."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """The folder for what can be made anew.

    Returns:
        `$SAYWHERE_CACHE`, else `~/.cache/saywhere`. It may not exist yet. Of a user without a home
        folder, a path that cannot be made.
    """
    # `or`, not a default: a variable that is set but empty counts as not set.
    chosen = os.environ.get("SAYWHERE_CACHE")
    if chosen:
        return Path(chosen)
    try:
        return Path.home() / ".cache" / "saywhere"
    except RuntimeError:  # a container's user who is in no list of users
        return Path(os.devnull) / "saywhere"
