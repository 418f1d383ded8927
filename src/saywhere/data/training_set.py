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
from saywhere.data.targets import Target, may_lie, target_of, turns_of
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
            turns=turns_of(self.targets, self.prompts.data),
        )

    @cached_property
    def targets(self) -> list[Target]:
        """What the mask of each row shows."""
        # Many rows show the same: it is in memory once.
        known: dict[Target, Target] = {}
        targets = (target_of(row, self.prompts.data) for row in self.rows)
        return [known.setdefault(target, target) for target in targets]

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
        if data.half and self.targets[row].half and random.random() < data.half:
            return image, *self._half(random, mask, self.targets[row])
        if random.random() < self.prompts.text.blank and row not in self._parts:
            return image, mask, self.table.number[""]
        if absent := self._absent(random, row):
            return image, torch.zeros_like(mask), self.table.number[absent]
        text = self._draw_text(random, self._lender(random, row, mask))
        opposite = contradict(text) if random.random() < data.absent else None
        if opposite is not None:
            # Nothing lies where the contradiction points, so nothing is to be marked.
            return image, torch.zeros_like(mask), self.table.number[opposite]
        return image, mask, self.table.number[text]

    @cached_property
    def _parts(self) -> frozenset[int]:
        """Rows whose image has other rows with other targets: without words, nothing says which."""
        if self.prompts.data.target_column is None:
            return frozenset()
        first: dict[str, str] = {}
        several: set[str] = set()
        for row, target in zip(self.rows, self.targets):
            if first.setdefault(str(row.image), target.name) != target.name:
                several.add(str(row.image))
        return frozenset(i for i, row in enumerate(self.rows) if str(row.image) in several)

    def _absent(self, random: np.random.Generator, row: int) -> str:
        """A sentence whose target is not in a row's image; "" for a sample without one."""
        data = self.prompts.data
        # Drawn only where they are wanted, as halves are.
        if data.denied and random.random() < data.denied:
            return seeds.one_of(self.prompts.of_denial(self.targets[row]), random)
        if data.foreign and random.random() < data.foreign:
            return self._foreign(random, row)
        return ""

    def _foreign(self, random: np.random.Generator, row: int) -> str:
        """Words of another organ: of the list, or another set's own; half and half for both."""
        named = self.prompts.data.foreign_targets
        lenders = self._lenders[self.targets[row]]
        if not lenders and not named:
            return ""
        if not lenders or (named and random.random() < 0.5):
            return seeds.one_of(absences.foreign(seeds.one_of(named, random)), random)
        # By target first: a large set would lend nearly all.
        rows = lenders[random.integers(len(lenders))]
        # Whole: a shorter version may lack the noun, and then it may well be meant.
        return self._draw_whole(random, rows[random.integers(len(rows))])

    @cached_property
    def _lenders(self) -> dict[Target, list[list[int]]]:
        """Each target → the rows of every target that is in none of its images."""
        rows: dict[Target, list[int]] = {}
        if self.prompts.data.target_column is not None:
            for number, target in enumerate(self.targets):
                rows.setdefault(target, []).append(number)
        lenders: dict[Target, list[list[int]]] = {}
        for own in self.targets:
            if own not in lenders:
                lenders[own] = [rows[other] for other in rows if not may_lie(other, own)]
        return lenders

    def _lender(self, random: np.random.Generator, row: int, mask: Tensor) -> int:
        """The row whose prompt a row is given: another one's only where it has no target."""
        share = self.prompts.data.borrowed
        if not share or mask.any() or random.random() >= share:
            return row
        lenders = self._with_target.get(self.targets[row].name, [])
        return lenders[random.integers(len(lenders))] if lenders else row

    @cached_property
    def _with_target(self) -> dict[str, list[int]]:
        """Noun → the rows whose mask marks something."""
        rows: dict[str, list[int]] = {}
        for row, target in enumerate(self.targets):
            if self.dataset.pixels(row)[1].any():
                rows.setdefault(target.name, []).append(row)
        return rows

    def _draw_whole(self, random: np.random.Generator, row: int) -> str:
        levels = self.prompts.levels
        texts = texts_of(self.rows[row], levels[random.integers(len(levels))])
        return texts[random.integers(len(texts))]

    def _draw_text(self, random: np.random.Generator, row: int) -> str:
        if not self.prompts.levels:
            return ""
        chosen = self.prompts.versions(self._draw_whole(random, row))
        # No draw where there is no choice: a seed's samples stay what they were before variants.
        return chosen[random.integers(len(chosen))] if len(chosen) > 1 else chosen[0]

    def _half(
        self, random: np.random.Generator, mask: Tensor, target: Target
    ) -> tuple[Tensor, int]:
        side = halves.SIDES[random.integers(2)]
        texts = self.prompts.of_half(side, target) if self.prompts.levels else ("",)
        return halves.cut(mask, side), self.table.number[texts[random.integers(len(texts))]]

    def _mosaic(self, random: np.random.Generator, row: int) -> tuple[Tensor, Tensor, int]:
        side = self.prompts.data.mosaic_side
        target = int(random.integers(side**2))
        chosen = self.sampler.any(random, side**2)
        # The row whose turn it is must be a tile, so that an epoch still meets every row.
        chosen[target] = row
        how = self.dataset.framing.mask_resize
        image, mask = mosaic.tile(*self.dataset.pixels(chosen), target, side, how)
        named = self.targets[row]
        texts = self.prompts.of_tile(target, named) if self.prompts.levels else ("",)
        return image, mask, self.table.number[texts[random.integers(len(texts))]]
