"""A model as ONNX answers as the model does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from saywhere.config import Config
from saywhere.config.fusions import FUSIONS
from saywhere.errors import MissingExtra
from saywhere.hub import onnx, parity
from saywhere.hub.onnx_graph import AnySize
from saywhere.inference import onnx_files
from saywhere.inference.segmenter import load
from saywhere.io.framing import FITS, Fit, Framing
from saywhere.io.images import resize_image
from saywhere.networks.registry import NETWORKS, has_depth
from saywhere.training.trainer import train
from saywhere.types import Segmentation

ort = pytest.importorskip("onnxruntime")
PROMPTS = ["upper left", "one round bright lesion in the lower right of the image", "left"]


@pytest.fixture(scope="session")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("onnx")
    onnx.export(trained, folder, n_inputs=40)
    return folder


def embedding_of(folder: Path, prompt: str) -> np.ndarray:
    """By the exported files alone."""
    from tokenizers import Tokenizer

    tokens = Tokenizer.from_file(str(folder / onnx.TOKENIZER)).encode(prompt)
    feed = {
        "input_ids": np.array([tokens.ids]),
        "attention_mask": np.array([tokens.attention_mask]),
    }
    return ort.InferenceSession(folder / onnx.TEXT).run(None, feed)[0]


def probability_of(folder: Path, pixels: np.ndarray, embedding: np.ndarray | None) -> np.ndarray:
    feed: dict[str, Any] = {"image": (pixels.transpose(2, 0, 1)[None] / 255).astype(np.float32)}
    if embedding is not None:
        feed["embedding"] = embedding
    return ort.InferenceSession(folder / onnx.NETWORK).run(None, feed)[0][0, 0]


@pytest.mark.parametrize("size", [(32, 32), (75, 41), (20, 130), (300, 200)])
def test_the_files_alone_give_the_mask_of_the_library(
    exported: Path, trained: Path, size: tuple[int, int]
) -> None:
    segmenter = load(trained)
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 1), dtype=np.uint8)
    # Smooth, since a picture of noise becomes one grey at the network's size.
    pixels = resize_image(pixels[:9, :9], size)
    for prompt in PROMPTS:
        result = segmenter.segment(pixels, prompt)
        probability = probability_of(exported, pixels, embedding_of(exported, prompt))
        assert probability.shape == size
        # Pillow's rounding to whole grey levels is what is left.
        assert np.abs(probability - result.probability).max() < 5e-3
        assert ((probability > 0.5) == result.mask).mean() >= 0.999


def test_the_text_encoder_alone_gives_the_embedding_of_the_library(
    exported: Path, trained: Path
) -> None:
    segmenter = load(trained)
    for prompt in PROMPTS:
        expected = segmenter.embeddings([prompt]).numpy()
        np.testing.assert_allclose(embedding_of(exported, prompt), expected, atol=1e-5)


def test_the_batch_is_open(exported: Path, trained: Path) -> None:
    session = ort.InferenceSession(exported / onnx.NETWORK)
    image = torch.rand(5, 1, 40, 56, generator=torch.Generator().manual_seed(1)).numpy()
    embedding = load(trained).embeddings([*PROMPTS, "a", "b"]).numpy()
    feed = {"image": image, "embedding": embedding}
    together, logits = session.run(["probability", "logits"], feed)
    assert together.shape == (5, 1, 40, 56)
    assert logits.shape == (5, 1, 32, 32)
    alone = session.run(None, {"image": image[3:4], "embedding": embedding[3:4]})[0]
    np.testing.assert_allclose(together[3:4], alone, atol=1e-5)


def test_what_the_files_do_not_say_stands_beside_them(exported: Path, trained: Path) -> None:
    about = json.loads((exported / onnx.ABOUT).read_text())
    assert about["model"] == load(trained).digest
    assert (about["channels"], about["size_px"], about["threshold"]) == (1, 32, 0.5)
    assert about["encoder"]["name"] == "minilm"
    assert about["max_tokens"] == 128
    assert about["parity"]["n"] == 40
    assert 0 <= about["parity"]["probability"] <= 1e-4


def test_an_image_only_model_has_no_text_encoder(image_only: Path, tmp_path: Path) -> None:
    measured = onnx.export(image_only, tmp_path, n_inputs=4)
    assert measured.embedding is None
    assert {file.name for file in tmp_path.iterdir()} == {onnx.NETWORK, onnx.ABOUT}
    inputs = ort.InferenceSession(tmp_path / onnx.NETWORK).get_inputs()
    assert [one.name for one in inputs] == ["image"]


class Twice(torch.nn.Module):
    """As logits the red channel, so that what the network sees comes back."""

    def forward(self, image: torch.Tensor, embedding: torch.Tensor) -> Segmentation:
        return Segmentation(image[:, :1].clamp(1e-6, 1 - 1e-6).logit(), None)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(64, 64), (33, 190), (8, 8), (1, 50), (300, 401), (90, 3)])
def test_an_image_comes_into_the_square_and_back_as_in_the_library(
    fit: Fit, size: tuple[int, int]
) -> None:
    framing = Framing(32, fit)
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    graph = AnySize(Twice(), framing)  # type: ignore[arg-type]
    image = torch.from_numpy(pixels.transpose(2, 0, 1)[None]).float() / 255
    probability, logits = graph(image, torch.zeros(1, 1))
    square = framing.image(pixels)[..., 0] / 255
    # Pillow rounds to whole grey levels after each of its two passes.
    assert np.abs(logits.sigmoid()[0, 0].numpy() - square).max() <= 1.01 / 255
    box = framing.box(*size)
    inner = logits.sigmoid()[..., box.top : box.top + box.height, box.left : box.left + box.width]
    back = torch.nn.functional.interpolate(inner, size, mode="bilinear", align_corners=False)
    torch.testing.assert_close(probability, back, rtol=0, atol=1e-5)


def test_a_difference_keeps_no_file(
    exported: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parity, "TOLERANCE", -1.0)
    # What was exported once, since that takes long.
    monkeypatch.setattr(onnx, "_network_bytes", lambda _: (exported / onnx.NETWORK).read_bytes())
    monkeypatch.setattr(onnx, "_text_bytes", lambda _: (exported / onnx.TEXT).read_bytes())
    with pytest.raises(parity.ParityError, match="probabilities differ by up to"):
        onnx.export(trained, tmp_path / "out", n_inputs=1)
    assert not (tmp_path / "out").exists()


def test_without_the_packages_the_extra_is_named(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_files, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"onnx, onnxscript, onnxruntime.*saywhere\[onnx\]"):
        onnx.export(trained, tmp_path)


@pytest.mark.slow  # an export takes some ten seconds
@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_with_every_fusion(
    network: str, fusion: str, config: Config, tmp_path: Path
) -> None:
    small = {"network.name": network, "fusion.name": fusion, "network.width": 8, "train.epochs": 1}
    joins_features = FUSIONS[fusion].joins == "features"
    if joins_features and not hasattr(NETWORKS[network], "stages"):
        pytest.skip(f"{network} names no stages")
    # The published depth of a transformer takes minutes to export.
    if has_depth(network) and not network.startswith("unet"):
        small["network.depth"] = 0.5
    run = train(config.replace(**small, **{"data.size": 64, "data.limit": 4}), tmp_path / "run")
    measured = onnx.export(run, tmp_path / "onnx", n_inputs=200)
    assert measured.n == 200
    assert measured.probability <= 1e-4
