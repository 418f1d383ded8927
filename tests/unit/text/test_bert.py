"""A BERT from a local folder: against transformers called directly, and what is refused."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from saywhere.errors import BadCheckpoint, ConfigError, MissingEncoder
from saywhere.io.files import digest
from saywhere.text.bert import PAPER_CODE_LENGTH, open_cxr_bert, pool
from tiny_bert import HIDDEN, VOCABULARY, configuration, trunk, weights, write_checkpoint

PROMPTS = ["one small round polyp, upper right", "left", ""]


@pytest.fixture
def folder(tmp_path: Path, cxr_bert_folder: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(cxr_bert_folder, tmp_path / "checkpoint"))


def hidden_states(prompt: str, padded_to: int | None = None) -> Any:
    """transformers' BERT on tokens looked up by hand."""
    words = prompt.replace(",", " ,").split()
    tokens = [VOCABULARY.index(word) for word in ["[CLS]", *words, "[SEP]"]]
    padding = [0] * ((padded_to or len(tokens)) - len(tokens))
    ids = torch.tensor([tokens + padding])
    attention = torch.tensor([[1] * len(tokens) + padding])
    with torch.no_grad():
        return trunk()(
            input_ids=ids, attention_mask=attention, output_hidden_states=True
        ).hidden_states


@pytest.mark.parametrize("prompt", PROMPTS)
def test_cls_is_the_first_token_of_the_last_layer_and_the_default(
    cxr_bert_folder: Path, prompt: str
) -> None:
    expected = hidden_states(prompt)[-1][:, 0].numpy()
    for pooling in ("cls", "default"):
        np.testing.assert_allclose(
            open_cxr_bert(cxr_bert_folder, pooling, None).embed([prompt]), expected, atol=1e-5
        )


@pytest.mark.parametrize("prompt", PROMPTS)
def test_mean_is_over_the_words_without_the_padding(cxr_bert_folder: Path, prompt: str) -> None:
    encoder = open_cxr_bert(cxr_bert_folder, "mean", None)
    # Beside a long prompt, so that there is padding.
    vector = encoder.embed([prompt, "a " * 20])[:1]
    np.testing.assert_allclose(vector, hidden_states(prompt)[-1].mean(1).numpy(), atol=1e-5)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_paper_code_is_layers_1_2_and_last_over_all_32_positions(
    cxr_bert_folder: Path, prompt: str
) -> None:
    encoder = open_cxr_bert(cxr_bert_folder, "paper_code", None)
    states = hidden_states(prompt, PAPER_CODE_LENGTH)
    assert states[0].shape == (1, 32, HIDDEN)
    expected = np.mean([states[layer].numpy().mean(1) for layer in (1, 2, 3)], 0)
    np.testing.assert_allclose(encoder.embed([prompt]), expected, atol=1e-5)
    assert encoder.max_length == 32


def test_pool_gives_the_mean_no_share_of_the_padding() -> None:
    states = [torch.tensor([[[1.0], [3.0], [100.0]]])]
    assert pool(states, torch.tensor([[1, 1, 0]]), "mean").tolist() == [[2.0]]


@pytest.mark.parametrize("prefix", ["bert.", ""])
@pytest.mark.parametrize("old_names", [False, True])
def test_safetensors_and_pickle_plain_and_prefixed_old_and_new_names_give_equal_vectors(
    tmp_path: Path, prefix: str, old_names: bool
) -> None:
    reference = open_cxr_bert(write_checkpoint(tmp_path / "pickle"), "mean", None)
    folder = write_checkpoint(tmp_path / "safetensors", safetensors=True)
    named = {
        prefix + key.removeprefix("bert."): value
        for key, value in weights().items()
        if key.startswith("bert.")
    }
    if old_names:
        named = {
            key.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
                "LayerNorm.bias", "LayerNorm.beta"
            ): value
            for key, value in named.items()
        }
    save_file(named, folder / "model.safetensors")
    assert np.array_equal(
        open_cxr_bert(folder, "mean", None).embed(PROMPTS), reference.embed(PROMPTS)
    )


