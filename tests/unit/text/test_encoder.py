from __future__ import annotations

from pathlib import Path

import pytest

from saywhere.config import Config, TextConfig
from saywhere.errors import ConfigError, MissingEncoder
from saywhere.text.encoder import ENCODERS, Encoder, open_encoder


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


@pytest.mark.parametrize("name", ENCODERS)
def test_every_registered_encoder_opens_and_keeps_the_protocol(
    name: str, cxr_bert_folder: Path
) -> None:
    needs_files = name == "cxr-bert"
    encoder = open_encoder(TextConfig(encoder=name, path=cxr_bert_folder if needs_files else None))
    assert isinstance(encoder, Encoder)
    assert encoder.name == name
    assert encoder.embed(["left", "right"]).shape == (2, encoder.dim)
    assert [tokens.shape[1] for tokens in encoder.embed_tokens(["left"])] == [encoder.dim]
    assert encoder.count_tokens("left") >= 1
