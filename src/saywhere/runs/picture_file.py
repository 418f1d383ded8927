"""pictures.safetensors: how the pictures are distributed that a model knows, and of which weights
that is true.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saywhere.io import files
from saywhere.metrics.picture_domain import KnownPictures, PictureDomain
from saywhere.runs.calibration_file import weights_of
from saywhere.runs.run_record import CheckpointState

log = logging.getLogger("saywhere")

FILE = "pictures.safetensors"
"""In a run's folder, or a model's."""
_KEY = "saywhere"
_NUMBERS = ("mean", "scale", "components", "variances", "rest", "limit")
_MOST_BYTES = 64 * 2**20
"""A stranger's file may be larger; those of the networks here have some 200 kB."""

Numbers = dict[str, NDArray[Any]]


def pack(known: KnownPictures, state: CheckpointState) -> bytes:
    """Make the file's content; equal arguments give equal bytes.

    Args:
        known: what was learned.
        state: of the checkpoint that it is true of.

    Returns:
        The bytes of a safetensors file. Numbers are kept as float32.
    """
    from safetensors.numpy import save

    numbers = [_numbers(kind) for kind in known.kinds]
    counts = [kind.n for kind in known.kinds]
    # One kind is written as before there were several.
    header = {
        "n": counts[0] if len(counts) == 1 else counts,
        "weights": weights_of(state),
        "sha256": _digest(numbers),
    }
    named = {
        f"{start}{name}": values
        for start, of_kind in zip(_starts(len(counts)), numbers)
        for name, values in of_kind.items()
    }
    return save(named, metadata={_KEY: json.dumps(header)})


def identity(known: KnownPictures) -> str:
    """Identify what was learned.

    Args:
        known: what was learned, or read.

    Returns:
        sha256 of its numbers, as a file keeps them.
    """
    return _digest([_numbers(kind) for kind in known.kinds])


def write(known: KnownPictures, folder: Path, state: CheckpointState) -> Path:
    """Keep what was learned beside the weights.

    Args:
        known: what was learned.
        folder: of a run or model.
        state: of the checkpoint that it is true of.

    Returns:
        The file.

    Raises:
        NotWritable: where the folder takes no file.
    """
    files.write_bytes(folder / FILE, pack(known, state))
    return folder / FILE


def read(folder: Path, state: CheckpointState) -> KnownPictures | None:
    """Read what was learned of these weights.

    Args:
        folder: of a run or model.
        state: of the checkpoint that will answer.

    Returns:
        The distribution. None where there is none; one that is damaged, or of earlier weights, is
        passed over, and the log says so.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    header, known = _opened(path)
    if known is not None and header.get("weights") == weights_of(state):
        return known
    # As with the expected Dice: a bad file must not keep the model from answering.
    log.warning(
        "%s is %s: no picture is compared with the training's until `saywhere calibrate` is run "
        "again",
        path,
        "damaged" if known is None else "of other weights",
    )
    return None


def _opened(path: Path) -> tuple[Mapping[str, Any], KnownPictures | None]:
    from safetensors import safe_open

    try:
        if path.stat().st_size > _MOST_BYTES:
            return {}, None
        with safe_open(path, framework="np") as file:
            header = json.loads((file.metadata() or {})[_KEY])
            numbers = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return header, _parse(header, numbers)
    except Exception:
        # Untrusted bytes: safetensors and json raise a dozen types on them.
        return {}, None


def _parse(header: Mapping[str, Any], numbers: Numbers) -> KnownPictures | None:
    """None for what `pack` cannot have made."""
    counts = header["n"] if isinstance(header["n"], list) else [header["n"]]
    starts = _starts(len(counts))
    if set(numbers) != {start + name for start in starts for name in _NUMBERS}:
        return None
    of_kinds = [_of_kind(numbers, start) for start in starts]
    kinds = [_kind(n, of_kind) for n, of_kind in zip(counts, of_kinds)]
    whole = tuple(kind for kind in kinds if kind is not None)
    is_alike = len({kind.mean.size for kind in whole}) == 1
    if len(whole) < len(kinds) or not is_alike or header["sha256"] != _digest(of_kinds):
        return None
    return KnownPictures(whole)


def _of_kind(numbers: Numbers, start: str) -> Numbers:
    return {name: numbers[start + name] for name in _NUMBERS}


def _kind(n: object, numbers: Numbers) -> PictureDomain | None:
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        return None
    if any(a.dtype != np.float32 or not np.isfinite(a).all() for a in numbers.values()):
        return None
    n_features, n_components = numbers["mean"].size, numbers["variances"].size
    shapes = {
        "mean": (n_features,),
        "scale": (n_features,),
        "components": (n_components, n_features),
        "variances": (n_components,),
        "rest": (),
        "limit": (),
    }
    if any(numbers[name].shape != shape for name, shape in shapes.items()):
        return None
    if any((numbers[name] <= 0).any() for name in ("scale", "variances", "rest", "limit")):
        return None
    values: Any = {name: numbers[name].astype(np.float64) for name in shapes}
    single = {name: float(values[name]) for name in ("rest", "limit")}
    return PictureDomain(**{**values, **single, "n": n})


def _starts(n_kinds: int) -> list[str]:
    """What the names of each kind's numbers begin with."""
    return [""] if n_kinds == 1 else [f"{number}." for number in range(n_kinds)]


def _numbers(kind: PictureDomain) -> Numbers:
    return {name: np.array(getattr(kind, name), np.float32) for name in _NUMBERS}


def _digest(of_kinds: Sequence[Numbers]) -> str:
    """sha256 of all numbers: a flipped bit gives no other sign."""
    sha = hashlib.sha256()
    for numbers in of_kinds:
        for name in _NUMBERS:
            sha.update(np.ascontiguousarray(numbers[name]).tobytes())
    return sha.hexdigest()
