"""Fit another training's weights to the model that goes on from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from torch import Tensor, nn

from saywhere.errors import BadCheckpoint
from saywhere.fusion.projection import Projection
from saywhere.modeling.presence_head import has_head, with_head_of
from saywhere.runs.checkpoint import Checkpoint


def fitted(model: nn.Module, first: Checkpoint, where: Path) -> dict[str, Tensor]:
    """Fit weights that may differ in a presence head, or come from smaller pictures.

    Args:
        model: that the weights are meant for.
        first: whose weights these are.
        where: the checkpoint, for messages.

    Returns:
        The weights under this model's names. What else does not fit is as it was.

    Raises:
        BadCheckpoint: where they come from larger pictures, whose pseudo-image does not fit into
            a smaller one.
    """
    weights = with_head_of(model, first.model)
    before = first.config.data.size
    grids = {
        name: cast(Projection, part)
        for name, part in model.named_modules()
        if hasattr(part, "grown")
    }
    for name, projection in grids.items():
        # The generator doubles the side three times.
        size = 8 * projection.seed_grid[0]
        if before > size:
            raise BadCheckpoint(
                f"it learned from pictures of {before} px, and data.size is {size}",
                where=where,
                allowed=f"{before} px or more",
                remedy=f"set data.size to {before}, or train without --from",
            )
        if before < size:
            weights |= _grown(projection, f"{name}.", weights)
    return weights


def _grown(projection: Projection, prefix: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    own = {name.removeprefix(prefix): value for name, value in weights.items()}
    # A projection of another kind is refused by the comparison that follows.
    if not set(projection.state_dict()) <= set(own):
        return {}
    return {f"{prefix}{name}": value for name, value in projection.grown(own).items()}


def of_size(size_px: int, first: Checkpoint) -> str:
    """Say that a fine-tuning has larger pictures than the model that it starts from.

    Args:
        size_px: side of the pictures of the training that begins.
        first: whose weights it starts from.

    Returns:
        One sentence; "" where both have the same, and where no pseudo-image has a size.
    """
    before = first.config.data.size
    if before >= size_px or not first.config.fusion.has_pseudo_image:
        return ""
    return (
        f"data.size is {size_px}, and the model that it starts from learned from pictures of "
        f"{before} px: its pseudo-image is interpolated, and its first answers may be worse"
    )


def of_head(weight: float, first: Checkpoint) -> str:
    """Say that a fine-tuning adds a presence head, or leaves one out.

    Args:
        weight: `loss.presence` of the training that begins.
        first: whose weights it starts from.

    Returns:
        One sentence; "" where both have a presence head, or neither has.
    """
    wants = weight > 0
    if wants == has_head(first.model):
        return ""
    if wants:
        return (
            f"loss.presence is {weight:g}, and the model that it starts from has no "
            "presence head: the head starts fresh"
        )
    return (
        "loss.presence is 0, and the model that it starts from has a presence head: the head is "
        "left out; set loss.presence to go on with it"
    )
