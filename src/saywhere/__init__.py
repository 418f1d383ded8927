"""Saywhere: say where, see the mask.

Referring (text-guided) medical image segmentation. Research use only, not a medical device.

import saywhere
segmenter = saywhere.load("runs/kvasir")
result = segmenter.segment("image.png", "one small round polyp, upper right")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from saywhere._version import __version__ as __version__
from saywhere.errors import SaywhereError as SaywhereError

if TYPE_CHECKING:
    from saywhere.config import Config as Config
    from saywhere.data.dataset import Dataset as Dataset
    from saywhere.datasets.describe import describe as describe
    from saywhere.datasets.synthetic import make_phantoms as make_phantoms
    from saywhere.evaluation.calibrate import calibrate as calibrate
    from saywhere.evaluation.evaluate import evaluate as evaluate
    from saywhere.evaluation.summary import EvaluationSummary as EvaluationSummary
    from saywhere.inference.result import Result as Result
    from saywhere.inference.segmenter import Segmenter as Segmenter
    from saywhere.inference.segmenter import load as load
    from saywhere.training.trainer import train as train

_LAZY = {
    "Config": "saywhere.config",
    "Dataset": "saywhere.data.dataset",
    "EvaluationSummary": "saywhere.evaluation.summary",
    "Result": "saywhere.inference.result",
    "Segmenter": "saywhere.inference.segmenter",
    "calibrate": "saywhere.evaluation.calibrate",
    "describe": "saywhere.datasets.describe",
    "evaluate": "saywhere.evaluation.evaluate",
    "load": "saywhere.inference.segmenter",
    "make_phantoms": "saywhere.datasets.synthetic",
    "train": "saywhere.training.trainer",
}
__all__ = [
    "Config",
    "Dataset",
    "EvaluationSummary",
    "Result",
    "SaywhereError",
    "Segmenter",
    "__version__",
    "calibrate",
    "describe",
    "evaluate",
    "load",
    "make_phantoms",
    "train",
]

if not TYPE_CHECKING:  # a type checker would take any name for one of ours

    def __getattr__(name: str) -> object:
        """Import what costs torch only when it is used."""
        if name not in _LAZY:
            raise AttributeError(f"module 'saywhere' has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
