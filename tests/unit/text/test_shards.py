"""Many small shards become one, and nothing that any of them held is lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from saywhere.text import shards


def _many(folder: Path) -> dict[str, np.ndarray]:
    vectors = {
        shards.prompt_key(str(i)): np.full((1 + i % 3, 4), i, np.float32)
        for i in range(shards.MANY)
    }
    for key, rows in vectors.items():
        shards.write(folder, {key: rows})
    return vectors


def test_merging_twice_loses_nothing(tmp_path: Path) -> None:
    vectors = _many(tmp_path)
    small = [(path, path.read_bytes()) for path in shards.list_shards(tmp_path)]
    shards.merge(tmp_path)
    (merged,) = shards.list_shards(tmp_path)
    for path, content in small:  # as another process that listed them before would find them
        path.write_bytes(content)
    shards.merge(tmp_path)
    assert shards.list_shards(tmp_path) == [merged]
    read = shards.read(merged)
    assert read.keys() == vectors.keys()
    assert all(np.array_equal(read[key], rows) for key, rows in vectors.items())


def test_shards_that_vanish_while_they_are_merged_are_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _many(tmp_path)
    # As if another process merged them, or cleared the cache.
    monkeypatch.setattr(shards, "read", lambda path: path.unlink() or {})
    shards.merge(tmp_path)
    assert shards.list_shards(tmp_path) == []


def test_a_shard_that_could_not_be_read_is_not_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = _many(tmp_path)
    spared = shards.list_shards(tmp_path)[3]
    whole = shards.read
    monkeypatch.setattr(shards, "read", lambda path: {} if path == spared else whole(path))
    shards.merge(tmp_path)
    monkeypatch.setattr(shards, "read", whole)
    assert spared.is_file()
    remaining = {}
    for path in shards.list_shards(tmp_path):
        remaining |= shards.read(path)
    assert remaining.keys() == vectors.keys()
