"""LViT's sentences of chest films: which thirds of which lung.

For instance "bilateral pulmonary infection, two infected areas, lower left lung and lower right
lung." Left is the left of the image, which is the patient's right: of QaTa-COV19's one-sided
sentences, 96 % fit their masks so, 3 % the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TypedDict, cast

import numpy as np

from saywhere.captions.grid import Example, as_written

THIRDS = ("upper", "middle", "lower")
SIDES = ("left", "right")
Thirds = tuple[bool, bool, bool]
"""(upper, middle, lower) of one lung."""
Zones = tuple[Thirds, Thirds]
"""The thirds of the left lung, then of the right one."""
# Shares of the image, to choose `least` from.
LEAST = (0.0, 0.0005, 0.001, 0.002, 0.003, 0.004, 0.005)
NUMBERS = ("one", "two", "three", "four", "five", "six")
# LViT's own word for three thirds; copies of its sets say "upper middle lower".
ALL = "all"
NOTHING = "no pulmonary infection"
_SIDE = rf"(?:(?:{'|'.join(THIRDS)}|{ALL}) )+(?:left|right) lung"
_AND = r"(?:,? and |, )"
_ZONES = re.compile(rf"{_SIDE}(?:{_AND}{_SIDE})*", re.IGNORECASE)
_COUNT = re.compile(rf"\b({'|'.join(NUMBERS)}) infected areas?\b", re.IGNORECASE)
_LATERAL = re.compile(r"\b(?:uni|bi)lateral\b", re.IGNORECASE)
# It names one third and counts one, so that `_written` replaces the number as well.
_FORM = "bilateral pulmonary infection, one infected area, upper left lung."
_GRID = np.arange(0.02, 1, 0.02)
_SOME: list[Thirds] = [
    (upper, middle, lower)
    for upper, middle, lower in product((True, False), repeat=3)
    if upper or middle or lower
]
_NONE = (False, False, False)
EVERY: tuple[Zones, ...] = tuple(
    (left, right) for left, right in product([*_SOME, _NONE], repeat=2) if any(left) or any(right)
)
"""The 63 that a sentence can name."""


class LungFitRecord(TypedDict, total=False):
    """A `LungFit` in a JSON file; of no sentences, `n` alone."""

    n: int
    agreement: float | None
    zones: float | None
    count: float | None
    sides: float | None


class LungRuleRecord(LungFitRecord, total=False):
    """A `LungRule` in a JSON file, with its fit where it was fitted."""

    upper: float
    lower: float
    tall: float
    least: float
    says_all: bool


@dataclass(frozen=True)
class LungFit:
    """How many of some sentences a rule gives back, as shares in [0, 1]; None where n is 0."""

    n: int = 0
    """Sentences of this form that were compared."""
    agreement: float | None = None
    """All thirds are right."""
    zones: float | None = None
    """Single thirds that are right, of six per sentence."""
    count: float | None = None
    """The number of thirds is right."""
    sides: float | None = None
    """The sides are right."""

    def to_json(self) -> LungFitRecord:
        """The record for a JSON file.

        Returns:
            The number of sentences and the shares; of no sentences, `n` alone.
        """
        return cast(LungFitRecord, dict(vars(self))) if self.n else {"n": 0}


@dataclass(frozen=True)
class LungRule:
    """Which thirds of a lung a mask covers, by the box around what lies in each half of the image.

    A box that begins above `upper` covers the upper third, one that ends below `lower` the lower
    third. The middle third is covered by a box of at least `tall`, or by one of neither.
    """

    upper: float
    """Share of the image's height, from the top."""
    lower: float
    """Share of the image's height, from the top."""
    tall: float
    """Share of the image's height."""
    least: float
    """Share of the image's area; what is smaller in one half is left out."""
    says_all: bool = False
    """Write "all left lung" instead of "upper middle lower left lung", as the set does."""
    fit: LungFit | None = None
    """`fit_on` the rows that it was fitted to."""

    @property
    def n(self) -> int:
        """Sentences that the rule was fitted to; 0 for none."""
        return 0 if self.fit is None else self.fit.n

    @property
    def agreement(self) -> float | None:
        """Share of these sentences of which all thirds are right, [0, 1]."""
        return None if self.fit is None else self.fit.agreement

    def zones(self, mask: np.ndarray) -> Zones | None:
        """Find the thirds that a mask covers.

        Args:
            mask: bool (height, width), in its own frame.

        Returns:
            Thirds per side; None for an empty mask. What is too small counts only where nothing
            else is there.
        """
        measures = _measured(mask)
        if not measures[:, 0].any():
            return None
        least = self.least if (measures[:, 0] >= self.least).any() else 0.0
        left, right = self._covered(measures, least)
        return tuple(left.tolist()), tuple(right.tolist())

    def sentence(self, mask: np.ndarray) -> str:
        """Describe a mask in the set's own words.

        Args:
            mask: bool (height, width), in its own frame.

        Returns:
            A sentence; "no pulmonary infection" of an empty mask.
        """
        zones = self.zones(mask)
        return NOTHING if zones is None else _written(_FORM, zones, self.says_all)

    def rewrite(self, prompt: str, mask: np.ndarray) -> str:
        """Write a prompt anew with the thirds, sides and number of a mask.

        Args:
            prompt: a sentence of this form.
            mask: bool (height, width), in its own frame.

        Returns:
            The new sentence; of an empty mask, the prompt as it is.
        """
        zones = self.zones(mask)
        return prompt if zones is None else _written(prompt, zones, self.says_all)

    def versions(self, prompt: str) -> list[str]:
        """List everything that `rewrite` can answer, so that it can be embedded beforehand.

        Args:
            prompt: a sentence of this form.

        Returns:
            The prompt, and up to 63 others.
        """
        rewritten = (_written(prompt, zones, self.says_all) for zones in EVERY)
        return list(dict.fromkeys([prompt, *rewritten]))

    def fit_on(self, examples: Sequence[Example]) -> LungFit:
        """Measure how well the rule gives the sentences of examples back.

        Args:
            examples: sentences with their masks; those of another form are left out.

        Returns:
            The number of sentences and the shares that are right.
        """
        return self._compared(*_observed(examples))

    def to_json(self) -> LungRuleRecord:
        """The record for run.json and a report.

        Returns:
            The cuts, and how well they fit where they were fitted.
        """
        record: LungRuleRecord = {
            "upper": self.upper,
            "lower": self.lower,
            "tall": self.tall,
            "least": self.least,
            "says_all": self.says_all,
        }
        return record if self.fit is None else {**record, **self.fit.to_json()}

    def _covered(self, measures: np.ndarray, least: float) -> np.ndarray:
        """bool (…, side, third) of measures (…, side, 3)."""
        share, top, bottom = np.moveaxis(measures, -1, 0)
        upper = top < self.upper
        lower = bottom >= self.lower
        middle = (bottom - top >= self.tall) | ~(upper | lower)
        # `least` may be 0, and an empty half covers nothing.
        is_there = (share > 0) & (share >= least)
        return np.stack([upper, middle, lower], -1) & is_there[..., None]

    def _compared(self, measures: np.ndarray, named_thirds: np.ndarray) -> LungFit:
        # No sentence of this form, or no mask that can be read.
        if not len(named_thirds):
            return LungFit()
        covered = self._covered(measures, self.least)
        same = covered == named_thirds
        return LungFit(
            n=len(named_thirds),
            agreement=_share(same.all((1, 2))),
            zones=_share(same),
            count=_share(covered.sum((1, 2)) == named_thirds.sum((1, 2))),
            sides=_share((covered.any(2) == named_thirds.any(2)).all(1)),
        )


