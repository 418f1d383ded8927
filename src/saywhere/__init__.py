"""Saywhere: say where, see the mask. Referring (text-guided) medical image segmentation. Research use only, not a medical device.

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
    from saywhere.data.cases import Dataset as Dataset
    from saywhere.data.describe import describe as describe
    from saywhere.data.phantoms import make_phantoms as make_phantoms
    from saywhere.engine.calibrate import calibrate as calibrate
    from saywhere.engine.evaluate import EvaluationSummary as EvaluationSummary
    from saywhere.engine.evaluate import evaluate as evaluate
    from saywhere.engine.predict import Result as Result
    from saywhere.engine.predict import Segmenter as Segmenter
    from saywhere.engine.predict import load as load
    from saywhere.engine.train import train as train

_LAZY = {
    "Config": "saywhere.config",
    "Dataset": "saywhere.data.cases",
    "EvaluationSummary": "saywhere.engine.evaluate",
    "Result": "saywhere.engine.predict",
    "Segmenter": "saywhere.engine.predict",
    "calibrate": "saywhere.engine.calibrate",
    "describe": "saywhere.data.describe",
    "evaluate": "saywhere.engine.evaluate",
    "load": "saywhere.engine.predict",
    "make_phantoms": "saywhere.data.phantoms",
    "train": "saywhere.engine.train",
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
