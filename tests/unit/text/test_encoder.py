from __future__ import annotations

from pathlib import Path

import pytest

from saywhere.config import Config, TextConfig
from saywhere.errors import ConfigError, MissingEncoder
from saywhere.text.encoder import ENCODERS, open_encoder


def test_the_default_configuration_opens_without_a_download() -> None:
    encoder = open_encoder(Config().text)
    assert (encoder.name, encoder.dim) == ("minilm", 384)


def test_a_configuration_names_checkpoint_pooling_and_length(cxr_bert_folder: Path) -> None:
    encoder = open_encoder(
        TextConfig(encoder="cxr-bert", path=cxr_bert_folder, pooling="mean", max_length=20)
    )
    assert (encoder.name, encoder.pooling, encoder.max_length, encoder.dim) == (
        "cxr-bert",
        "mean",
        20,
        32,
    )


def test_cxr_bert_without_a_path_says_which_files_to_put_where() -> None:
    with pytest.raises(MissingEncoder, match=r"vocab\.txt.*set text\.path"):
        open_encoder(TextConfig(encoder="cxr-bert"))


def test_an_unknown_encoder_gets_the_nearest_name() -> None:
    with pytest.raises(
        ConfigError, match=r"no text encoder 'minlm' in text\.encoder: did you mean 'minilm'\?"
    ):
        open_encoder(TextConfig(encoder="minlm"))


def test_the_registry_holds_what_the_readme_names() -> None:
    assert set(ENCODERS) >= {"minilm", "cxr-bert"}
