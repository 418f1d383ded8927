"""`early-tokens`: places of the seed grid attend to the sentence's tokens, and a generator makes a
pseudo-image of their answers.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from saywhere.fusion.conditioning import FeatureConditioner
from saywhere.fusion.generator import Generator, chosen, differ, start_layers
from saywhere.fusion.pseudo_image import PseudoImageParts

HEADS = 4
WIDTH = 24
"""Numbers of a place: so few that a model has about as many parameters as with `early`."""


class TokenGrid(nn.Module):
    """A grid of learned queries that attend to a sentence's tokens (cf. DETR, arXiv 2005.12872).

    Args:
        n_embedding: numbers of a token.
        seed_grid: height and width of the grid.
    """

    positions: Tensor

    def __init__(self, n_embedding: int, seed_grid: tuple[int, int]) -> None:
        super().__init__()
        self.seed_grid = seed_grid
        n_places = seed_grid[0] * seed_grid[1]
        self.queries = nn.Parameter(0.1 * torch.randn(n_places, WIDTH))
        # Part of no checkpoint: it is a function of the grid.
        self.register_buffer("positions", positions(seed_grid, WIDTH), persistent=False)
        self.norm_tokens = nn.LayerNorm(n_embedding)
        self.attention = nn.MultiheadAttention(
            WIDTH, HEADS, kdim=n_embedding, vdim=n_embedding, batch_first=True
        )
        self.mix = nn.Sequential(
            nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH)
        )
        self.offset = nn.Parameter(torch.zeros(n_places, WIDTH))

    def forward(self, tokens: Tensor) -> Tensor:
        """(batch, token, embedding), padded with zero rows → (batch, WIDTH, seed height, seed
        width).
        """
        # A blank prompt still has its special tokens, so that no row is padding alone.
        is_padding = ~tokens.any(-1)
        normed = self.norm_tokens(tokens)
        places = (self.queries + self.positions).expand(len(tokens), -1, -1)
        answers, _ = self.attention(
            places, normed, normed, key_padding_mask=is_padding, need_weights=False
        )
        # The place again: one word means something else in each.
        answers = answers + places
        seeds = answers + self.mix(answers) + self.offset
        return seeds.transpose(1, 2).unflatten(2, self.seed_grid)

    @torch.no_grad()
    def centre(self, tokens: Tensor) -> Tensor:
        """Take off what all prompts share in each place, so that only their differences are left.

        Args:
            tokens: as `forward` takes them, of the training's prompts.

        Returns:
            Their seeds, (batch, WIDTH, seed height, seed width), with mean 0 over the batch.
        """
        seeds = self(tokens)
        mean = seeds.mean(0, keepdim=True)
        self.offset.sub_(mean.flatten(2)[0].T)
        return seeds - mean


class EarlyTokens:
    """Tokens → a grid of answers → three transposed convolutions → pseudo-image."""

    reads_tokens = True
    conditioner: ClassVar[type[FeatureConditioner] | None] = None

    def build(
        self, n_embedding: int, n_channels: int, size_px: int, projection: str
    ) -> PseudoImageParts:
        """As `PseudoImageFusion.build`; the grid has an eighth of the image's side.

        `projection` is not read: it is of one vector.
        """
        seed_grid = (size_px // 8, size_px // 8)
        return PseudoImageParts(TokenGrid(n_embedding, seed_grid), Generator(n_channels, WIDTH))

    def start(self, parts: PseudoImageParts, scaled: Tensor) -> None:
        """As `PseudoImageFusion.start`: each layer of the generator gets unit variance between
        prompts, as with `early`.
        """
        grid, generator = parts
        # `start` is called with what this fusion's own `build` made.
        assert isinstance(grid, TokenGrid)
        assert isinstance(generator, Generator)
        if not differ(scaled):
            return
        # As with `early`: equal trainings must start equal, on any number of threads.
        grid.double()
        generator.double()
        start_layers(generator, grid.centre(chosen(scaled).double()))
        grid.float()
        generator.float()


def positions(grid: tuple[int, int], width: int) -> Tensor:
    """Sines and cosines of row and column (arXiv 1706.03762, in two dimensions).

    Args:
        grid: rows and columns.
        width: numbers a place, a multiple of 4.

    Returns:
        (rows · columns, width), [-1, 1], in reading order.
    """
    n_waves = width // 4
    rows, columns = ((torch.arange(n) + 0.5) / n for n in grid)
    # From half a wave over the picture upwards: such as can tell its two sides apart.
    waves = torch.pi * 2.0 ** torch.arange(n_waves).clamp_max(5)
    down = (rows[:, None] * waves).repeat_interleave(grid[1], 0)
    across = (columns[:, None] * waves).repeat(grid[0], 1)
    return torch.cat([down.sin(), down.cos(), across.sin(), across.cos()], 1)
