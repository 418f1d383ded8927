"""Which rows of which manifest a verb works on."""

from __future__ import annotations

from pathlib import Path

import pytest

from saywhere.config import Config, DataConfig
from saywhere.data.manifest import read_manifest
from saywhere.data.manifest_row import Row
from saywhere.data.select import data_of, evaluation_prompt, limited, manifest_of, rows_of
from saywhere.errors import ConfigError, MissingFile


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "manifest.jsonl"
    rows = [f'{{"id": "{i}", "image": "{i}.png", "split": "train"}}' for i in range(9)]
    path.write_text("\n".join([*rows, '{"id": "t", "image": "t.png", "split": "test"}']))
    return path


def test_other_data_comes_before_the_configurations_own(manifest: Path, tmp_path: Path) -> None:
    config = Config().replace(**{"data.manifest": str(manifest)})
    assert manifest_of(config.data).path == manifest
    other = tmp_path / "other.jsonl"
    other.write_text('{"id": "o", "image": "o.png"}\n')
    assert [row.id for row in data_of(config.data, other).rows] == ["o"]
    assert data_of(config.data, None).path == manifest


def test_ids_choose_rows(manifest: Path, tmp_path: Path) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text("# two of them\n7\n2\n")
    config = Config().replace(**{"data.manifest": str(manifest), "data.ids": str(ids)})
    assert [row.id for row in manifest_of(config.data).rows] == ["2", "7"]


def test_without_a_manifest_it_says_where_to_name_one() -> None:
    with pytest.raises(ConfigError, match=r"data.manifest is not set.*--set data.manifest=PATH"):
        manifest_of(DataConfig())
    with pytest.raises(MissingFile, match="name it with --data"):
        data_of(DataConfig(), None)


def test_a_limit_is_drawn_by_the_seed_in_the_manifests_order(manifest: Path) -> None:
    rows = read_manifest(manifest)
    few = DataConfig(limit=4)
    chosen = [row.number for row in limited(rows, few, seed=0)]
    assert len(chosen) == 4
    assert chosen == sorted(chosen)
    assert chosen == [row.number for row in limited(rows, few, seed=0)]
    other = [row.number for row in limited(rows, few, seed=1)]
    assert other != chosen
    assert len(limited(rows, DataConfig(limit=90), seed=0)) == 9


def test_a_split_without_rows_names_the_splits_there(manifest: Path) -> None:
    with pytest.raises(ConfigError, match=r"no rows of split 'val' in .*: train, test: try"):
        rows_of(read_manifest(manifest), "val", "try another")


def test_a_row_is_evaluated_with_the_first_text_of_its_level() -> None:
    row = Row("a", Path("a.png"), prompts={"p6": ("one", "two")})
    config = Config().replace(**{"text.evaluate_prompts": "p6"})
    assert evaluation_prompt(row, config.evaluation_level) == "one"
    image_only = config.replace(**{"fusion.name": "none"})
    assert evaluation_prompt(row, image_only.evaluation_level) == ""
    with pytest.raises(ConfigError, match=r"no prompts 'p7'.*text.evaluate_prompts"):
        evaluation_prompt(row, "p7")