def fit_lungs(examples: Sequence[Example]) -> LungRule | None:
    """Choose the cuts that give the most of the examples' own words back.

    Args:
        examples: sentences with their masks.

    Returns:
        The rule; None where fewer than half of the sentences that name a position are of this
        form.
    """
    sentences = [example.sentence for example in examples if example.sentence]
    if 2 * sum(named(sentence) is not None for sentence in sentences) <= len(sentences):
        return None
    measures, named_thirds = _observed(examples)
    if not len(named_thirds):
        return None
    share = measures[..., 0]
    named_sides = named_thirds.any(2)

    def sides_that_agree(cut: float) -> float:
        return float((((share > 0) & (share >= cut)) == named_sides).all(1).mean())

    # Of equal ones the smallest, so that no more is left out than the sentences ask for.
    least = max(LEAST, key=sides_that_agree)
    both = (share > 0) & (share >= least) & named_sides
    # No half of any mask is where its sentence says: there is nothing to fit to.
    if not both.any():
        return None
    _, top, bottom = measures[both].T
    upper, middle, lower = named_thirds[both].T
    rule = LungRule(
        upper=_best(lambda cut: top < cut, upper),
        lower=_best(lambda cut: bottom >= cut, lower),
        tall=_best(lambda cut: bottom - top >= cut, middle),
        least=least,
        says_all=any(map(_says_all, sentences)),
    )
    return replace(rule, fit=rule._compared(measures, named_thirds))


