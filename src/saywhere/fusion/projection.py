"""Sentence vector → seed grid: (batch, embedding) → (batch, 1, height/8, width/8)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from saywhere.errors import ConfigError


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
