"""What we want to reach, beside what was measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]
"""What `bench.suite` writes."""
PAPER = "unet 64 224"
"""The paper's UNet, as `bench.suite` names it."""
LITE = "lung-infection"
"""The model that predicts where none is named: `lite` at 160 px, which the goals are about."""
MOST, LEAST = "at most", "at least"


@dataclass(frozen=True)
class Target:
    """One goal.

    Attributes:
        what: in words.
        bound: `MOST` or `LEAST`.
        goal: a number.
        unit: behind the number.
        read: takes the number out of a document; KeyError where it was not measured.
        on: kind of device that it is a goal for; "": any.
        span: takes the ends of the number's 95 % interval out of a document; None: it has none.
    """

    what: str
    bound: str
    goal: float
    unit: str
    read: Callable[[Document], float]
    on: str = ""
    span: Callable[[Document], tuple[float, float]] | None = None


@dataclass(frozen=True)
class Outcome:
    """A goal with what was measured.

    Attributes:
        target: the goal.
        measured: the number; None where it was not measured.
        span: ends of its 95 % interval; None where it has none.
    """

    target: Target
    measured: float | None
    span: tuple[float, float] | None = None

    @property
    def verdict(self) -> str:
        """reached, missed, or not measured; "not for sure" where the interval holds the goal."""
        if self.measured is None:
            return "not measured"
        sign = 1 if self.target.bound == LEAST else -1
        goal = self.target.goal
        verdict = "reached" if sign * self.measured >= sign * goal else "missed"
        is_open = self.span is not None and self.span[0] <= goal <= self.span[1]
        return f"{verdict}, not for sure" if is_open else verdict

    def row(self) -> tuple[str, str, str, str]:
        """The goal, its bound, what was measured, and the verdict: cells of a table."""
        target = self.target
        measured = "–" if self.measured is None else f"{self.measured:g} {target.unit}".strip()
        if self.span is not None:
            measured += " [{:g}, {:g}]".format(*self.span)
        goal = f"{target.bound} {target.goal:g} {target.unit}".strip()
        return target.what, goal, measured, self.verdict


def _words(document: Document) -> Mapping[str, float]:
    """What words and fusion cost; KeyError where it was not measured."""
    cost: Mapping[str, float] | None = document["training"][PAPER]["words"]
    if cost is None:
        raise KeyError("words")
    return cost


def _span_of_words(document: Document) -> tuple[float, float]:
    cost = _words(document)
    return cost["low"], cost["high"]


def _of_paper(key: str) -> Callable[[Document], float]:
    return lambda document: document["training"][PAPER][key]


TARGETS = (
    Target(
        "a folder of pictures, times as fast as the naive loop",
        LEAST,
        2.5,
        "×",
        lambda document: document["prediction"]["ratio"]["folder"],
    ),
    Target(
        "one picture in a loaded model, times as fast as the naive way",
        LEAST,
        2,
        "×",
        lambda document: document["prediction"]["ratio"]["one"],
    ),
    Target(
        "`saywhere predict` of one picture with a new prompt, cold, in imports of PyTorch",
        MOST,
        2.5,
        "",
        lambda document: document["start"]["ratio"]["torch"],
        "cpu",
    ),
    Target(
        "the same by ONNX Runtime (`--runtime onnx`)",
        MOST,
        1.5,
        "",
        lambda document: document["start"]["ratio"]["onnx"],
        "cpu",
    ),
    Target(
        "seconds from the call to the first step, second start on the same data",
        MOST,
        5,
        "s",
        lambda document: max(cell["start_s"]["second"] for cell in document["training"].values()),
    ),
    Target(
        "a step of the paper's UNet, times as fast as the naive one",
        LEAST,
        3,
        "×",
        _of_paper("ratio"),
        "cpu",
    ),
    Target(
        "a step of the paper's UNet, times as fast as the naive one",
        LEAST,
        8,
        "×",
        _of_paper("ratio"),
        "cuda",
    ),
    Target(
        "arithmetic of that step, of the matrix rate",
        LEAST,
        0.3,
        "",
        _of_paper("share_of_matrix_rate"),
        "cuda",
    ),
    Target(
        "words and fusion, of a step of the paper's UNet",
        MOST,
        3,
        "%",
        lambda document: _words(document)["share"],
        span=_span_of_words,
    ),
    Target(
        "surface distance and surface Dice, times as fast as MONAI's loop",
        LEAST,
        3,
        "×",
        lambda document: document["boundaries"]["kinds"]["one lesion"]["ratio"],
    ),
)


def outcomes(document: Document) -> list[Outcome]:
    """Compare a document with the goals of its device.

    Args:
        document: what `bench.suite` wrote; parts may be missing.

    Returns:
        Each goal with what was measured.
    """
    kind = str(document["machine"]["device"]).partition(":")[0]
    return [_outcome(target, document) for target in TARGETS if target.on in ("", kind)]


def _outcome(target: Target, document: Document) -> Outcome:
    try:
        span = target.span(document) if target.span else None
        return Outcome(target, target.read(document), span)
    except (KeyError, ValueError):  # ValueError: a part without a cell
        return Outcome(target, None)
