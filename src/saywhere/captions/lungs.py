"""LViT's sentences of chest films: which thirds of which lung ("bilateral pulmonary infection, two infected areas, lower left lung and lower right lung.").

Left is the left of the image, which is the patient's right: of QaTa-COV19's one-sided sentences, 96 % fit their masks so, 3 % the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np

from saywhere.captions.grid import Example, as_written

THIRDS, SIDES = ("upper", "middle", "lower"), ("left", "right")
Zones = tuple[tuple[bool, bool, bool], tuple[bool, bool, bool]]
"""left, then right; of each (upper, middle, lower)."""
LEAST = (0.0, 0.0005, 0.001, 0.002, 0.003, 0.004, 0.005)  # shares of the image
NUMBERS = ("one", "two", "three", "four", "five", "six")
ALL = "all"  # LViT's own word for three thirds; copies of its sets say "upper middle lower"
_SIDE = rf"(?:(?:{'|'.join(THIRDS)}|{ALL}) )+(?:left|right) lung"
_AND = r"(?:,? and |, )"
_ZONES = re.compile(rf"{_SIDE}(?:{_AND}{_SIDE})*", re.IGNORECASE)
_COUNT = re.compile(rf"\b({'|'.join(NUMBERS)}) infected areas?\b", re.IGNORECASE)
_LATERAL = re.compile(r"\b(?:uni|bi)lateral\b", re.IGNORECASE)
_FORM = "unilateral pulmonary infection, one infected area, upper left lung."
_GRID = np.arange(0.02, 1, 0.02)
_SOME = [(a, b, c) for a, b, c in product((True, False), repeat=3) if a or b or c]
_NONE = (False, False, False)
EVERY: tuple[Zones, ...] = tuple(
    (left, right) for left, right in product([*_SOME, _NONE], repeat=2) if any(left) or any(right)
)
"""The 63 that a sentence can name."""


@dataclass(frozen=True)
class LungRule:
    """Of each half of the image that holds at least `least` of it, the box around what lies there, in shares of the height.

    "upper" is said of a box that begins above `upper`, "lower" of one that ends below `lower`, "middle" of one of at least `tall` or of neither.
    """

    upper: float
    lower: float
    tall: float
    least: float
    says_all: bool = False
    """of three thirds, "all left lung" rather than "upper middle lower left lung": as the sentences that it was fitted to do"""
    fit: dict[str, Any] = field(default_factory=dict)
    """`fit_on` the rows that it was fitted to"""

    @property
    def n(self) -> int:
        return int(self.fit.get("n", 0))

    @property
    def agreement(self) -> float | None:
        return self.fit.get("agreement")

    def zones(self, mask: np.ndarray) -> Zones | None:
        """Of a mask (height, width), in its own frame; None for an empty one. What is too small is said where there is nothing else."""
        seen = _measured(mask)
        if not seen[:, 0].any():
            return None
        least = self.least if (seen[:, 0] >= self.least).any() else 0.0
        left, right = self._named(seen, least)
        return tuple(left.tolist()), tuple(right.tolist())

    def sentence(self, mask: np.ndarray) -> str:
        """In the set's own words; "no pulmonary infection" of an empty mask."""
        found = self.zones(mask)
        return (
            "no pulmonary infection"
            if found is None
            else _written(
                "bilateral pulmonary infection, one infected area, upper left lung.",
                found,
                self.says_all,
            )
        )

    def rewrite(self, prompt: str, mask: np.ndarray) -> str:
        """The prompt with the thirds, sides and number of this mask; of an empty mask, as it is."""
        found = self.zones(mask)
        return prompt if found is None else _written(prompt, found, self.says_all)

    def versions(self, prompt: str) -> list[str]:
        """All that `rewrite` can answer: 63, and the prompt."""
        return list(
            dict.fromkeys([prompt, *(_written(prompt, zones, self.says_all) for zones in EVERY)])
        )

    def fit_on(self, examples: Sequence[Example]) -> dict[str, Any]:
        """`n` examples whose sentences are of this form, and the shares of them that it gives back: `agreement` (all of it), `zones`, `count`, `sides`."""
        seen, said = _observed(examples)
        return self._compared(seen, said)

    def facts(self) -> dict[str, Any]:
        """For run.json and a report."""
        return {
            "upper": self.upper,
            "lower": self.lower,
            "tall": self.tall,
            "least": self.least,
            "says_all": self.says_all,
            **self.fit,
        }

    def _named(self, seen: np.ndarray, least: float) -> np.ndarray:
        """bool (…, side, third) of measures (…, side, 3)."""
        share, top, bottom = np.moveaxis(seen, -1, 0)
        upper, lower = top < self.upper, bottom >= self.lower
        middle = (bottom - top >= self.tall) | ~(upper | lower)
        return np.stack([upper, middle, lower], -1) & ((share > 0) & (share >= least))[..., None]

    def _compared(self, seen: np.ndarray, said: np.ndarray) -> dict[str, Any]:
        if not len(said):
            return {"n": 0}
        found = self._named(seen, self.least)
        alike = {"agreement": (found == said).all((1, 2)), "zones": found == said, "count": found.sum((1, 2)) == said.sum((1, 2)),
                 "sides": (found.any(2) == said.any(2)).all(1)}  # fmt: skip
        return {
            "n": len(said),
            **{name: round(float(np.mean(values)), 4) for name, values in alike.items()},
        }


