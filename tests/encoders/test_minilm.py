from __future__ import annotations

import shutil
from pathlib import Path
from typing import ClassVar

import pytest
from safetensors.torch import load_file, save_file

from encoders.conformance import BertConformance
from saywhere.text.bert import BertEncoder
from saywhere.text.minilm import _package_folder, open_minilm


@pytest.fixture(scope="module")
def encoder(minilm: BertEncoder) -> BertEncoder:
    return minilm


@pytest.fixture(scope="module")
def other_weights(tmp_path_factory: pytest.TempPathFactory) -> BertEncoder:
    folder = tmp_path_factory.mktemp("minilm")
    package = _package_folder()
    for name in ("config.json", "vocab.txt", "tokenizer_config.json"):
        shutil.copy(package / name, folder)
    weights = load_file(package / "model.safetensors")
    weights["embeddings.word_embeddings.weight"] = weights[
        "embeddings.word_embeddings.weight"
    ].flip(0)
    save_file(weights, folder / "model.safetensors")
    return open_minilm(Path(folder))


class TestMiniLM(BertConformance):
    dim: ClassVar[int] = 384
