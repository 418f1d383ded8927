"""The published R50+ViT-B/16 weights (a `.npz` of JAX arrays) for TransUNet, where a user has the
file.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from saywhere.errors import BadCheckpoint, MissingFile
from saywhere.networks.first_filters import DEFAULT, widen
from saywhere.networks.transunet import GRID, Bottleneck, TransUNet


def load_vit(network: TransUNet, path: Path, first_filters: str = DEFAULT) -> None:
    """Load a network's ResNet and transformer from published weights; its decoder keeps its start.

    Args:
        network: of the published size, width 64 and depth 1.
        path: R50+ViT-B_16.npz, as Google published it.
        first_filters: how channels beyond red, green and blue start, see `first_filters.widen`.

    Raises:
        MissingFile: there is no such file.
        BadCheckpoint: it is no archive of arrays, or its arrays do not fit the network.
    """
    published = _read(Path(path))
    state: dict[str, Tensor] = {}
    for ours, theirs in names(network).items():
        if theirs not in published:
            raise BadCheckpoint(
                f"no array {theirs}",
                where=path,
                allowed="it must be a R50+ViT-B/16 in the layout that Google published",
            )
        state[ours] = _ours(ours, torch.from_numpy(published[theirs].astype(np.float32)))
    # Published for red, green and blue; a stack has more channels.
    state["encoder.root.0.weight"] = widen(
        state["encoder.root.0.weight"], network.in_channels, first_filters
    )
    current = network.state_dict()
    for ours, tensor in state.items():
        if tensor.shape != current[ours].shape:
            rule = (
                f"this network's is {tuple(current[ours].shape)} "
                f"(width {network.width}, depth {network.depth})"
            )
            raise BadCheckpoint(
                f"{names(network)[ours]} has shape {tuple(tensor.shape)}",
                where=path,
                allowed=rule,
                remedy="use width 64 and depth 1",
            )
    network.load_state_dict(current | state)
    network.has_pretrained = True


def names(network: TransUNet) -> dict[str, str]:
    """Our parameter → the published array, for all that the file holds."""
    published_names = {
        "encoder.root.0.weight": "conv_root/kernel",
        **_norm("encoder.root.1", "gn_root"),
    }
    for name, block in network.encoder.named_modules():
        if isinstance(block, Bottleneck):
            _, stage, unit = name.split(".")
            published_names |= _unit(
                f"encoder.{name}",
                f"block{int(stage) + 1}/unit{int(unit) + 1}",
                has_projection=isinstance(block.project, nn.Sequential),
            )
    published_names |= {
        **_dense("transformer.embed", "embedding"),
        "transformer.position": "Transformer/posembed_input/pos_embedding",
    }
    for index in range(len(network.transformer.blocks)):
        published_names |= _block(
            f"transformer.blocks.{index}", f"Transformer/encoderblock_{index}"
        )
    return published_names | _norm("transformer.norm", "Transformer/encoder_norm")


def _unit(ours: str, theirs: str, has_projection: bool) -> dict[str, str]:
    published_names: dict[str, str] = {}
    for i in range(3):
        published_names |= {
            f"{ours}.convolve.{3 * i}.weight": f"{theirs}/conv{i + 1}/kernel",
            **_norm(f"{ours}.convolve.{3 * i + 1}", f"{theirs}/gn{i + 1}"),
        }
    if has_projection:
        published_names |= {
            f"{ours}.project.0.weight": f"{theirs}/conv_proj/kernel",
            **_norm(f"{ours}.project.1", f"{theirs}/gn_proj"),
        }
    return published_names


def _block(ours: str, theirs: str) -> dict[str, str]:
    published_names = {
        # JAX numbers the parts of a block in order: norm 0, attention 1, norm 2, MLP 3.
        **_norm(f"{ours}.attention_norm", f"{theirs}/LayerNorm_0"),
        **_norm(f"{ours}.mlp_norm", f"{theirs}/LayerNorm_2"),
    }
    for part in ("query", "key", "value", "out"):
        published_names |= _dense(
            f"{ours}.{part}", f"{theirs}/MultiHeadDotProductAttention_1/{part}"
        )
    return (
        published_names
        | _dense(f"{ours}.mlp.0", f"{theirs}/MlpBlock_3/Dense_0")
        | _dense(f"{ours}.mlp.3", f"{theirs}/MlpBlock_3/Dense_1")
    )


def _norm(ours: str, theirs: str) -> dict[str, str]:
    return {f"{ours}.weight": f"{theirs}/scale", f"{ours}.bias": f"{theirs}/bias"}


def _dense(ours: str, theirs: str) -> dict[str, str]:
    return {f"{ours}.weight": f"{theirs}/kernel", f"{ours}.bias": f"{theirs}/bias"}


def _ours(name: str, array: Tensor) -> Tensor:
    """JAX's axes → torch's: kernels are (height, width, in, out) or (in…, out…) there, heads apart,
    scales perhaps (1, 1, 1, n).
    """
    if name == "transformer.position":
        # The class token has no place in a map.
        return array[:, 1:] if array.shape[1] == GRID * GRID + 1 else array
    if not name.endswith("weight") or name.rpartition(".")[0].endswith("norm"):
        return array.flatten()
    if name.endswith((".query.weight", ".key.weight", ".value.weight")):
        return array.flatten(1).T  # (hidden, head, size) → (head · size, hidden)
    if name.endswith(".out.weight"):
        return array.flatten(0, 1).T  # (head, size, hidden) → (hidden, head · size)
    if array.ndim == 4 and array.shape[:3] != (1, 1, 1):
        return array.permute(3, 2, 0, 1)
    return array.T if array.ndim == 2 else array.flatten()


def _read(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise MissingFile(f"no file {path}", remedy="fetch R50+ViT-B_16.npz from its publisher")
    try:
        # An array of objects would be a pickle, which can run code.
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    # What NumPy raises of a file that is no archive, or a broken one.
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise BadCheckpoint(
            f"no readable .npz ({error})", where=path, remedy="fetch the file again"
        ) from None