def named(sentence: str) -> Zones | None:
    """Read the thirds that a sentence names.

    Args:
        sentence: any sentence.

    Returns:
        Thirds per side; None where the sentence is not of this form.
    """
    match = _ZONES.search(sentence)
    if match is None:
        return None
    thirds_of: dict[str, set[str]] = {side: set() for side in SIDES}
    for phrase in re.split(_AND, match.group().lower()):
        *thirds, side, _ = phrase.split()
        thirds_of[side] |= set(THIRDS) if ALL in thirds else set(thirds)
    return _flags(thirds_of["left"]), _flags(thirds_of["right"])


def _flags(thirds: set[str]) -> Thirds:
    upper, middle, lower = (third in thirds for third in THIRDS)
    return upper, middle, lower


def _says_all(sentence: str) -> bool:
    match = _ZONES.search(sentence)
    return match is not None and ALL in match.group().lower().split()


def _written(prompt: str, zones: Zones, says_all: bool) -> str:
    """The prompt of this form with other thirds.

    What it says of sides follows; so does their number, where it counted thirds.
    """
    before = named(prompt)
    phrases = [_phrase(side, thirds, says_all) for side, thirds in zip(SIDES, zones) if any(thirds)]
    prompt = _ZONES.sub(" and ".join(phrases), prompt, count=1)
    counted = _COUNT.search(prompt)
    # LViT's own sentences count areas, not thirds; such a number is left alone.
    if counted and before and counted[1].lower() == NUMBERS[sum(map(sum, before)) - 1]:
        n_thirds = sum(map(sum, zones))
        number = as_written(counted[1], NUMBERS[n_thirds - 1])
        plural = "s" if n_thirds > 1 else ""
        prompt = _COUNT.sub(f"{number} infected area{plural}", prompt, count=1)
    lateral = "bilateral" if len(phrases) > 1 else "unilateral"
    return _LATERAL.sub(lambda match: as_written(match[0], lateral), prompt, count=1)


def _phrase(side: str, thirds: Thirds, says_all: bool) -> str:
    if says_all and all(thirds):
        names = [ALL]
    else:
        names = [third for third, is_named in zip(THIRDS, thirds) if is_named]
    return " ".join([*names, side, "lung"])


def _observed(examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray]:
    """Measures (example, side, 3) and named thirds, bool (example, side, third).

    Of the examples that have both a mask and a sentence of this form.
    """
    measures: list[np.ndarray] = []
    named_thirds: list[Zones] = []
    for sentence, read_mask in examples:
        zones = named(sentence)
        # Reading masks takes longest: only those are read whose sentence can be compared.
        mask = None if zones is None else read_mask()
        if zones is not None and mask is not None:
            measures.append(_measured(mask))
            named_thirds.append(zones)
    return np.array(measures), np.array(named_thirds, bool)


def _measured(mask: np.ndarray) -> np.ndarray:
    """(side, (share of the image, top, bottom)); the middle column of an odd width is right."""
    height, width = mask.shape
    measures: list[tuple[float, float, float]] = []
    for half in (mask[:, : width // 2], mask[:, width // 2 :]):
        rows = np.flatnonzero(half.any(1))
        if len(rows):
            share = np.count_nonzero(half) / mask.size
            # + 1: the box ends at the far edge of its last row.
            measures.append((share, rows[0] / height, (rows[-1] + 1) / height))
        else:
            measures.append((0.0, 0.0, 0.0))
    return np.array(measures)


def _best(agrees: Callable[[float], np.ndarray], named_third: np.ndarray) -> float:
    """The cut that agrees most; the lowest of equal ones."""
    cut = max(_GRID, key=lambda cut: float((agrees(cut) == named_third).mean()))
    return round(float(cut), 4)


def _share(values: np.ndarray) -> float:
    return round(float(np.mean(values)), 4)
