"""Weights and state as one safetensors file, written whole or not at all.

Its JSON lies in the file's header and, for people, beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from saywhere.config import Config
from saywhere.errors import BadCheckpoint, MissingExtra, MissingFile, SaywhereError
from saywhere.io import files
from saywhere.modeling.model import Model
from saywhere.runs import tensor_file
from saywhere.runs.formats import refuse_newer_folder
from saywhere.runs.locate import BUNDLE, WEIGHTS, weights_file
from saywhere.runs.model_limits import refuse_endless
from saywhere.runs.older_values import parse_stored
from saywhere.runs.run_record import CheckpointState
from saywhere.text.whitening import EmbeddingScale

NUMBERS = (int, float)
MOMENTS = ("step", "exp_avg", "exp_avg_sq")
"""What AdamW keeps of each parameter."""


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds.

    Attributes:
        config: resolved.
        state: epoch, step, history, the encoder's identity …
        model: name → weights.
        optimizer: NAME.step, NAME.exp_avg, NAME.exp_avg_sq → moments; empty in `best`.
        average: name → running average of the weights (`train.average`); empty in `best`.
    """

    config: Config
    state: CheckpointState
    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    average: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Saver:
    """Saves a training's checkpoints, each with the configuration that it is trained with.

    Attributes:
        config: resolved; no `auto` is left in it.
        is_written: False where another process writes: then nothing is written here.
    """

    config: Config
    is_written: bool = True

    def save(
        self,
        folder: Path,
        model: nn.Module,
        state: CheckpointState,
        optimizer: torch.optim.Optimizer | None = None,
        average: nn.Module | None = None,
    ) -> None:
        """Replace a checkpoint; see `save`.

        Args:
            folder: of the checkpoint.
            model: whose weights are saved.
            state: as JSON holds it.
            optimizer: whose moments are saved; None: none are.
            average: with their running average; None: there is none.

        Raises:
            NotWritable: where the disk refuses.
        """
        if self.is_written:
            save(folder, self.config, model, state, optimizer, average)


def save(
    folder: Path,
    config: Config,
    model: nn.Module,
    state: CheckpointState,
    optimizer: torch.optim.Optimizer | None = None,
    average: nn.Module | None = None,
) -> None:
    """Replace folder/checkpoint.safetensors atomically.

    Args:
        folder: of the checkpoint.
        config: resolved.
        model: whose weights are saved.
        state: as JSON holds it.
        optimizer: whose moments are saved; None: none are.
        average: with their running average; None: there is none.

    Raises:
        NotWritable: where the disk refuses; the checkpoint before still loads then.
    """
    moments = _optimizer_tensors(model, optimizer) if optimizer else {}
    averaged = average.state_dict() if average else {}
    write(folder, Checkpoint(config, state, model.state_dict(), moments, averaged))


