"""The cache: what was used lately and what is being built stay.

Nothing that is cleared is lost to a training under way.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from saywhere.data.decoded_cache import open_store
from saywhere.data.manifest_row import Row
from saywhere.io.cache import clear, list_folders
from saywhere.text.cache import EmbeddingCache

MONTH_S = 30 * 86_400


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SAYWHERE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "stores"


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 20), np.uint8)).save(
        tmp_path / "a.png"
    )
    return [Row("a", tmp_path / "a.png", None)]


def _age(folder: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(folder, times=(then, then))


def test_opening_counts_as_use(stores: Path, rows: list[Row]) -> None:
    open_store(rows, 16, 1, stores)
    (entry,) = list_folders()
    _age(entry.folder, MONTH_S)
    assert time.time() - list_folders()[0].used > MONTH_S - 60
    open_store(rows, 16, 1, stores)
    assert time.time() - list_folders()[0].used < 60
    assert clear(unused_days=1) == ([], [])


def test_images_that_are_open_outlive_their_files(stores: Path, rows: list[Row]) -> None:
    store = open_store(rows, 16, 1, stores)
    before = store.images.clone()
    assert len(clear()[0]) == 1
    assert np.array_equal(store.images, before)
    assert np.array_equal(open_store(rows, 16, 1, stores).images, before)


def test_what_is_half_built_goes_after_a_day(stores: Path) -> None:
    young, old = stores / f".{'a' * 24}.1.tmp", stores / f".{'b' * 24}.1.tmp"
    for half in (young, old):
        half.mkdir(parents=True)
    _age(old, 2 * 86_400)
    assert [entry.what for entry in list_folders()] == ["stores, half built"] * 2
    removed, left = clear()
    assert [entry.folder for entry in removed] == [old]
    assert left == []
    assert young.is_dir(), "somebody may be at it"


def test_other_peoples_folders_and_links_stay(stores: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    theirs = [
        stores / "warehouse",
        stores / ("c" * 24),
        stores.parent / "embeddings" / "my-thesis-vectors",
    ]
    for folder in theirs:
        folder.mkdir(parents=True)
        (folder / "work.npy").write_bytes(b"months")
    (stores / ("d" * 24)).symlink_to(tmp_path / "elsewhere")
    assert list_folders() == []
    assert clear() == ([], [])
    assert all((folder / "work.npy").is_file() for folder in theirs)
    assert (stores / ("d" * 24)).is_symlink()


def test_what_cannot_be_removed_is_named_and_the_others_go(
    stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, free = stores / ("a" * 24), stores / ("b" * 24)
    for folder in (held, free):
        folder.mkdir(parents=True)
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self == held:
            raise PermissionError(13, "in use")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    removed, left = clear()
    assert [entry.folder for entry in removed] == [free]
    assert [entry.folder for entry in left] == [held]
    assert [path for path in stores.iterdir()] == [held]


def test_a_clock_that_is_ahead_keeps_nothing(stores: Path) -> None:
    (stores / ("a" * 24)).mkdir(parents=True)
    _age(stores / ("a" * 24), -3600)
    assert len(clear()[0]) == 1


def test_a_cache_that_cannot_be_read_is_an_empty_one(
    stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (stores / ("a" * 24)).mkdir(parents=True)

    def refuse(self: Path) -> None:
        raise PermissionError(13, "no")

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert list_folders() == []


def test_an_encoder_with_a_hubs_name_is_listed_as_what_it_is(stores: Path) -> None:
    def embed(prompts: list[str]) -> np.ndarray:
        return np.ones((len(prompts), 2), np.float32)

    encoder = SimpleNamespace(
        name="org/model.v2", revision="1", pooling="mean", max_length=8, dim=2, embed=embed
    )
    cache = EmbeddingCache(encoder)
    _age(cache.folder, MONTH_S)
    cache.get(["a"])
    (entry,) = list_folders()
    assert entry.what == "text embeddings of org_model.v2"
    assert entry.unused_days < 1
    assert entry.to_json() == {
        "folder": str(cache.folder),
        "what": "text embeddings of org_model.v2",
        "n_bytes": sum(path.stat().st_size for path in cache.folder.iterdir()),
        "unused_days": 0.0,
    }
    assert clear() == ([entry], [])
    assert cache.get(["a"]).shape == (1, 2), "it is made anew"
