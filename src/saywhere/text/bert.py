"""A frozen BERT from a local folder, in the published CXR-BERT or plain BERT layout.

CXR-BERT (Boecking et al. 2022, doi:10.1007/978-3-031-20059-5_1) is a BERT with heads on top. Its remote code is never run:
the heads are left out, and the trunk is loaded into transformers' own `BertModel`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Sequence

import numpy as np
import torch
from torch import Tensor

from saywhere.errors import BadCheckpoint, MissingEncoder

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
PAPER_CODE_LENGTH = 32  # the public code pads and cuts to this
_BATCH = 64


class BertEncoder:
    """Sentences → vectors. Poolings: `mean` over the words, `cls`, `paper_code` (see `pool`)."""

    def __init__(self, name: str, folder: Path, pooling: str, max_length: int, *, unit_length: bool = False) -> None:
        from transformers import BertTokenizerFast

        self.name, self.pooling, self.max_length, self._unit_length = name, pooling, max_length, unit_length
        weights = _find_weights(name, folder)
        self.revision = digest(weights)[:16]
        self._model = _load_trunk(folder, weights)
        self._tokenizer = BertTokenizerFast.from_pretrained(folder, local_files_only=True)
        self.dim = int(self._model.config.hidden_size)

    def count_tokens(self, prompt: str) -> int:
        return len(self._tokenizer(prompt, truncation=False, verbose=False)["input_ids"])

    @torch.inference_mode()
    def embed(self, prompts: Sequence[str]) -> np.ndarray:
        by_length = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))  # little padding in a batch
        rows = np.zeros((len(prompts), self.dim), np.float32)
        for start in range(0, len(prompts), _BATCH):
            chosen = by_length[start : start + _BATCH]
            rows[chosen] = self._embed_batch([prompts[i] for i in chosen]).numpy()
        return rows

    def _embed_batch(self, prompts: list[str]) -> Tensor:
        padding = "max_length" if self.pooling == "paper_code" else True
        tokens = self._tokenizer(prompts, padding=padding, truncation=True, max_length=self.max_length, return_tensors="pt")
        output = self._model(**tokens, output_hidden_states=True)
        sentence = pool(output.hidden_states, tokens["attention_mask"], self.pooling)
        return torch.nn.functional.normalize(sentence, dim=-1) if self._unit_length else sentence


def pool(hidden_states: Sequence[Tensor], attention_mask: Tensor, pooling: str) -> Tensor:
    """Token states, a (batch, token, dim) a layer, → one vector a sentence (batch, dim).

    `cls`: the first token of the last layer. `mean`: the last layer over the words, padding masked.
    `paper_code`: layers 1, 2 and last (0 = input embeddings), over all positions with the padding (11yxk/MedSeg_EarlyFusion).
    """
    last = hidden_states[-1]
    if pooling == "cls":
        return last[:, 0]
    if pooling == "paper_code":
        return torch.stack([hidden_states[i].mean(1) for i in (1, 2, -1)]).mean(0)
    weight = attention_mask[..., None].to(last.dtype)
    return (last * weight).sum(1) / weight.sum(1)


def open_cxr_bert(path: Path | None, pooling: str, max_length: int | None) -> BertEncoder:
    """CXR-BERT from a local folder. Default pooling: CLS, which its contrastive training used."""
    if path is None:
        raise MissingEncoder("cxr-bert needs its files, and text.path is not set", allowed=_expected(), remedy="set text.path to that folder")
    pooling = "cls" if pooling == "default" else pooling
    return BertEncoder("cxr-bert", Path(path), pooling, PAPER_CODE_LENGTH if pooling == "paper_code" else max_length or 128)


def digest(path: Path) -> str:
    """sha256 of a file, in hexadecimal digits."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()


def _expected() -> str:
    return "a folder with config.json, vocab.txt and model.safetensors (or pytorch_model.bin), as BiomedVLP-CXR-BERT-specialized is published"


def _find_weights(name: str, folder: Path) -> Path:
    missing = [file for file in ("config.json", "vocab.txt") if not (folder / file).is_file()]
    weights = [folder / file for file in WEIGHT_FILES if (folder / file).is_file()]
    if not folder.is_dir() or missing or not weights:
        lacks = ", ".join(missing + ([] if weights else [" or ".join(WEIGHT_FILES)]))
        raise MissingEncoder(
            f"no {name} checkpoint: {lacks} not found", where=folder, allowed=_expected(), remedy="copy these files there; nothing is downloaded"
        )
    return weights[0]


def _load_trunk(folder: Path, weights: Path) -> Any:
    from transformers import BertConfig, BertModel

    document = json.loads((folder / "config.json").read_text())
    known = {key: value for key, value in document.items() if key not in ("auto_map", "architectures", "model_type", "torch_dtype", "dtype")}
    model = BertModel(BertConfig(**known), add_pooling_layer=False)
    tensors = {_trunk_key(key): value for key, value in _read_weights(weights).items()}
    wanted = model.state_dict()
    lost = sorted(set(wanted) - set(tensors))
    if lost:
        raise BadCheckpoint(f"{len(lost)} tensors of a BERT are missing, the first is {lost[0]}", where=weights, allowed=_expected())
    bent = [key for key in wanted if tensors[key].shape != wanted[key].shape]
    if bent:
        shapes = f"{tuple(tensors[bent[0]].shape)} instead of {tuple(wanted[bent[0]].shape)}"
        raise BadCheckpoint(f"{bent[0]} is {shapes}", where=weights, allowed="weights and config.json must belong together")
    model.load_state_dict({key: tensors[key].float() for key in wanted})
    return model.eval().requires_grad_(False)


def _trunk_key(key: str) -> str:
    return key.removeprefix("bert.").replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")


def _read_weights(path: Path) -> dict[str, Tensor]:
    import pickle

    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path) if path.suffix == ".safetensors" else torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadCheckpoint(f"not readable as plain weights ({reason[:120]})", where=path, remedy="prefer model.safetensors") from None
