"""What we want to reach, beside what was measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]
"""What `bench.suite` writes."""
PAPER = "unet 64 224"
"""The paper's UNet, as `bench.suite` names it."""
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
    """

    what: str
    bound: str
    goal: float
    unit: str
    read: Callable[[Document], float]
    on: str = ""


@dataclass(frozen=True)
class Outcome:
    """A goal with what was measured.

    Attributes:
        target: the goal.
        measured: the number; None where it was not measured.
    """

    target: Target
    measured: float | None

    @property
    def verdict(self) -> str:
        """reached, missed, or not measured."""
        if self.measured is None:
            return "not measured"
        sign = 1 if self.target.bound == LEAST else -1
        return "reached" if sign * self.measured >= sign * self.target.goal else "missed"

    def row(self) -> tuple[str, str, str, str]:
        """The goal, its bound, what was measured, and the verdict: cells of a table."""
        target = self.target
        measured = "–" if self.measured is None else f"{self.measured:g} {target.unit}".strip()
        goal = f"{target.bound} {target.goal:g} {target.unit}".strip()
        return target.what, goal, measured, self.verdict


def _text_share(document: Document) -> float:
    """Percent of a step that goes to words and fusion."""
    seconds = document["training"][PAPER]["step_s"]
    with_words, without = seconds["ours"]["median"], seconds["image only"]["median"]
    return round(100 * (with_words - without) / with_words, 1)


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
    Target("words and fusion, of a step of the paper's UNet", MOST, 3, "%", _text_share),
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
    return [
        Outcome(target, _read(target, document)) for target in TARGETS if target.on in ("", kind)
    ]


def _read(target: Target, document: Document) -> float | None:
    try:
        return target.read(document)
    except (KeyError, ValueError):  # ValueError: a part without a cell
        return None
