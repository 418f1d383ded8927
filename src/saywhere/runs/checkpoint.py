"""Weights and state as one safetensors file, written whole or not at all; its JSON lies in the header and, for people, beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from saywhere.config import Config, parse
from saywhere.errors import BadCheckpoint, MissingExtra, MissingFile, SaywhereError
from saywhere.fusion.conditioning import current_names
from saywhere.io import files
from saywhere.modeling.model import Model
from saywhere.runs import sealed
from saywhere.runs.formats import refuse_newer_folder
from saywhere.runs.named import BUNDLE, WEIGHTS, weights_file
from saywhere.text.encoder import Encoder, identity
from saywhere.text.whitening import EmbeddingScale

NUMBERS = (int, float)


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds."""

    config: Config
    state: dict[str, Any]
    """epoch, step, history, the encoder's identity, whether the words were heard …"""
    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]


def save(
    folder: Path,
    config: Config,
    model: nn.Module,
    state: dict[str, Any],
    optimizer: torch.optim.Optimizer | None = None,
) -> None:
    """Replace folder/checkpoint.safetensors atomically. Raises NotWritable; the one before still loads then."""
    moments = {} if optimizer is None else _optimizer_tensors(model, optimizer)
    write(folder, Checkpoint(config, state, model.state_dict(), moments))


def write(folder: Path, checkpoint: Checkpoint) -> None:
    """The same, of what a checkpoint holds."""
    tensors = {
        f"model.{name}": value.detach().cpu().contiguous()
        for name, value in checkpoint.model.items()
    }
    tensors |= {f"optimizer.{name}": value for name, value in checkpoint.optimizer.items()}
    document = {"config": checkpoint.config.model_dump(mode="json"), "state": checkpoint.state}
    files.write_bytes(folder / WEIGHTS, sealed.pack(document, tensors))
    files.write_json(folder / "state.json", document)


def load(folder: Path) -> Checkpoint:
    """Read and check the weights of a run, of a checkpoint's folder or of a model's. Raises MissingFile, BadCheckpoint."""
    path = weights_file(folder)
    if path is None:
        raise MissingFile(
            f"no {WEIGHTS}", where=folder, remedy="train first, or name another run directory"
        )
    refuse_newer_folder(folder)
    document, tensors = sealed.unpack(path)
    if path.name == BUNDLE:
        tensors = {
            name: value.float() if value.dtype == torch.float16 else value
            for name, value in tensors.items()
        }
    _check_state(document.get("state"), path)
    try:
        config = parse(document["config"], where=path)
    except (SaywhereError, KeyError) as error:
        raise BadCheckpoint(
            f"its configuration is not one of this version ({getattr(error, 'found', 'there is none')})",
            where=path,
            remedy="use the version that made it, or train again",
        ) from None
    return Checkpoint(
        config,
        document["state"],
        _renamed(_part(tensors, "model.")),
        _renamed(_part(tensors, "optimizer.")),
    )


def restore_model(model: nn.Module, checkpoint: Checkpoint, where: Path) -> None:
    """Load the weights. Raises BadCheckpoint where they belong to another model, naming the first difference."""
    compare(model, checkpoint, where)
    for name, value in checkpoint.model.items():
        if (
            not torch.isfinite(value).all() and name != "scale.reach"
        ):  # reach is infinite before a scale is fitted
            raise BadCheckpoint(
                f"{name} holds values that are not finite",
                where=where,
                remedy="use another checkpoint",
            )
    model.load_state_dict(checkpoint.model)


def compare(model: nn.Module, checkpoint: Checkpoint, where: Path) -> None:
    """Names, shapes and types, without loading. Raises BadCheckpoint naming the first difference."""
    wanted = model.state_dict()
    for name in sorted(set(wanted) ^ set(checkpoint.model)):
        raise BadCheckpoint(
            f"{name[:80]} is {'missing' if name in wanted else 'unknown'}",
            where=where,
            allowed="the checkpoint of this very configuration",
            remedy="the configuration or the code has changed since: train again, or use the version that made it",
        )
    for name, value in wanted.items():
        found = checkpoint.model[name]
        if (found.shape, found.dtype) != (value.shape, value.dtype):
            raise BadCheckpoint(
                f"{name} is {sealed.kind(found)} instead of {sealed.kind(value)}", where=where
            )


