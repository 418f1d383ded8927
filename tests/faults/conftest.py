"""The small run's fixtures."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # tests/
from small_run import _cache, config, evaluated, events, image_only, manifest, run_copy, shared, toml, trained  # noqa: E402

__all__ = ["_cache", "config", "evaluated", "events", "image_only", "manifest", "run_copy", "shared", "toml", "trained"]