def fit_lungs(examples: Sequence[Example]) -> LungRule | None:
    """Each cut gives the most of the examples' own words back; None where fewer than half of the sentences that name a position are of this form."""
    sentences = [example.sentence for example in examples if example.sentence]
    if 2 * sum(named(sentence) is not None for sentence in sentences) <= len(sentences):
        return None
    seen, said = _observed(examples)
    if not len(said):
        return None
    least = max(
        LEAST,
        key=lambda cut: float(
            (((seen[..., 0] > 0) & (seen[..., 0] >= cut)) == said.any(2)).all(1).mean()
        ),
    )
    here = (seen[..., 0] > 0) & (seen[..., 0] >= least) & said.any(2)
    if not here.any():  # no half of any mask is where its sentence says
        return None
    _, top, bottom = seen[here].T
    words = said[here]
    rule = LungRule(_best(lambda cut: top < cut, words[:, 0]), _best(lambda cut: bottom >= cut, words[:, 2]),
                    _best(lambda cut: bottom - top >= cut, words[:, 1]), least,
                    any(ALL in found.group().lower().split() for sentence in sentences if (found := _ZONES.search(sentence))))  # fmt: skip
    return replace(rule, fit=rule._compared(seen, said))


def named(sentence: str) -> Zones | None:
    """The thirds that a sentence of this form names, else None."""
    found = _ZONES.search(sentence)
    if found is None:
        return None
    said: dict[str, set[str]] = {side: set() for side in SIDES}
    for phrase in re.split(_AND, found.group().lower()):
        *thirds, side, _ = phrase.split()
        said[side] |= set(THIRDS) if ALL in thirds else set(thirds)
    left, right = (tuple(third in said[side] for third in THIRDS) for side in SIDES)
    return left, right  # type: ignore[return-value]


def _written(prompt: str, zones: Zones, says_all: bool) -> str:
    """The prompt of this form with other thirds; what it says of sides follows, and of their number where it counted thirds."""
    n, before = sum(map(sum, zones)), named(prompt)
    phrases = [_phrase(side, thirds, says_all) for side, thirds in zip(SIDES, zones) if any(thirds)]
    prompt = _ZONES.sub(" and ".join(phrases), prompt, count=1)
    counted = _COUNT.search(prompt)
    if counted and before and counted[1].lower() == NUMBERS[sum(map(sum, before)) - 1]:
        prompt = _COUNT.sub(
            f"{as_written(counted[1], NUMBERS[n - 1])} infected area{'s' if n > 1 else ''}",
            prompt,
            count=1,
        )
    return _LATERAL.sub(
        lambda lateral: as_written(lateral[0], "bilateral" if len(phrases) > 1 else "unilateral"),
        prompt,
        count=1,
    )


def _phrase(side: str, thirds: tuple[bool, bool, bool], says_all: bool) -> str:
    said = (
        [ALL]
        if says_all and all(thirds)
        else [third for third, is_said in zip(THIRDS, thirds) if is_said]
    )
    return " ".join([*said, side, "lung"])


def _observed(examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray]:
    """Measures (example, side, 3) and thirds (example, side, third).

    Of the examples that have both a mask and a sentence of this form.
    """
    seen, said = [], []
    for sentence, read_mask in examples:
        zones = named(sentence)
        mask = None if zones is None else read_mask()
        if mask is not None:
            seen.append(_measured(mask))
            said.append(zones)
    return np.array(seen), np.array(said, bool)


def _measured(mask: np.ndarray) -> np.ndarray:
    """(side, (share of the image, top, bottom)): of each half; of an odd width the middle column counts as right."""
    height, width = mask.shape
    found = []
    for half in (mask[:, : width // 2], mask[:, width // 2 :]):
        rows = np.flatnonzero(half.any(1))
        found.append(
            (np.count_nonzero(half) / mask.size, rows[0] / height, (rows[-1] + 1) / height)
            if len(rows)
            else (0.0, 0.0, 0.0)
        )
    return np.array(found)


def _best(says: Any, said: np.ndarray) -> float:
    """The cut that agrees most; the lowest of equal ones."""
    return round(float(max(_GRID, key=lambda cut: float((says(cut) == said).mean()))), 4)
