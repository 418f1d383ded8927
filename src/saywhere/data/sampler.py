"""Training samples as batches: a function of (seed, step), with nothing decoded and no encoder called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from saywhere import seeds
from saywhere.config import Config
from saywhere.data import halves, mosaic
from saywhere.data.decoded_cache import Store
from saywhere.data.manifest import Row
from saywhere.data.prompt_table import PromptTable, texts_of
from saywhere.text.directions import contradict
from saywhere.text.variants import variants


@dataclass(frozen=True)
class Batch:
    """image float32 (batch, channel, height, width) in [0, 1] · mask float32 (batch, 1, height, width) · embedding (batch, dim); original frame."""

    image: Tensor
    mask: Tensor
    embedding: Tensor
    rows: list[int]
    prompts: tuple[str, ...] = ()


def levels_of(config: Config) -> list[str]:
    """The prompt levels drawn from in training; none for an image-only model."""
    chosen = config.text.train_prompts if config.fusion.uses_text else []
    return [chosen] if isinstance(chosen, str) else list(chosen)


def training_prompts(config: Config, rows: Sequence[Row]) -> list[str]:
    """Every sentence that training can draw; contradictions and the blank one among them where the configuration wants them."""
    prompts = [
        text
        for row in rows
        for level in levels_of(config)
        for spoken in texts_of(row, level)
        for text in versions(spoken, config)
    ]
    if not prompts:
        return [""]
    if config.data.absent:
        prompts += [
            opposite
            for text in dict.fromkeys(prompts)
            if (opposite := contradict(text)) is not None
        ]
    prompts += [text for same in same_place(config) for text in same]
    return prompts + ([""] if config.text.blank else [])


def versions(text: str, config: Config) -> list[str]:
    """A sentence and its shorter versions."""
    return [text, *variants(text, config.text.variants)]


def same_place(config: Config) -> list[tuple[str, ...]]:
    """The sentences that are not the set's own, a list a place (a mosaic's tile, a half), equal in meaning; none where none is wanted."""
    tiles = (
        [_of_tile(config, tile) for tile in range(config.data.mosaic_side**2)]
        if config.data.mosaic
        else []
    )
    return tiles + ([_of_half(config, half) for half in halves.SIDES] if config.data.half else [])


def _of_tile(config: Config, tile: int) -> tuple[str, ...]:
    return mosaic.wordings(
        config.data.target, tile, config.data.mosaic_side, tuple(config.data.also_called)
    )


def _of_half(config: Config, half: str) -> tuple[str, ...]:
    return halves.wordings(
        config.data.target, half, config.data.half_name, tuple(config.data.also_called)
    )


@dataclass
class TrainingSet:
    """Rows in an endless sequence of permutations; step s takes the next `batch_size` of them."""

    config: Config
    rows: Sequence[Row]
    store: Store
    table: PromptTable
    _orders: dict[int, np.ndarray] = field(default_factory=dict)

    @property
    def steps_per_epoch(self) -> int:
        return self.config.train.steps_per_epoch or max(
            1, len(self.rows) // self.config.train.batch_size
        )

    def visits(self, step: int) -> list[int]:
        """The row numbers of a step."""
        n, size = len(self.rows), self.config.train.batch_size
        return [
            int(self._order(visit // n)[visit % n])
            for visit in range(step * size, (step + 1) * size)
        ]

    def batch(self, step: int) -> Batch:
        """Step s → its batch, the same in every process."""
        visited = self.visits(step)
        samples = [self._sample(step, place, row) for place, row in enumerate(visited)]
        image = torch.stack([image for image, _, _ in samples]).float().div_(255)
        mask = torch.stack([mask for _, mask, _ in samples]).float()
        numbers = [number for _, _, number in samples]
        return Batch(
            image,
            mask,
            self.table.embeddings[torch.tensor(numbers)],
            visited,
            tuple(self.table.prompts[number] for number in numbers),
        )

    def reworded(self, batch: Batch, prompts: Sequence[str]) -> Batch:
        """The same images with other sentences, which the table must hold."""
        embedding = self.table.embeddings[torch.from_numpy(self.table.numbers(prompts))].to(
            batch.embedding.device
        )
        return replace(batch, embedding=embedding, prompts=tuple(prompts))

    def _sample(self, step: int, place: int, row: int) -> tuple[Tensor, Tensor, int]:
        random = seeds.generator(self.config.train.seed, "sample", step, place)
        if random.random() < self.config.data.mosaic:
            return self._mosaic(random, row)
        image, mask = self.store.images[self.store.image_of_row[row]], self.store.masks[row]
        if (
            self.config.data.half and random.random() < self.config.data.half
        ):  # draws only where asked for: a seed's samples stay what they were
            return image, *self._half(random, mask)
        if random.random() < self.config.text.blank:
            return image, mask, self.table.number[""]
        text = self._draw_text(random, row)
        if random.random() < self.config.data.absent and (opposite := contradict(text)) is not None:
            return image, torch.zeros_like(mask), self.table.number[opposite]
        return image, mask, self.table.number[text]

    def _draw_text(self, random: np.random.Generator, row: int) -> str:
        levels = levels_of(self.config)
        if not levels:
            return ""
        texts = texts_of(self.rows[row], levels[random.integers(len(levels))])
        chosen = versions(texts[random.integers(len(texts))], self.config)
        return chosen[random.integers(len(chosen))] if len(chosen) > 1 else chosen[0]

    def _half(self, random: np.random.Generator, mask: Tensor) -> tuple[Tensor, int]:
        side = halves.SIDES[random.integers(2)]
        texts = _of_half(self.config, side) if levels_of(self.config) else ("",)
        return halves.cut(mask, side), self.table.number[texts[random.integers(len(texts))]]

    def _mosaic(self, random: np.random.Generator, row: int) -> tuple[Tensor, Tensor, int]:
        side = self.config.data.mosaic_side
        target = int(random.integers(side**2))
        chosen = random.integers(len(self.rows), size=side**2)
        chosen[target] = row
        image, mask = mosaic.tile(
            self.store.images[self.store.image_of_row[chosen]],
            self.store.masks[chosen],
            target,
            side,
        )
        texts = _of_tile(self.config, target) if levels_of(self.config) else ("",)
        return image, mask, self.table.number[texts[random.integers(len(texts))]]

    def _order(self, number: int) -> np.ndarray:
        if number not in self._orders:
            self._orders = {
                number: seeds.order(len(self.rows), self.config.train.seed, number),
                **dict(list(self._orders.items())[:1]),
            }
        return self._orders[number]