def test_upper_and_lower_case_are_one(cxr_bert_folder: Path) -> None:
    encoder = open_cxr_bert(cxr_bert_folder, "cls", None)
    assert np.array_equal(encoder.embed(["LEFT"]), encoder.embed(["left"]))


def test_max_length_is_at_most_what_the_checkpoint_has_positions_for(cxr_bert_folder: Path) -> None:
    assert open_cxr_bert(cxr_bert_folder, "cls", 512).max_length == 64
    assert open_cxr_bert(cxr_bert_folder, "cls", 16).max_length == 16


@pytest.mark.parametrize(
    "name", ["config.json", "vocab.txt", "tokenizer_config.json", "pytorch_model.bin"]
)
def test_any_file_that_the_vectors_depend_on_is_part_of_the_revision(
    folder: Path, cxr_bert_folder: Path, name: str
) -> None:
    if name == "pytorch_model.bin":
        torch.save(weights(seed=1), folder / name)
    else:
        (folder / name).write_text(
            (folder / name)
            .read_text()
            .replace("left", "lleft")
            .replace("gelu", "relu")
            .replace("true", "false")
        )
    assert (
        open_cxr_bert(folder, "cls", None).revision
        != open_cxr_bert(cxr_bert_folder, "cls", None).revision
    )


def test_the_digest_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert (
        digest(tmp_path / "abc")
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )  # FIPS 180-2


def test_without_a_path_it_says_what_to_set_and_which_files_to_put_there() -> None:
    with pytest.raises(
        MissingEncoder,
        match=(
            r"text\.path is not set.*config\.json, vocab\.txt and model\.safetensors "
            r"\(or pytorch_model\.bin\).*set text\.path"
        ),
    ):
        open_cxr_bert(None, "default", None)


@pytest.mark.parametrize("missing", ["config.json", "vocab.txt", "pytorch_model.bin"])
def test_a_missing_file_is_named_with_its_place_and_nothing_is_downloaded(
    folder: Path, missing: str
) -> None:
    (folder / missing).unlink()
    with pytest.raises(MissingEncoder) as refused:
        open_cxr_bert(folder, "default", None)
    shown = "model.safetensors or pytorch_model.bin" if missing == "pytorch_model.bin" else missing
    assert f"no cxr-bert checkpoint: {shown} not found in {folder}" in str(refused.value)
    assert "nothing is downloaded" in str(refused.value)


def test_a_missing_folder_names_all_files(tmp_path: Path) -> None:
    with pytest.raises(
        MissingEncoder,
        match=(
            r"config\.json, vocab\.txt, model\.safetensors or pytorch_model\.bin "
            r"not found in .*nowhere"
        ),
    ):
        open_cxr_bert(tmp_path / "nowhere", "default", None)


