"""The small run's fixtures."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from small_run import another_encoder, config, evaluated, events, image_only, manifest, one_encoder, run_copy, shared, toml, trained

__all__ = ["another_encoder", "config", "evaluated", "events", "image_only", "manifest", "one_encoder", "run_copy", "shared", "toml", "trained"]


@pytest.fixture
def pictures(manifest: Path, tmp_path: Path) -> Path:
    """Two folders with a picture of the same name in each."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    shutil.copy(manifest.parent / "images/test_0000.png", tmp_path / "one/a.png")
    shutil.copy(manifest.parent / "images/test_0001.png", tmp_path / "two/a.png")
    Image.open(tmp_path / "one/a.png").save(tmp_path / "one/a.bmp")
    return tmp_path