def write(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace folder/checkpoint.safetensors atomically, and state.json beside it.

    Args:
        folder: of the checkpoint.
        checkpoint: what it will hold.

    Raises:
        NotWritable: where the disk refuses; the checkpoint before still loads then.
    """
    tensors = {
        # safetensors takes contiguous tensors only; channels-last weights are not.
        f"{part}.{name}": value.detach().cpu().contiguous()
        for part, values in (("model", checkpoint.model), ("average", checkpoint.average))
        for name, value in values.items()
    }
    tensors |= {f"optimizer.{name}": value for name, value in checkpoint.optimizer.items()}
    document = {"config": checkpoint.config.model_dump(mode="json"), "state": checkpoint.state}
    files.write_bytes(folder / WEIGHTS, tensor_file.pack(document, tensors))
    # Second, since loading never reads it: a kill in between loses nothing.
    files.write_json(folder / "state.json", document)


def load(folder: Path) -> Checkpoint:
    """Read and check weights; float16 ones of a model become float32.

    Args:
        folder: of a run (its best checkpoint), of a checkpoint, or of a model.

    Returns:
        What the file holds.

    Raises:
        MissingFile: where no weights are.
        BadCheckpoint: where they are damaged, or of a newer format than this version reads.
    """
    path = weights_file(folder)
    if path is None:
        raise MissingFile(
            f"no {WEIGHTS}", where=folder, remedy="train first, or name another run directory"
        )
    # Before the weights: a newer format is refused as such, not as damage.
    refuse_newer_folder(folder)
    document, tensors = tensor_file.unpack(path)
    # A model is passed on in half precision; a checkpoint is loaded as it was saved.
    if path.name == BUNDLE:
        tensors = {name: _widened(value) for name, value in tensors.items()}
    _check_state(document.get("state"), path)
    try:
        config = parse_stored(document["config"], where=path)
    except (SaywhereError, KeyError, AttributeError) as error:
        reason = getattr(error, "found", "there is none")
        raise BadCheckpoint(
            f"its configuration is not one of this version ({reason})",
            where=path,
            remedy="use the version that made it, or train again",
        ) from None
    parts = (_part(tensors, prefix) for prefix in ("model.", "optimizer.", "average."))
    return Checkpoint(config, document["state"], *parts)


def _widened(value: Tensor) -> Tensor:
    return value.float() if value.dtype == torch.float16 else value


def restore_model(model: nn.Module, checkpoint: Checkpoint, where: Path) -> None:
    """Load the weights into a model.

    Args:
        model: changed in place.
        checkpoint: whose weights are taken.
        where: the checkpoint, for messages.

    Raises:
        BadCheckpoint: where they belong to another model, naming the first difference, or are not
            finite.
    """
    compare(model, checkpoint, where)
    for name, value in checkpoint.model.items():
        # The reach of a scale is infinite before it is fitted.
        if name != "scale.reach" and not torch.isfinite(value).all():
            raise BadCheckpoint(
                f"{name} holds values that are not finite",
                where=where,
                remedy="use another checkpoint",
            )
    model.load_state_dict(checkpoint.model)


def compare(model: nn.Module, checkpoint: Checkpoint, where: Path) -> None:
    """Compare names, shapes and types, without loading.

    Args:
        model: what the weights should fit.
        checkpoint: whose weights are compared.
        where: the checkpoint, for messages.

    Raises:
        BadCheckpoint: naming the first difference.
    """
    wanted = model.state_dict()
    for name in sorted(set(wanted) ^ set(checkpoint.model)):
        raise BadCheckpoint(
            # The name comes from the file, and may be of any length.
            f"{name[:80]} is {'missing' if name in wanted else 'unknown'}",
            where=where,
            allowed="the checkpoint of this very configuration",
            remedy="the configuration or the code has changed since: train again, "
            "or use the version that made it",
        )
    for name, value in wanted.items():
        saved = checkpoint.model[name]
        if (saved.shape, saved.dtype) != (value.shape, value.dtype):
            raise BadCheckpoint(
                f"{name} is {tensor_file.kind(saved)} instead of {tensor_file.kind(value)}",
                where=where,
                allowed="a model of this network, fusion and data.size",
                remedy="set them as it was trained: its config.toml says how",
            )


def restore_optimizer(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    checkpoint: Checkpoint,
    where: Path | None = None,
) -> None:
    """Put the moments back where `save` took them from.

    Args:
        model: whose parameters the optimiser steps.
        optimizer: changed in place.
        checkpoint: whose moments are taken; a parameter without any keeps none.
        where: the checkpoint, for messages.

    Raises:
        BadCheckpoint: where they do not fit.
    """
    is_fused = bool(optimizer.defaults.get("fused"))
    for name, parameter in model.named_parameters():
        for key in MOMENTS:
            value = checkpoint.optimizer.get(f"{name}.{key}")
            if value is None:
                continue
            shape = torch.Size() if key == "step" else parameter.shape
            if value.shape != shape or not torch.isfinite(value).all():
                raise BadCheckpoint(
                    f"the moment {name}.{key} is {tensor_file.kind(value)}, or not finite",
                    where=where,
                    remedy="resume from another checkpoint",
                )
            optimizer.state[parameter][key] = _placed(key, value, parameter, is_fused)


def restore_average(average: nn.Module, checkpoint: Checkpoint, where: Path) -> None:
    """Load the running average of the weights.

    Args:
        average: a model; changed in place.
        checkpoint: of a training with `train.average`.
        where: the checkpoint, for messages.

    Raises:
        BadCheckpoint: where it holds none, or that of another model.
    """
    if not checkpoint.average:
        missing = "no running average of the weights, which train.average asks for"
        raise BadCheckpoint(missing, where=where, remedy="train again")
    restore_model(average, replace(checkpoint, model=checkpoint.average), where)


def _placed(key: str, value: Tensor, parameter: Tensor, is_fused: bool) -> Tensor:
    """Where AdamW wants it: only its fused kernel counts steps on the parameter's device."""
    if key != "step":
        return value.to(memory_format=_format(parameter)).to(parameter.device)
    return value.clone().to(parameter.device) if is_fused else value.clone()


def empty_scale(checkpoint: Checkpoint) -> EmbeddingScale | None:
    """Make a scale of the checkpoint's shape, to be filled by `restore_model`.

    Args:
        checkpoint: of any model.

    Returns:
        The scale; None for an image-only model.
    """
    matrix = checkpoint.model.get("scale.matrix")
    return None if matrix is None else EmbeddingScale(*matrix.shape)


def scale_of(checkpoint: Checkpoint) -> EmbeddingScale | None:
    """Read the scale that a model learned by.

    Args:
        checkpoint: of any model.

    Returns:
        The scale; None for an image-only model.
    """
    scale = empty_scale(checkpoint)
    if scale is not None:
        scale.load_state_dict(_part(checkpoint.model, "scale."))
    return scale


def build_from(checkpoint: Checkpoint, where: Path) -> Model:
    """Build the checkpoint's model.

    Shapes are compared first, so that a hostile configuration takes no memory.

    Args:
        checkpoint: whose configuration and weights are taken.
        where: the checkpoint, for messages.

    Returns:
        The model, in eval mode.

    Raises:
        BadCheckpoint: where no model can be built, or the weights are of another one.
    """
    # Loaded when it is needed: a checkpoint can be read without any network.
    from saywhere.modeling.build import build_model

    try:
        with torch.device("meta"):
            shapes = build_model(checkpoint.config, empty_scale(checkpoint), restored=True)
            compare(shapes, checkpoint, where)
            refuse_endless(shapes, checkpoint.config, where)
    except (BadCheckpoint, MissingExtra):
        # These say already what is wrong, and what to do.
        raise
    except Exception as error:
        # Whatever networks raise on sizes that make no sense.
        raise BadCheckpoint(
            f"no model can be built from its configuration ({tensor_file.short(error)})",
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
        # safetensors holds nothing but tensors.
        if isinstance(value, Tensor)
    }


def _check_state(state: Any, path: Path) -> None:
    """Raise BadCheckpoint where what resuming and predicting read is missing or of another type."""
    known = state if isinstance(state, dict) else {}
    is_sound = (
        isinstance(known.get("step"), int)
        and isinstance(known.get("best"), NUMBERS)
        and any(_is_list(known.get("sums"), NUMBERS, length=length) for length in (3, 4))
        and _is_list(known.get("history"), dict)
    )
    if not is_sound:
        raise BadCheckpoint(
            "its state is incomplete", where=path, remedy="use another checkpoint, or train again"
        )


def _is_list(value: object, kind: Any, length: int | None = None) -> bool:
    if not isinstance(value, list) or length not in (None, len(value)):
        return False
    return all(isinstance(item, kind) for item in value)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
