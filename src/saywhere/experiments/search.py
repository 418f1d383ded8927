"""Random search: settings drawn at random, in place of a grid's every combination.

Where few of many keys matter, as many random trials try more values of those few than a grid does
(Bergstra & Bengio 2012, Random Search for Hyper-Parameter Optimization, JMLR 13).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from saywhere.config import Document
from saywhere.seeds import generator

DIGITS = 4
"""A drawn number is rounded to so many digits, and trained with as the table shows it."""
TRIES = 100
"""Draws for each setting that is wanted: a space of few values repeats itself."""

Range = tuple[float, float]


class Distribution(BaseModel):
    """Where a key's value is drawn from: exactly one of the four."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    choice: list[Any] | None = Field(None, min_length=1, description="one of these values")
    uniform: Range | None = Field(None, description="a number from low to high")
    log_uniform: Range | None = Field(
        None, description="a number from low to high, each power of ten as likely"
    )
    integer: tuple[int, int] | None = Field(
        None, description="a whole number from low to high, both included"
    )

    @model_validator(mode="after")
    def _is_one(self) -> Distribution:
        names = list(type(self).model_fields)
        if len(self.model_fields_set) != 1:
            raise ValueError(f"name one of {', '.join(names)}, with its values")
        return self

    @field_validator("uniform", "log_uniform", "integer")
    @classmethod
    def _is_ordered(cls, ends: Range | None) -> Range | None:
        if ends is not None and not ends[0] < ends[1]:
            raise ValueError("the first number must be below the second")
        return ends

    @field_validator("log_uniform")
    @classmethod
    def _has_a_logarithm(cls, ends: Range | None) -> Range | None:
        if ends is not None and ends[0] <= 0:
            raise ValueError("both numbers must be above 0")
        return ends

    def draw(self, random: np.random.Generator) -> Any:
        """Draw a value.

        Args:
            random: it moves on by one number.

        Returns:
            One of the choices as it stands, or a number; rounded to `DIGITS`, inside its range.
        """
        if self.choice is not None:
            return self.choice[int(random.integers(len(self.choice)))]
        if self.integer is not None:
            return int(random.integers(*self.integer, endpoint=True))
        if self.uniform is not None:
            return _rounded(random.uniform(*self.uniform), self.uniform)
        assert self.log_uniform is not None
        low, high = map(math.log, self.log_uniform)
        return _rounded(math.exp(random.uniform(low, high)), self.log_uniform)


class Search(BaseModel):
    """A grid's random search: how many settings, and what each key is drawn from."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    n: int = Field(ge=1, description="how many settings to draw")
    seed: int = Field(0, ge=0, description="of the draws; the trainings have their own")
    draw: dict[str, Distribution] = Field(
        min_length=1, description="key of a configuration → where its value is drawn from"
    )

    def settings(self) -> list[Document]:
        """Draw the settings: no two are equal, and more of them begin with the same ones.

        Returns:
            Key → value, for each draw; fewer than `n` where the distributions have not as many.
        """
        drawn: list[Document] = []
        for number in range(self.n * TRIES):
            if len(drawn) == self.n:
                break
            # Each key has its own stream: a key more leaves the others' values as they are.
            one = {
                key: distribution.draw(generator(self.seed, f"search {key}", number))
                for key, distribution in self.draw.items()
            }
            if one not in drawn:
                drawn.append(one)
        return drawn

    def label(self, number: int, setting: Document) -> str:
        """Name a draw by its number and its values.

        Args:
            number: from 1.
            setting: key → value.

        Returns:
            For instance "draw 3: learning_rate 0.0004, width 16".
        """
        name = _short_names(list(setting))
        values = ", ".join(f"{name[key]} {_shown(value)}" for key, value in setting.items())
        return f"draw {number}: {values}"


def _rounded(value: float, ends: Range) -> float:
    return min(max(float(f"{value:.{DIGITS}g}"), ends[0]), ends[1])


def _short_names(keys: list[str]) -> dict[str, str]:
    """The last part of each key; the whole key where two end alike."""
    last = [key.rpartition(".")[2] for key in keys]
    return {key: name if last.count(name) == 1 else key for key, name in zip(keys, last)}


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).lower() if isinstance(value, bool) else str(value)
