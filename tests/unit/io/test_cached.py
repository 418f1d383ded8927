"""The cache: what was used lately stays, what is being built stays, and nothing that is cleared is lost to a training under way."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saywhere.data.manifest import Row
from saywhere.data.store import open_store
from saywhere.errors import NotWritable
from saywhere.io import cached

MONTH_S = 30 * 86_400


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SAYWHERE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "stores"


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 20), np.uint8)).save(tmp_path / "a.png")
    return [Row("a", tmp_path / "a.png", None)]


def _age(folder: Path, seconds: float) -> None:
    os.utime(folder, times=(then := time.time() - seconds, then))


def test_opening_counts_as_use(stores: Path, rows: list[Row]) -> None:
    open_store(rows, 16, 1, stores)
    (one,) = cached.kept()
    _age(one.folder, MONTH_S)
    assert time.time() - cached.kept()[0].used > MONTH_S - 60
    open_store(rows, 16, 1, stores)
    assert time.time() - cached.kept()[0].used < 60
    assert cached.clear(unused_days=1) == []


def test_images_that_are_open_outlive_their_files(stores: Path, rows: list[Row]) -> None:
    store = open_store(rows, 16, 1, stores)
    before = store.images.clone()
    assert len(cached.clear()) == 1
    assert np.array_equal(store.images, before)
    assert np.array_equal(open_store(rows, 16, 1, stores).images, before)


def test_what_is_half_built_is_not_listed_and_goes_after_a_day(stores: Path) -> None:
    young, old = stores / ".abc.1.tmp", stores / ".def.1.tmp"
    for half in (young, old):
        half.mkdir(parents=True)
    _age(old, 2 * 86_400)
    assert cached.kept() == []
    assert [one.folder for one in cached.clear()] == [old]
    assert young.is_dir(), "somebody may be at it"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may remove anything")
def test_what_may_not_be_removed_is_said(stores: Path) -> None:
    (stores / "a").mkdir(parents=True)
    stores.chmod(0o500)
    try:
        with pytest.raises(NotWritable, match="choose a folder"):
            cached.clear()
    finally:
        stores.chmod(0o700)
