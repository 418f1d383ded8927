"""Many small shards become one, and nothing that any of them held is lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from saywhere.text import shards


def test_merging_twice_loses_nothing(tmp_path: Path) -> None:
    vectors = {shards.name(str(i)): np.full((1 + i % 3, 4), i, np.float32) for i in range(shards.MANY)}
    for each, rows in vectors.items():
        shards.write(tmp_path, {each: rows})
    small = [(path, path.read_bytes()) for path in shards.shards(tmp_path)]
    shards.merge(tmp_path)
    (merged,) = shards.shards(tmp_path)
    for path, content in small:  # as another process that listed them before would find them
        path.write_bytes(content)
    shards.merge(tmp_path)
    assert shards.shards(tmp_path) == [merged]
    found = shards.read(merged)
    assert found.keys() == vectors.keys()
    assert all(np.array_equal(found[each], rows) for each, rows in vectors.items())
