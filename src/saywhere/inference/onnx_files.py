"""Where the ONNX files of a model lie: in the cache, by the digest of the weights.

`saywhere export RUN --to onnx --keep` and the first `saywhere predict --runtime onnx` put them
there. Other weights have another digest, so that old files never answer for a new model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from saywhere.errors import BadCheckpoint, MissingExtra, MissingFile
from saywhere.io.cache import use
from saywhere.io.files import digest
from saywhere.io.paths import cache_folder

NETWORK, TEXT, TOKENIZER, ABOUT = "network.onnx", "text.onnx", "tokenizer.json", "saywhere.json"
FORMAT = 2
"""Of the files: counted up when what they hold changes. 2: the network's features as well."""
RUNNING = ("onnxruntime", "tokenizers")
"""Packages that the files are run by."""
EXPORTING = ("onnx", "onnxscript", "onnxruntime")
"""Packages that the files are made and compared by."""


@dataclass(frozen=True)
class OnnxFiles:
    """The files of one model.

    Attributes:
        folder: Where they are.
        about: What saywhere.json says.
    """

    folder: Path
    about: Mapping[str, Any]


def folder_for(weights: Path) -> Path:
    """The place of a model's files.

    Args:
        weights: The model's own file.

    Returns:
        A folder of the cache, which need not be there.
    """
    # By content: a run that was trained on, or another of its name, has files of its own.
    return cache_folder() / "onnx" / f"{digest(weights)[:24]}-{FORMAT}"


def is_kept(weights: Path) -> bool:
    """Are the files of this model there?

    Args:
        weights: The model's own file.

    Returns:
        True where all were written.
    """
    # Written last.
    return (folder_for(weights) / ABOUT).is_file()


def find(run: Path, weights: Path) -> OnnxFiles:
    """Find the files of a model.

    Args:
        run: The run or model, for messages.
        weights: Its own file.

    Returns:
        The files.

    Raises:
        MissingExtra: onnxruntime or tokenizers is not installed.
        MissingFile: The model was not exported on this machine.
        BadCheckpoint: The files are damaged.
    """
    refuse_missing()
    folder = folder_for(weights)
    if not (folder / ABOUT).is_file():
        raise MissingFile(
            f"no ONNX files of {run}",
            allowed="they are made once a machine, in about a minute",
            remedy=f"saywhere export {run.name} --to onnx --keep",
        )
    use(folder)
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        return OnnxFiles(folder, dict(about))
    except (ValueError, TypeError, RecursionError):
        raise BadCheckpoint(
            "the ONNX files of this model are damaged",
            where=folder,
            remedy=f"remove that folder, and saywhere export {run.name} --to onnx --keep",
        ) from None


def refuse_missing(packages: Sequence[str] = RUNNING, noun: str = "the ONNX runtime") -> None:
    """Say what is not installed, before anything is loaded.

    Args:
        packages: That are needed.
        noun: What needs them.

    Raises:
        MissingExtra: A package is not installed.
    """
    names = missing(packages)
    if names:
        raise MissingExtra(
            f"{noun} needs {', '.join(names)}, which is not installed",
            remedy="pip install 'saywhere[onnx]'",
        )


def missing(packages: Sequence[str] = RUNNING) -> list[str]:
    """List what is not installed.

    Args:
        packages: That are needed.

    Returns:
        Names of packages.
    """
    return [name for name in packages if find_spec(name) is None]


def can_export() -> bool:
    """Can a model's files be made here, and run?

    Returns:
        True where all packages are installed.
    """
    return not missing((*EXPORTING, *RUNNING))
