"""Weights and state as one safetensors file, written whole or not at all; its JSON lies in the header and, for people, beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from saywhere.config import Config, parse
from saywhere.errors import BadCheckpoint, MissingFile
from saywhere.io import files
from saywhere.model import Model
from saywhere.text.encoder import Encoder
from saywhere.text.scale import EmbeddingScale

FORMAT = 1
WEIGHTS = "checkpoint.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds."""

    config: Config
    state: dict[str, Any]
    """epoch, step, history, the encoder's identity, whether the words were heard …"""
    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]


def save(folder: Path, config: Config, model: nn.Module, state: dict[str, Any], optimizer: torch.optim.Optimizer | None = None) -> None:
    """Replace folder/checkpoint.safetensors atomically. Raises NotWritable; the one before still loads then."""
    from safetensors.torch import save as to_bytes

    tensors = {f"model.{name}": value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    if optimizer is not None:
        tensors |= {f"optimizer.{name}": value for name, value in _optimizer_tensors(model, optimizer).items()}
    header = {"format": FORMAT, "config": config.model_dump(mode="json"), "state": state}
    folder.mkdir(parents=True, exist_ok=True)
    files.write_bytes(folder / WEIGHTS, to_bytes(tensors, metadata={"saywhere": json.dumps(header)}))
    files.write_json(folder / "state.json", header)


def load(folder: Path) -> Checkpoint:
    """Read and check a checkpoint. Raises MissingFile, BadCheckpoint."""
    path = folder / WEIGHTS
    if not path.is_file():
        raise MissingFile(f"no {WEIGHTS}", where=folder, remedy="train first, or name another run directory")
    header, tensors = _read(path)
    if header.get("format") != FORMAT:
        raise BadCheckpoint(f"checkpoint format {header.get('format')}", where=path, allowed=f"this version reads format {FORMAT}")
    config = parse(header["config"], where=path)
    return Checkpoint(config, header["state"], _part(tensors, "model."), _part(tensors, "optimizer."))


def restore_model(model: nn.Module, checkpoint: Checkpoint, where: Path) -> None:
    """Load the weights. Raises BadCheckpoint where they belong to another model, naming the first difference."""
    wanted = model.state_dict()
    for name in sorted(set(wanted) ^ set(checkpoint.model)):
        raise BadCheckpoint(f"{name} is {'missing' if name in wanted else 'unknown'}", where=where, allowed="the checkpoint of this very configuration",
                            remedy="the configuration or the code has changed since: train again, or use the version that made it")  # fmt: skip
    for name, value in wanted.items():
        if checkpoint.model[name].shape != value.shape:
            raise BadCheckpoint(f"{name} is {tuple(checkpoint.model[name].shape)} instead of {tuple(value.shape)}", where=where)
        if not torch.isfinite(checkpoint.model[name]).all():
            raise BadCheckpoint(f"{name} holds values that are not finite", where=where, remedy="use another checkpoint")
    model.load_state_dict(checkpoint.model)


def restore_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer, checkpoint: Checkpoint) -> None:
    """Put the moments back where `save` took them from."""
    for name, parameter in model.named_parameters():
        for key in ("step", "exp_avg", "exp_avg_sq"):
            value = checkpoint.optimizer.get(f"{name}.{key}")
            if value is not None:
                optimizer.state[parameter][key] = value.clone() if key == "step" else value.to(parameter.device).to(memory_format=_format(parameter))


def same_encoder(saved: dict[str, Any] | None, encoder: Encoder, where: Path) -> None:
    """Refuse another encoder than the one trained with: its numbers would mean something else. Raises BadCheckpoint."""
    found = {"name": encoder.name, "revision": encoder.revision, "pooling": encoder.pooling}
    if saved is not None and saved != found:
        raise BadCheckpoint(f"the text encoder here is {found}", where=where, allowed=f"the model was trained with {saved}",
                            remedy="point text.path to that encoder's files")  # fmt: skip


def empty_scale(checkpoint: Checkpoint) -> EmbeddingScale | None:
    """A scale of the checkpoint's shape, to be filled by `restore_model`; None for an image-only model."""
    matrix = checkpoint.model.get("scale.matrix")
    return None if matrix is None else EmbeddingScale(*matrix.shape)


def build_from(checkpoint: Checkpoint, where: Path) -> Model:
    """The checkpoint's model, in eval mode."""
    from saywhere.engine.build import build_model

    model = build_model(checkpoint.config, empty_scale(checkpoint), pretrained=False)
    restore_model(model, checkpoint, where)
    return model.eval()


def _format(parameter: Tensor) -> torch.memory_format:
    is_channels_last = parameter.ndim == 4 and parameter.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if is_channels_last else torch.contiguous_format


def _optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": value.detach().cpu().contiguous()
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})["saywhere"])
            return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise BadCheckpoint(f"not a Saywhere checkpoint ({reason})", where=path, remedy="pickles are never read; name a run directory") from None


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
