"""Keys that came later: older runs, models and results have the value of before there was one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from saywhere.config import Config, read
from saywhere.errors import BadCheckpoint, ConfigError, UsageError
from saywhere.runs import checkpoint, older_values, tensor_file
from saywhere.runs.config_diff import differences
from saywhere.runs.directory import Run
from saywhere.runs.older_values import (
    OLDER_VALUES,
    filled,
    keep_taught,
    parse_stored,
    read_stored,
    taught_otherwise,
)

# Keys of the configuration before the first line of the table was written. A key that is not
# here came later: it has a line in OLDER_VALUES, or is named in SAME with the reason.
FIRST_KEYS = {
    "data": "manifest ids size channels train_split validation_split test_split limit mosaic "
    "mosaic_side half half_name absent target also_called fault_budget",
    "text": "encoder path pooling max_length scale noise train_prompts evaluate_prompts "
    "unseen_prompts blank variants",
    "fusion": "name projection start words_first arm",
    "augment": "name horizontal_flip vertical_flip affine degrees translate scale brightness "
    "contrast saturation gamma noise blur cutmix words",
    "normalize": "image_mean image_std pseudo_mean pseudo_std",
    "network": "name width depth pretrained weights first_filters",
    "loss": "name roi roi_weight roi_after",
    "optimizer": "learning_rate pretrained_factor text_factor weight_decay schedule warmup "
    "clip_norm",
    "train": "epochs steps_per_epoch batch_size seed precision threads channels_last device select "
    "validate_every",
    "evaluate": "batch_size words threshold mirror bootstrap surface_tolerance_px",
}
SAME: dict[str, str] = {
    "text.frame": "left out, prompts stay in the frame of their manifest",
    "train.accumulate": "1, a step is of one batch",
    "train.devices": "1, there was one process",
    "train.average": "0, the weights themselves were kept",
    "train.patience": "None, every training went to its last epoch",
    "train.loggers": "none, and they change no number",
    "train.nodes": "1, there was one machine",
    "train.sync_batch_norm": "False, there was one process",
    "data.fold": "left out, the manifest's splits count",
    "data.target_column": "left out, one target is that of every row",
    "data.shares": "none, every row comes equally often",
}
"""Keys that came later, and whose default is what was done before → why that is so."""


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The table as if `data.channels` had come later: 1 before, 3 today."""
    table = {"data.channels": 1}
    monkeypatch.setattr(older_values, "OLDER_VALUES", table)
    return table


def without(config: Config, key: str) -> dict[str, Any]:
    document = config.model_dump(mode="json")
    table, _, name = key.partition(".")
    del document[table][name]
    return document


def every_key() -> list[str]:
    return [
        f"{table}.{key}" for table, keys in Config().model_dump(mode="json").items() for key in keys
    ]


def test_every_key_that_came_later_says_what_was_done_before_it() -> None:
    first = {f"{table}.{key}" for table, keys in FIRST_KEYS.items() for key in keys.split()}
    later = set(every_key()) - first
    assert later == set(OLDER_VALUES) | set(SAME)


@pytest.mark.parametrize("key", [*OLDER_VALUES, None])
def test_a_line_of_the_table_is_an_allowed_value_of_a_key_that_is_always_written(
    key: str | None,
) -> None:
    if key is None:
        return
    config = parse_stored(without(Config(), key), where="a test")
    table, _, name = key.partition(".")
    assert config.model_dump(mode="json")[table][name] == OLDER_VALUES[key]
    # config.toml leaves out None: a run of today would be taken for an older one.
    assert OLDER_VALUES[key] is None or f"\n{name} = " in Config().to_toml()


def test_a_stored_file_without_the_key_is_older(older: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[data]\nsize = 64\n")
    assert read_stored(path).data.channels == 1
    assert read_stored(path, ["data.channels=3"]).data.channels == 3
    assert read(path).data.channels == 3, "a user's own file takes today's default"


def test_a_stored_file_with_the_key_keeps_its_value(older: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(Config().to_toml())
    assert read_stored(path).data.channels == 3


def test_a_document_without_the_table_is_older_too_and_stays_as_it_is(
    older: dict[str, Any],
) -> None:
    document: dict[str, Any] = {"text": {"noise": 0.0}}
    assert filled(document) == {"text": {"noise": 0.0}, "data": {"channels": 1}}
    assert document == {"text": {"noise": 0.0}}


def test_what_is_no_table_is_refused_in_the_schemas_words(older: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="data is a single value"):
        parse_stored({"data": 3}, where="a test")


def test_a_result_cell_without_the_key_differs_from_todays_default_alone(
    older: dict[str, Any],
) -> None:
    cell = without(Config(), "data.channels")
    assert differences(cell, Config(), set()) == {"data.channels": (1, 3)}
    assert differences(cell, Config().replace(**{"data.channels": 1}), set()) == {}


def stored(folder: Path, config: dict[str, Any]) -> Path:
    state = {"step": 0, "best": 0.0, "sums": [0.0, 0.0, 0.0], "history": []}
    folder.mkdir(parents=True)
    content = tensor_file.pack({"config": config, "state": state}, {})
    (folder / "checkpoint.safetensors").write_bytes(content)
    return folder


def test_an_older_checkpoint_is_read_with_the_older_value(
    older: dict[str, Any], tmp_path: Path
) -> None:
    folder = stored(tmp_path / "last", without(Config(), "data.channels"))
    assert checkpoint.load(folder).config.data.channels == 1
    assert checkpoint.load(stored(tmp_path / "new", Config().model_dump(mode="json"))).config == (
        Config()
    )


def test_a_checkpoint_whose_configuration_is_a_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match="its configuration is not one of this version"):
        checkpoint.load(stored(tmp_path / "last", []))  # type: ignore[arg-type]


def test_an_older_run_is_resumed_with_the_older_value(
    older: dict[str, Any], tmp_path: Path
) -> None:
    run = Run(tmp_path)
    (tmp_path / "config.toml").write_text(Config().to_toml().replace("channels = 3\n", ""))
    assert run.config(Config(), None).data.channels == 1
    named = Config().replace(**{"data.channels": 3})
    with pytest.raises(UsageError, match=r"data\.channels was 1 and is now 3"):
        run.config(named, None)


def test_a_fine_tuning_goes_on_as_the_model_was_taught(older: dict[str, Any]) -> None:
    model = Config().replace(**{"data.channels": 1})
    assert keep_taught(Config(), model) == model
    assert taught_otherwise(keep_taught(Config(), model), model) == ""


def test_a_fine_tuning_that_names_the_key_changes_it_and_is_warned(older: dict[str, Any]) -> None:
    model = Config().replace(**{"data.channels": 1})
    config = keep_taught(Config().replace(**{"data.channels": 3}), model)
    assert config.data.channels == 3
    assert taught_otherwise(config, model) == (
        "data.channels is 3, and the first weights learned with 1: leave the key out of the "
        "configuration to go on as the model was taught"
    )


def test_the_shipped_models_open(tmp_path: Path) -> None:
    models = Path(older_values.__file__).parents[1] / "models"
    for file in models.glob("*/config.json"):
        config = parse_stored(json.loads(file.read_text(encoding="utf-8"))["config"], where=file)
        data = config.data
        # As they learned, until they are trained anew. They learned from 8 bits, which no rule for
        # grey values changes, so they read deeper pictures by the new one.
        mask_resize = "area" if file.parent.name == "general" else "nearest"
        assert (data.fit, data.mask_resize, data.grey) == ("squash", mask_resize, "percentile")