class Canary:
    """Unpickled by a reader that trusts, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize(
    "form", ["zip", "legacy", "bare", "hidden among weights", "renamed safetensors"]
)
def test_a_pickle_that_would_run_code_is_refused_and_not_run(
    folder: Path, tmp_path: Path, form: str
) -> None:
    canary, file = tmp_path / "canary", folder / "pytorch_model.bin"
    content: Any = (
        {**weights(), "more": Canary(canary)} if form == "hidden among weights" else Canary(canary)
    )
    if form == "bare":
        file.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, file, _use_new_zipfile_serialization=form != "legacy")
    if form == "renamed safetensors":
        file = file.rename(folder / "model.safetensors")
    with pytest.raises(BadCheckpoint) as refused:
        open_cxr_bert(folder, "default", None)
    assert not canary.exists()
    assert str(file) in str(refused.value)
    assert "model.safetensors" in str(refused.value)
    assert "weights_only" not in str(refused.value), "torch's advice to load it all the same"
    if form == "bare":  # the canary can sing
        pickle.loads(file.read_bytes())
        assert canary.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not readable"),
        (b"\x00" * 64, "refused|not readable"),
        (b"PK\x03\x04 torn", "not readable|refused"),
        (b"[1, 2]", "refused|not readable"),
    ],
)
@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors"])
def test_a_damaged_weight_file_is_one_clear_error(
    folder: Path, name: str, content: bytes, message: str
) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(BadCheckpoint, match=message):
        open_cxr_bert(folder, "default", None)


def test_mutated_weight_files_raise_nothing_else(folder: Path) -> None:
    random = np.random.default_rng(0)
    save_file(weights(), folder / "model.safetensors")
    whole = (folder / "model.safetensors").read_bytes()
    for _ in range(60):
        torn = bytearray(whole)
        for place in random.integers(0, 3_000, 3):  # the header
            torn[place] = random.integers(256)
        (folder / "model.safetensors").write_bytes(
            torn[: random.integers(1, len(torn))] if random.random() < 0.3 else torn
        )
        try:
            vector = open_cxr_bert(folder, "cls", None).embed(["left"])
        except BadCheckpoint:
            continue
        assert np.isfinite(vector).all()


def spoil(folder: Path, change: Any) -> None:
    named = weights()
    change(named)
    torch.save(named, folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda named: named.pop("bert.encoder.layer.1.output.dense.weight"),
            r"1 tensors of a BERT are missing.*encoder\.layer\.1\.output\.dense\.weight",
        ),
        (
            lambda named: named.update({"bert.encoder.layer.0.output.dense.bias": torch.zeros(31)}),
            r"encoder\.layer\.0\.output\.dense\.bias is \(31,\) instead of \(32,\)",
        ),
        (
            lambda named: named["bert.embeddings.LayerNorm.bias"].fill_(float("nan")),
            r"embeddings\.LayerNorm\.bias holds values that are not finite",
        ),
        (
            lambda named: named.update({key: 3 for key in list(named)}),
            r"tensors of a BERT are missing",
        ),
    ],
)
def test_weights_of_another_model_name_the_first_difference(
    folder: Path, change: Any, message: str
) -> None:
    spoil(folder, change)
    with pytest.raises(BadCheckpoint, match=message):
        open_cxr_bert(folder, "default", None)


def test_weights_without_names_are_refused(folder: Path) -> None:
    torch.save(torch.zeros(3), folder / "pytorch_model.bin")
    with pytest.raises(BadCheckpoint, match="a Tensor instead of named weights"):
        open_cxr_bert(folder, "default", None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"hidden_size": "many"}',
        json.dumps({**configuration(), "hidden_size": 31}),
        '{"hidden_act": "nothing"}',
    ],
)
def test_a_configuration_of_nothing_known_is_refused(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    with pytest.raises(BadCheckpoint, match=r"config\.json|config\.json must belong together"):
        open_cxr_bert(folder, "default", None)


def test_a_vocabulary_larger_than_the_model_is_refused(folder: Path) -> None:
    with (folder / "vocab.txt").open("a") as file:
        file.write("extra\n")
    with pytest.raises(
        BadCheckpoint, match=rf"{len(VOCABULARY) + 1} words.*config\.json says {len(VOCABULARY)}"
    ):
        open_cxr_bert(folder, "default", None)


def test_paper_code_needs_two_layers(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({**configuration(), "num_hidden_layers": 1}))
    with pytest.raises(ConfigError, match=r"text\.pooling is paper_code"):
        open_cxr_bert(folder, "paper_code", None)
    assert open_cxr_bert(folder, "cls", None).dim == HIDDEN


def test_opening_an_encoder_leaves_the_callers_random_numbers_alone(cxr_bert_folder: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    open_cxr_bert(cxr_bert_folder, "default", None)
    assert torch.equal(torch.rand(3), expected)
