"""Prompts whose target is there, and others whose target is not, to calibrate presence by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from saywhere import seeds
from saywhere.config import DataConfig
from saywhere.data import absences
from saywhere.data.manifest_row import Row
from saywhere.data.targets import Target, may_lie, target_of
from saywhere.text.directions import contradict

MOST_DRAWS = 20
"""Of a row whose prompt may be lent: with several sets, most of them fit."""


@dataclass(frozen=True)
class Question:
    """A picture with a prompt.

    Attributes:
        row: The picture's.
        prompt: As a model is given it.
        is_there: Is what the prompt names in the picture?
    """

    row: Row
    prompt: str
    is_there: bool


@dataclass(frozen=True)
class Questions:
    """What is asked of rows, beside their own prompts.

    A model with a head is asked what its training taught: denials, words of another organ,
    contradictions, prompts borrowed by images without a target. One without a head was taught none
    of these. It is asked in other words for what is there, too: else all that is worded unlike the
    training would be called absent.

    Attributes:
        data: Of the model's configuration.
        has_head: Did the model learn presence in its training?
    """

    data: DataConfig
    has_head: bool

    def of(
        self, rows: Sequence[Row], prompts: Sequence[str], is_there: Sequence[bool]
    ) -> Iterator[Question]:
        """Ask of rows.

        Args:
            rows: Any.
            prompts: Their own, one per row.
            is_there: Has a row a target?

        Yields:
            Questions, in the rows' order; equal arguments give equal ones.
        """
        present = [prompt for prompt, there in zip(prompts, is_there) if there]
        nouns = self._foreign(rows, prompts)
        targets = [target_of(row, self.data) for row in rows]
        for number, (row, prompt, there) in enumerate(zip(rows, prompts, is_there)):
            random = seeds.generator(0, "absent prompts", number)
            for absent in self._absent(prompt, targets[number], nouns, random):
                yield Question(row, absent, is_there=False)
            if lent := self._lent(prompts, targets, number, random):
                yield Question(row, lent, is_there=False)
            if not there and present and (self.data.borrowed or not self.has_head):
                yield Question(row, seeds.one_of(present, random), is_there=False)
            if there and not self.has_head:
                for wordings in self._wordings(row):
                    yield Question(row, seeds.one_of(wordings, random), is_there=True)

    def _absent(
        self, prompt: str, target: Target, nouns: Sequence[str], random: np.random.Generator
    ) -> Iterator[str]:
        data = self.data
        if data.denied or not self.has_head:
            denials = absences.denials(target.nouns)
            # A target that the configuration does not name is denied in the prompt's own words.
            is_named = self.has_head or random.random() < 0.5
            yield seeds.one_of(denials, random) if is_named else absences.denied(prompt)
        if data.foreign or not self.has_head:
            yield seeds.one_of(absences.foreign(seeds.one_of(nouns, random)), random)
        if data.absent and (opposite := contradict(prompt)) is not None:
            yield opposite

    def _lent(
        self,
        prompts: Sequence[str],
        targets: Sequence[Target],
        number: int,
        random: np.random.Generator,
    ) -> str:
        """A prompt of a row whose target is not in this row's picture; "" where there is none."""
        if self.data.target_column is None or not (self.data.foreign or not self.has_head):
            return ""
        # Drawn until one fits: listing all that fit for each row would take rows² steps.
        for other in random.integers(len(prompts), size=MOST_DRAWS):
            if prompts[other] and not may_lie(targets[other], targets[number]):
                return prompts[other]
        return ""

    def _foreign(self, rows: Sequence[Row], prompts: Sequence[str]) -> Sequence[str]:
        named = dict.fromkeys(target_of(row, self.data).nouns for row in rows)
        own = (*chain.from_iterable(named), *prompts)
        return self.data.foreign_targets or absences.foreign_targets(own)

    def _wordings(self, row: Row) -> tuple[Sequence[str], Sequence[str]]:
        """Other prompts for what is there, of two kinds."""
        texts = [text for level in row.prompts.values() for text in level]
        named = target_of(row, self.data).nouns
        # The forms in which another organ is asked for: a form alone must not tell. And blank:
        # without words, too, the target is there.
        return [*texts, ""], [text for noun in named for text in absences.foreign(noun)]
