"""The small run's fixtures."""

from __future__ import annotations

from small_run import another_encoder, config, evaluated, events, image_only, manifest, one_encoder, run_copy, shared, toml, trained

__all__ = ["another_encoder", "config", "evaluated", "events", "image_only", "manifest", "one_encoder", "run_copy", "shared", "toml", "trained"]
