"""Saywhere: say where, see the mask. Referring (text-guided) medical image segmentation. Research use only, not a medical device.

import saywhere
segmenter = saywhere.load("runs/kvasir")
result = segmenter.segment("image.png", "one small round polyp, upper right")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from saywhere._version import __version__ as __version__
from saywhere.errors import SaywhereError as SaywhereError

if TYPE_CHECKING:
    from saywhere.config import Config as Config
    from saywhere.engine.evaluate import evaluate as evaluate
    from saywhere.engine.predict import Result as Result
    from saywhere.engine.predict import Segmenter as Segmenter
    from saywhere.engine.predict import load as load
    from saywhere.engine.train import train as train

_LAZY = {
    "Config": "saywhere.config",
    "Result": "saywhere.engine.predict",
    "Segmenter": "saywhere.engine.predict",
    "evaluate": "saywhere.engine.evaluate",
    "load": "saywhere.engine.predict",
    "train": "saywhere.engine.train",
}
__all__ = ["Config", "Result", "SaywhereError", "Segmenter", "__version__", "evaluate", "load", "train"]


def __getattr__(name: str) -> Any:
    """Import what costs torch only when it is used."""
    if name not in _LAZY:
        raise AttributeError(f"module 'saywhere' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
