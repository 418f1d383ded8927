"""Training samples as batches: a function of (seed, step), without decoding or encoding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from saywhere import seeds
from saywhere.config import TrainConfig
from saywhere.data import absences, halves, mosaic
from saywhere.data.dataset import Dataset
from saywhere.data.manifest_row import Row, texts_of
from saywhere.data.prompt_table import PromptTable
from saywhere.data.sampler import Sampler
from saywhere.data.training_prompts import TrainingPrompts
from saywhere.phases import phase
from saywhere.text.directions import contradict


@dataclass(frozen=True)
class Batch:
    """The samples of one step, in the resized frame, not augmented."""

    image: Tensor
    """float32 (batch, channel, size, size), [0, 1]"""
    mask: Tensor
    """float32 (batch, 1, size, size), 0 or 1"""
    embedding: Tensor
    """float32 (batch, dim), as the encoder gives it"""
    rows: list[int]
    """Row numbers of the training set."""
    prompts: tuple[str, ...] = ()
    first: int = 0
    """Place of its first sample among those of the whole step."""


@dataclass(frozen=True)
class TrainingSet:
    """A data set with the sentences that a training draws for it."""

    prompts: TrainingPrompts
    config: TrainConfig
    """Its batch size, seed and steps per epoch are read."""
    dataset: Dataset
    table: PromptTable
    """Every sentence that can be drawn."""

    @property
    def rows(self) -> Sequence[Row]:
        """The rows of the data set."""
        return self.dataset.rows

    @cached_property
    def sampler(self) -> Sampler:
        """The order of the rows."""
        return Sampler(
            len(self.dataset),
            self.config.batch_size * self.config.parts,
            seed=self.config.seed,
            steps_per_epoch=self.config.steps_per_epoch,
        )

    @property
    def steps_per_epoch(self) -> int:
        """`train.steps_per_epoch`, or as many batches as fit into the rows."""
        return len(self.sampler)

    @phase("decode")
    def batch(self, step: int, part: int = 0) -> Batch:
        """Make a batch of a step, the same one in every process.

        Args:
            step: from 0, counted over all epochs.
            part: which of the step's batches (`TrainConfig.parts`), from 0.

        Returns:
            `train.batch_size` samples, on the CPU.
        """
        first = part * self.config.batch_size
        rows = self.sampler.visits(step)[first : first + self.config.batch_size]
        # By the place in the whole step: it does not matter which process takes a sample.
        samples = [self._sample(step, place, row) for place, row in enumerate(rows, first)]
        images, masks, numbers = zip(*samples)
        return Batch(
            # In place, since `float` has made a copy already.
            torch.stack(images).float().div_(255),
            torch.stack(masks).float(),
            # Looked up: no step runs the encoder.
            self.table.embeddings[torch.tensor(numbers)],
            rows,
            tuple(self.table.prompts[number] for number in numbers),
            first,
        )

    def reworded(self, batch: Batch, prompts: Sequence[str]) -> Batch:
        """Give the images of a batch other sentences.

        Args:
            batch: on any device.
            prompts: one per sample; the table must hold them.

        Returns:
            The batch with these sentences and their embeddings, on the same device.
        """
        numbers = torch.from_numpy(self.table.numbers(prompts))
        embedding = self.table.embeddings[numbers].to(batch.embedding.device)
        return replace(batch, embedding=embedding, prompts=tuple(prompts))

    def _sample(self, step: int, place: int, row: int) -> tuple[Tensor, Tensor, int]:
        """(image, mask, number of its sentence). The order of draws is part of every old run."""
        data = self.prompts.data
        # By place and not by row, so that a row that comes twice in a step is drawn twice.
        random = seeds.generator(self.config.seed, "sample", step, place)
        if random.random() < data.mosaic:
            return self._mosaic(random, row)
        image, mask = self.dataset.pixels(row)
        # Drawn only where halves are wanted: a seed's samples stay what they were before halves.
        if data.half and random.random() < data.half:
            return image, *self._half(random, mask)
        if random.random() < self.prompts.text.blank:
            return image, mask, self.table.number[""]
        if absent := self._absent(random):
            return image, torch.zeros_like(mask), self.table.number[absent]
        text = self._draw_text(random, self._lender(random, row, mask))
        opposite = contradict(text) if random.random() < data.absent else None
        if opposite is not None:
            # Nothing lies where the contradiction points, so nothing is to be marked.
            return image, torch.zeros_like(mask), self.table.number[opposite]
        return image, mask, self.table.number[text]

    def _absent(self, random: np.random.Generator) -> str:
        """A sentence whose target is in no image of the set; "" for a sample without one."""
        data = self.prompts.data
        # Drawn only where they are wanted, as halves are.
        if data.denied and random.random() < data.denied:
            return seeds.one_of(self.prompts.of_denial(), random)
        if data.foreign and random.random() < data.foreign:
            noun = seeds.one_of(data.foreign_targets, random)
            return seeds.one_of(absences.foreign(noun), random)
        return ""

    def _lender(self, random: np.random.Generator, row: int, mask: Tensor) -> int:
        """The row whose prompt a row is given: another one's only where it has no target."""
        share = self.prompts.data.borrowed
        if not share or mask.any() or random.random() >= share or not len(self._with_target):
            return row
        return int(self._with_target[random.integers(len(self._with_target))])

    @cached_property
    def _with_target(self) -> np.ndarray:
        has = [bool(self.dataset.pixels(row)[1].any()) for row in range(len(self.rows))]
        return np.flatnonzero(has)

    def _draw_text(self, random: np.random.Generator, row: int) -> str:
        levels = self.prompts.levels
        if not levels:
            return ""
        texts = texts_of(self.rows[row], levels[random.integers(len(levels))])
        chosen = self.prompts.versions(texts[random.integers(len(texts))])
        # No draw where there is no choice: a seed's samples stay what they were before variants.
        return chosen[random.integers(len(chosen))] if len(chosen) > 1 else chosen[0]

    def _half(self, random: np.random.Generator, mask: Tensor) -> tuple[Tensor, int]:
        side = halves.SIDES[random.integers(2)]
        texts = self.prompts.of_half(side) if self.prompts.levels else ("",)
        return halves.cut(mask, side), self.table.number[texts[random.integers(len(texts))]]

    def _mosaic(self, random: np.random.Generator, row: int) -> tuple[Tensor, Tensor, int]:
        side = self.prompts.data.mosaic_side
        target = int(random.integers(side**2))
        chosen = random.integers(len(self.rows), size=side**2)
        # The row whose turn it is must be a tile, so that an epoch still meets every row.
        chosen[target] = row
        how = self.dataset.framing.mask_resize
        image, mask = mosaic.tile(*self.dataset.pixels(chosen), target, side, how)
        texts = self.prompts.of_tile(target) if self.prompts.levels else ("",)
        return image, mask, self.table.number[texts[random.integers(len(texts))]]
