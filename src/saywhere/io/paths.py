"""Where Saywhere keeps its own files."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """The folder for what can be made anew.

    Returns:
        `$SAYWHERE_CACHE`, else `~/.cache/saywhere`. It may not exist yet.
    """
    # `or`, not a default: a variable that is set but empty counts as not set.
    return Path(os.environ.get("SAYWHERE_CACHE") or Path.home() / ".cache" / "saywhere")
