"""Where files of ours lie."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$SAYWHERE_CACHE`, else `~/.cache/saywhere`."""
    return Path(os.environ.get("SAYWHERE_CACHE") or Path.home() / ".cache" / "saywhere")
