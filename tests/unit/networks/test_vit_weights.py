"""The published layout of JAX arrays arrives where it belongs. The file is a small random one that
the test makes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from saywhere.errors import BadCheckpoint, MissingFile
from saywhere.networks.transunet import TransUNet
from saywhere.networks.vit_weights import load_vit
from vit_file import DEPTH, HIDDEN, WIDTH, published, write


def small() -> TransUNet:
    torch.manual_seed(0)
    return TransUNet(
        in_channels=6, width=WIDTH, depth=DEPTH
    )  # one residual unit a stage, one transformer block


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    return published()


def test_every_parameter_of_resnet_and_transformer_is_loaded_and_the_decoder_is_not(
    arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    network = small()
    before = small().state_dict()
    load_vit(network, write(tmp_path, arrays))
    unchanged = [
        name for name, tensor in network.state_dict().items() if torch.equal(tensor, before[name])
    ]
    assert all(name.startswith(("first", "decoder", "head")) for name in unchanged)
    changed = set(before) - set(unchanged)
    assert all(name.startswith(("encoder", "transformer")) for name in changed)
    n_loaded = sum(network.state_dict()[name].numel() for name in changed)
    n_published = sum(array.size for name, array in arrays.items() if not name.startswith("head"))
    assert (
        n_loaded == n_published + 7 * 7 * 3 * 4 - HIDDEN
    )  # three more input channels, no class token
    assert len(network.pretrained_parameters()) == len(changed)


def test_linear_layers_compute_what_their_jax_arrays_mean(
    arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    network = small()
    tokens = np.random.default_rng(1).normal(size=(5, HIDDEN)).astype(np.float32)
    load_vit(network, write(tmp_path, arrays))
    block = network.transformer.blocks[0]
    attention = "Transformer/encoderblock_0/MultiHeadDotProductAttention_1"
    with torch.no_grad():
        query = block.query(torch.from_numpy(tokens)).unflatten(1, (12, 4)).numpy()
        out = block.out(torch.from_numpy(query).flatten(1)).numpy()
        mlp = block.mlp[0](torch.from_numpy(tokens)).numpy()
    expected = (
        np.einsum("tc,chd->thd", tokens, arrays[f"{attention}/query/kernel"])
        + arrays[f"{attention}/query/bias"]
    )
    np.testing.assert_allclose(query, expected, rtol=1e-4, atol=1e-4)
    expected = (
        np.einsum("thd,hdc->tc", query, arrays[f"{attention}/out/kernel"])
        + arrays[f"{attention}/out/bias"]
    )
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-3)
    expected = (
        tokens @ arrays["Transformer/encoderblock_0/MlpBlock_3/Dense_0/kernel"]
        + arrays["Transformer/encoderblock_0/MlpBlock_3/Dense_0/bias"]
    )
    np.testing.assert_allclose(mlp, expected, rtol=1e-4, atol=1e-4)


def test_convolutions_positions_and_the_stem_keep_their_axes(
    arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    network = small()
    load_vit(network, write(tmp_path, arrays), first_filters="zero")
    kernel = network.encoder.stages[1][0].convolve[3].weight
    assert kernel[2, 5, 0, 1].item() == arrays["block2/unit1/conv2/kernel"][0, 1, 5, 2]
    assert (
        network.encoder.stages[2][0].project[1].weight[7].item()
        == arrays["block3/unit1/gn_proj/scale"][0, 0, 0, 7]
    )
    assert (
        network.transformer.position[0, 0, 3].item()
        == arrays["Transformer/posembed_input/pos_embedding"][0, 1, 3]
    )
    stem = network.encoder.root[0].weight
    assert stem[3, 2, 4, 6].item() == arrays["conv_root/kernel"][4, 6, 2, 3]
    assert not stem[:, 3:].any()


def test_a_missing_array_is_named(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    del arrays["block2/unit1/gn2/bias"]
    with pytest.raises(BadCheckpoint, match=r"no array block2/unit1/gn2/bias in .*vit\.npz"):
        load_vit(small(), write(tmp_path, arrays))


def test_weights_of_another_width_are_refused_with_both_shapes_and_nothing_is_changed(
    arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    network = TransUNet(in_channels=6, width=8, depth=1 / 12)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(
        BadCheckpoint,
        match=r"conv_root/kernel has shape \(4, 6, 7, 7\).*"
        r"this network's is \(8, 6, 7, 7\) \(width 8",
    ):
        load_vit(network, write(tmp_path, arrays))
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_files_that_are_no_npz_are_refused(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    half = write(tmp_path, arrays)
    half.write_bytes(half.read_bytes()[:5000])
    save_file({"kernel": np.zeros(3, np.float32)}, tmp_path / "vit.safetensors")
    np.savez(tmp_path / "pickled.npz", **{"conv_root/kernel": np.array([{}], dtype=object)})
    for path in (half, tmp_path / "vit.safetensors", tmp_path / "pickled.npz"):
        with pytest.raises(BadCheckpoint, match=r"no readable \.npz"):
            load_vit(small(), path)
    with pytest.raises(MissingFile, match=r"no file .*nowhere\.npz"):
        load_vit(small(), tmp_path / "nowhere.npz")
