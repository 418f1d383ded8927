"""Sentence vector → seed grid: (batch, embedding) → (batch, 1, height/8, width/8)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from saywhere.errors import ConfigError

_FIRST = "layers.0."


class Projection(nn.Module):
    """`linear`, one fully connected layer as the paper says; `mlp`, Linear–LayerNorm–GELU–Linear as
    the public code does.
    """

    def __init__(self, name: str, embedding: int, seed_grid: tuple[int, int]) -> None:
        super().__init__()
        self.seed_grid = seed_grid
        n = seed_grid[0] * seed_grid[1]
        # The paper and its public code differ here, so both can be measured.
        if name == "linear":
            self.layers = nn.Sequential(nn.Linear(embedding, n))
        elif name == "mlp":
            self.layers = nn.Sequential(
                nn.Linear(embedding, n), nn.LayerNorm(n), nn.GELU(), nn.Linear(n, n)
            )
        else:
            raise ConfigError(
                f"no projection {name!r}", where="fusion.projection", allowed="linear or mlp"
            )

    def forward(
        self, embedding: Float[Tensor, "batch embedding"]
    ) -> Float[Tensor, "batch 1 seed_height seed_width"]:
        """Scaled sentence vectors → seeds of the generator."""
        return self.layers(embedding).unflatten(1, (1, *self.seed_grid))

    def grown(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Fit the weights of a smaller grid to this one, with nearly the same seeds.

        What the last layer writes is interpolated between the places of the grid, as a vision
        transformer's position embeddings are (Dosovitskiy et al. 2021, section 3.2). `mlp` has as
        many hidden units as the grid has places: those that are added repeat others, and all of
        one kind share what the one had to say.

        Args:
            weights: name → tensor, of a square grid with at most as many places.

        Returns:
            The same names, with this grid's shapes.
        """
        last = f"layers.{len(self.layers) - 1}."
        bias = weights[f"{last}bias"]
        result = {
            f"{last}bias": self._laid_out(bias[:, None])[:, 0].contiguous(),
            f"{last}weight": self._laid_out(weights[f"{last}weight"]),
        }
        if last == _FIRST:
            return result
        n_places = self.seed_grid[0] * self.seed_grid[1]
        source = torch.linspace(0, len(bias) - 1, n_places).round().long()
        shares = torch.bincount(source).to(bias.dtype)
        result[f"{last}weight"] = (result[f"{last}weight"] / shares)[:, source].contiguous()
        hidden = (
            f"{layer}{kind}" for layer in (_FIRST, "layers.1.") for kind in ("weight", "bias")
        )
        return result | {name: weights[name][source].contiguous() for name in hidden}

    def _laid_out(self, values: Tensor) -> Tensor:
        """(places of the smaller grid, n) → (places of this grid, n)."""
        side = round(len(values) ** 0.5)
        maps = values.T.reshape(1, -1, side, side)
        grown = functional.interpolate(maps, self.seed_grid, mode="bilinear", align_corners=False)
        return grown.flatten(2)[0].T.contiguous()