def restore_optimizer(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    checkpoint: Checkpoint,
    where: Path | None = None,
) -> None:
    """Put the moments back where `save` took them from. Raises BadCheckpoint where they do not fit."""
    for name, parameter in model.named_parameters():
        for key in ("step", "exp_avg", "exp_avg_sq"):
            value = checkpoint.optimizer.get(f"{name}.{key}")
            if value is None:
                continue
            if (
                value.shape != (torch.Size() if key == "step" else parameter.shape)
                or not torch.isfinite(value).all()
            ):
                raise BadCheckpoint(
                    f"the moment {name}.{key} is {sealed.kind(value)}, or not finite",
                    where=where,
                    remedy="resume from another checkpoint",
                )
            is_count = key == "step"
            there = value.clone() if is_count else value.to(memory_format=_format(parameter))
            optimizer.state[parameter][key] = (
                there
                if is_count and not optimizer.defaults.get("fused")
                else there.to(parameter.device)
            )


def same_encoder(saved: dict[str, Any] | None, encoder: Encoder, where: Path) -> None:
    """Refuse another encoder than the one trained with: its numbers would mean something else. Raises BadCheckpoint."""
    found = identity(encoder)
    if saved is not None and saved != found:
        raise BadCheckpoint(
            f"the text encoder here is {found}",
            where=where,
            allowed=f"the model was trained with {saved}",
            remedy="point text.path to that encoder's files",
        )


def empty_scale(checkpoint: Checkpoint) -> EmbeddingScale | None:
    """A scale of the checkpoint's shape, to be filled by `restore_model`; None for an image-only model."""
    matrix = checkpoint.model.get("scale.matrix")
    return None if matrix is None else EmbeddingScale(*matrix.shape)


def scale_of(checkpoint: Checkpoint) -> EmbeddingScale | None:
    """The scale itself; None for an image-only model."""
    scale = empty_scale(checkpoint)
    if scale is not None:
        scale.load_state_dict(
            {
                name.removeprefix("scale."): value
                for name, value in checkpoint.model.items()
                if name.startswith("scale.")
            }
        )
    return scale


def build_from(checkpoint: Checkpoint, where: Path) -> Model:
    """The checkpoint's model, in eval mode; shapes are compared first, so that a hostile configuration takes no memory. Raises BadCheckpoint."""
    from saywhere.modeling.build import build_model

    try:
        with torch.device("meta"):
            compare(
                build_model(checkpoint.config, empty_scale(checkpoint), restored=True),
                checkpoint,
                where,
            )
    except (BadCheckpoint, MissingExtra):
        raise
    except Exception as error:  # whatever networks raise on sizes that make no sense
        raise BadCheckpoint(
            f"no model can be built from its configuration ({sealed.short(error)})",
            where=where,
            remedy="use another checkpoint",
        ) from None
    model = build_model(checkpoint.config, empty_scale(checkpoint), restored=True)
    restore_model(model, checkpoint, where)
    return model.eval()


def _format(parameter: Tensor) -> torch.memory_format:
    is_channels_last = parameter.ndim == 4 and parameter.is_contiguous(
        memory_format=torch.channels_last
    )
    return torch.channels_last if is_channels_last else torch.contiguous_format


def _optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": value.detach().cpu().contiguous()
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def _check_state(state: Any, path: Path) -> None:
    """What resuming and predicting read from it."""
    known = state if isinstance(state, dict) else {}
    sums, history = known.get("sums"), known.get("history")
    is_sound = (
        isinstance(known.get("step"), int)
        and isinstance(known.get("best"), NUMBERS)
        and isinstance(sums, list)
        and len(sums) == 3
        and all(isinstance(number, NUMBERS) for number in sums)
        and isinstance(history, list)
        and all(isinstance(row, dict) for row in history)
    )
    if not is_sound:
        raise BadCheckpoint(
            "its state is incomplete", where=path, remedy="use another checkpoint, or train again"
        )


def _renamed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Older releases named a conditioned network's weights otherwise."""
    current = current_names(list(tensors))
    return {current.get(name, name): value for name, value in tensors.items()}


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
