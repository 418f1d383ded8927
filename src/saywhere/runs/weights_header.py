"""What a weights file says of itself, and its numbers, without PyTorch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saywhere.config import Config, Document
from saywhere.errors import BadCheckpoint, MissingFile
from saywhere.runs.formats import refuse_newer_folder
from saywhere.runs.locate import WEIGHTS, weights_file
from saywhere.runs.older_values import parse_stored

KEY = "saywhere"
MOST_BYTES = 32 * 2**20


def read_header(folder: Path) -> tuple[Path, Config, Document]:
    """Read a model's configuration and state.

    The weights are neither read nor checked: whoever computes with them compares their digest.

    Args:
        folder: Of a run or model.

    Returns:
        The weights' file, the resolved configuration, and the checkpoint's state.

    Raises:
        MissingFile: There are no weights.
        BadCheckpoint: The file is no checkpoint of ours.
    """
    path = weights_file(folder)
    if path is None:
        raise MissingFile(
            f"no {WEIGHTS}", where=folder, remedy="train first, or name another run directory"
        )
    refuse_newer_folder(folder)
    try:
        with path.open("rb") as opened:
            # A safetensors file begins with its header's length, in 8 bytes.
            n_bytes = int.from_bytes(opened.read(8), "little")
            if n_bytes > MOST_BYTES:
                raise ValueError(f"a header of {n_bytes:,} bytes")
            document = json.loads(json.loads(opened.read(n_bytes))["__metadata__"][KEY])
        return path, parse_stored(document["config"], where=path), dict(document["state"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BadCheckpoint(
            f"not a Saywhere checkpoint ({type(error).__name__})",
            where=path,
            remedy="name a run directory, or train again",
        ) from None


def read_weights(path: Path) -> dict[str, NDArray[Any]]:
    """Read a model's numbers.

    Args:
        path: Of a weights file whose digest is known.

    Returns:
        Name → numbers, in float32 as they were trained.
    """
    from safetensors.numpy import load_file

    tensors = load_file(path)
    named = {name.removeprefix("model."): value for name, value in tensors.items()}
    return {
        # A model is passed on in half precision.
        name: value.astype(np.float32) if value.dtype == np.float16 else value
        for name, value in named.items()
        if f"model.{name}" in tensors
    }
