"""A configuration is right, or one sentence says what is wrong, where, and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from saywhere import config
from saywhere.config import Config
from saywhere.errors import ConfigError, MissingFile

CONFIGS = sorted([*Path("configs").glob("*.toml"), *Path("configs/models").glob("*.toml")])
KEYS = [
    (table, key)
    for table, field in Config.model_fields.items()
    for key in field.annotation.model_fields
]  # type: ignore[union-attr]
plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.dates()
values = st.recursive(
    plain.filter(lambda value: value is not None),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
tables = st.dictionaries(
    st.sampled_from([key for _, key in KEYS]) | st.text(max_size=8), values, max_size=4
)
documents = st.dictionaries(
    st.sampled_from([*Config.model_fields]) | st.text(max_size=8), tables | values, max_size=4
)


def written(folder: Path, text: str) -> Path:
    path = folder / "some.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as refused:
        config.read(path, list(overrides))
    assert refused.value.exit_code == 2
    return str(refused.value)


def test_a_size_that_is_no_multiple_of_8_is_refused_with_file_line_rule_and_remedy(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, '# a comment\n[data]\nmanifest = "m.jsonl"\nsize = 97\n')
    assert refusal(path) == (
        f"data.size is 97 in {path}, line 4; "
        "a size must be a multiple of 8 (the generator doubles three times): try 96 or 104"
    )


@pytest.mark.parametrize("size", [32, 96, 112, 224])
def test_a_multiple_of_8_is_a_size(size: int) -> None:
    assert Config().replace(**{"data.size": size}).data.size == size


@pytest.mark.parametrize("size", [-8, 0, 8, 31])
def test_a_size_below_the_smallest_says_the_smallest(tmp_path: Path, size: int) -> None:
    assert "at least 32" in refusal(written(tmp_path, f"[data]\nsize = {size}\n"))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[train]\nbatch_size = 8\nepoch = 3\n", ["unknown key train.epoch", "line 3", "'epochs'"]),
        ("[trian]\nepochs = 3\n", ["unknown key trian", "line 1", "'train'"]),
        ("[data]\nsize = 96\n\n[train]  # loop\nsize = 96\n", ["unknown key train.size", "line 5"]),
        ("train.epoch = 3\n", ["unknown key train.epoch", "line 1", "'epochs'"]),
        (
            "[train]\nqqqqq = 3\n",
            ["unknown key train.qqqqq", "choose one of accumulate, "],
        ),
        ("data = 3\n", ["data is a single value", "line 1", "[data]"]),
        ('[train]\nepochs = "many"\n', ['train.epochs is "many"', "line 2", "integer"]),
        ("[train]\nepochs = 0\n", ["train.epochs is 0", "greater than or equal to 1"]),
        ("[text]\ntrain_prompts = 3\n", ["text.train_prompts is 3", "string, or", "list"]),
        ("[text]\ntrain_prompts = []\n", ["text.train_prompts is []", "at least 1"]),
        ('[text]\npath = "a\\u0000b"\n', ["text.path", "NUL"]),
        ('[data]\nmanifest = "a\\u0000b"\n', ["data.manifest", "NUL"]),
        ("[optimizer]\nweight_decay = inf\n", ["optimizer.weight_decay is Infinity", "finite"]),
        ("[normalize]\npseudo_mean = nan\n", ["normalize.pseudo_mean is NaN", "finite"]),
        (
            "[normalize]\nimage_std = [0.2, 0.0, 0.2]\n",
            ["normalize.image_std is 0.0", "greater than 0"],
        ),
        ("[normalize]\nimage_mean = []\n", ["normalize.image_mean is []", "at least 1"]),
        ("[network]\ndepth = 0\n", ["network.depth is 0", "greater than 0"]),
        ("[network]\ndepth = 3\n", ["network.depth is 3", "less than or equal to 2"]),
        ('[network]\ndepth = "deep"\n', ['network.depth is "deep"', "number"]),
        ("[augment]\nscale = [1.5, 0.5]\n", ["augment.scale is [1.5, 0.5]", "smallest, largest"]),
        ('[fusion]\nname = "none"\narm = "untouched"\n', ["contradicts itself", "fusion.arm"]),
        ("size = \n", ["not valid TOML", "line 1"]),
        (f"size = {'9' * 5000}\n", ["not valid TOML"]),
        (f"size = {'[' * 5000}\n", ["not valid TOML"]),
        ("[data]\nsize = 96\nsize = 96\n", ["not valid TOML"]),
    ],
)
def test_every_fault_is_named_with_its_place_and_what_is_allowed(
    tmp_path: Path, text: str, parts: list[str]
) -> None:
    path = written(tmp_path, text)
    message = refusal(path)
    assert [part for part in [*parts, str(path)] if part not in message] == []


def test_bytes_that_are_no_text_are_no_configuration(tmp_path: Path) -> None:
    path = tmp_path / "some.toml"
    path.write_bytes(b"[data]\nsize = \xff\xfe")
    assert "not valid TOML" in refusal(path)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "some.toml"
    path.write_bytes(b"\xef\xbb\xbf[data]\nsize = 96\n")
    assert config.read(path).data.size == 96


def test_a_file_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"nothing\.toml.*configs/"):
        config.read(tmp_path / "nothing.toml")


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("train.epochs=3", "train.epochs", 3),
        (" train.epochs = 3", "train.epochs", 3),
        ("text.encoder=cxr-bert", "text.encoder", "cxr-bert"),
        ('text.encoder="cxr-bert"', "text.encoder", "cxr-bert"),
        ('text.train_prompts=["p1", "p9"]', "text.train_prompts", ["p1", "p9"]),
        ("train.channels_last=false", "train.channels_last", False),
        ("network.depth=0.5", "network.depth", 0.5),
        ("optimizer.learning_rate=1e-4", "optimizer.learning_rate", 1e-4),
        ("augment.scale=[0.9, 1.1]", "augment.scale", (0.9, 1.1)),
        ("data.manifest=a=b.jsonl", "data.manifest", Path("a=b.jsonl")),
        ("train.device=", "train.device", None),
    ],
)
def test_set_takes_toml_values_and_bare_words(
    tmp_path: Path, override: str, key: str, value: Any
) -> None:
    path = written(tmp_path, "[train]\nepochs = 7\n")
    if value is None:
        assert "train.device" in refusal(path, override)
        return
    table, name = key.split(".")
    assert getattr(getattr(config.read(path, [override]), table), name) == value


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("train.epochs", ["--set 'train.epochs'", "table.key=value"]),
        ("=3", ["--set '=3'", "table.key=value"]),
        ("train.epochs.n=3", ["train.epochs.n", "inside of a value"]),
        ("train.epoch=3", ["unknown key train.epoch", "'epochs'"]),
    ],
)
def test_a_wrong_set_says_its_form(tmp_path: Path, override: str, parts: list[str]) -> None:
    message = refusal(written(tmp_path, "[train]\nepochs = 7\n"), override)
    assert [part for part in parts if part not in message] == []


def test_a_value_from_the_command_line_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "[data]\nsize = 96\n")
    message = refusal(path, "data.size=97")
    assert "in --set data.size=97;" in message
    assert str(path) not in message


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_resolved_configuration_reads_back_as_itself(tmp_path: Path, path: Path) -> None:
    resolved = config.read(path)
    assert config.read(written(tmp_path, resolved.to_toml())) == resolved
    assert resolved != Config()


def test_replace_gives_a_changed_copy() -> None:
    before = Config()
    after = before.replace(**{"train.seed": 5, "data.size": 96})
    assert (before.train.seed, after.train.seed, after.data.size, after.loss) == (
        0,
        5,
        96,
        before.loss,
    )
    with pytest.raises(ConfigError, match=r"unknown key train\.sed"):
        before.replace(**{"train.sed": 5})


def test_nothing_in_it_can_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Config().train.seed = 1  # type: ignore[misc]


def outcome(path: Path, *overrides: str) -> Config | str:
    """The configuration, or what the ConfigError says.

    Any other exception is the fault that these tests look for.
    """
    try:
        return config.read(path, list(overrides))
    except ConfigError as error:
        return str(error)


def check_document(folder: Path, document: dict[str, Any]) -> None:
    path = written(folder, tomli_w.dumps(document))
    result = outcome(path)
    if isinstance(result, str):
        assert str(path) in result
        assert len(result) < 2_000
    else:
        assert config.read(written(folder, result.to_toml())) == result


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(document=documents)
def test_any_document_is_a_configuration_or_a_config_error(
    tmp_path: Path, document: dict[str, Any]
) -> None:
    check_document(tmp_path, document)


@pytest.mark.slow
@settings(
    max_examples=5_000,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(document=documents)
def test_any_of_5000_documents_is_a_configuration_or_a_config_error(
    tmp_path: Path, document: dict[str, Any]
) -> None:
    check_document(tmp_path, document)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    content=st.binary(max_size=200)
    | st.text().map(str.encode)
    | st.text().map(lambda text: f"[data]\n{text}\n".encode())
)
def test_any_bytes_are_a_configuration_or_a_config_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "some.toml"
    path.write_bytes(content)
    result = outcome(path)
    assert isinstance(result, Config) or str(path) in result


@settings(max_examples=200, deadline=None)
@given(
    override=st.text(max_size=20)
    | st.builds(
        "{}={}".format, st.sampled_from([".".join(key) for key in KEYS]), st.text(max_size=12)
    )
)
def test_any_set_is_a_configuration_or_a_config_error(override: str) -> None:
    assert outcome(CONFIGS[0], override)


def test_a_configuration_knows_the_keys_that_it_names() -> None:
    config = Config().replace(**{"data.size": 224})
    assert config.names("data.size"), "named, although 224 is the default"
    assert not config.names("data.channels")
    assert not config.replace(**{"text.noise": 0.0}).names("data.channels")
    assert config.replace(**{"text.noise": 0.0}).names("data.size"), "a copy knows it still"
