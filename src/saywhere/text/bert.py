"""A frozen BERT from a local folder, in the published CXR-BERT or plain BERT layout.

CXR-BERT (Boecking et al. 2022, doi:10.1007/978-3-031-20059-5_1) is a BERT with heads on top. Its remote code is never run:
the heads are left out, and the trunk is loaded into transformers' own `BertModel`.
"""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saywhere.errors import BadCheckpoint, ConfigError, MissingEncoder
from saywhere.io.files import digest

DESCRIPTIONS = ("config.json", "vocab.txt")
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
PAPER_CODE_LENGTH = 32  # the public code pads and cuts to this
_BATCH = 64


class BertEncoder:
    """Sentences → vectors. Poolings: `mean` over the words, `cls`, `paper_code` (see `pool`).

    `max_length`: at most what the checkpoint has positions for. `revision`: known beforehand for a pinned checkpoint; else a digest of its files.
    Raises: MissingEncoder, BadCheckpoint, ConfigError.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        pooling: str,
        max_length: int,
        *,
        unit_length: bool = False,
        revision: str | None = None,
    ) -> None:
        self.name, self.pooling, self._unit_length = name, pooling, unit_length
        weights = _find_weights(name, folder)
        self.revision = revision or _revision(folder, weights)
        self._model = _load_trunk(folder, weights)
        self._tokenizer = _load_tokenizer(folder, self._model.config.vocab_size)
        self.dim, self.max_length = (
            int(self._model.config.hidden_size),
            min(max_length, int(self._model.config.max_position_embeddings)),
        )
        if pooling == "paper_code" and self._model.config.num_hidden_layers < 2:
            raise ConfigError(
                "text.pooling is paper_code",
                where=folder,
                allowed="it needs hidden states 1 and 2, and this checkpoint has one layer",
            )

    def count_tokens(self, prompt: str) -> int:
        return len(
            self._tokenizer(_speakable(prompt), truncation=False, verbose=False)["input_ids"]
        )

    @torch.inference_mode()
    def embed(self, prompts: Sequence[str]) -> np.ndarray:
        by_length = self._by_length(prompts)
        rows = np.zeros((len(prompts), self.dim), np.float32)
        for start in range(0, len(prompts), _BATCH):
            chosen = by_length[start : start + _BATCH]
            rows[chosen] = self._embed_batch([prompts[i] for i in chosen]).numpy()
        return rows

    @torch.inference_mode()
    def embed_tokens(self, prompts: Sequence[str]) -> list[np.ndarray]:
        rows: dict[int, np.ndarray] = {}
        by_length = self._by_length(prompts)
        for start in range(0, len(prompts), _BATCH):
            chosen = by_length[start : start + _BATCH]
            tokens = self._tokens([prompts[i] for i in chosen], padding=True)
            states = self._model(**tokens).last_hidden_state
            rows |= {
                i: state[mask.bool()].numpy()
                for i, state, mask in zip(chosen, states, tokens["attention_mask"])
            }
        return [rows[i] for i in range(len(prompts))]

    def _by_length(self, prompts: Sequence[str]) -> list[int]:
        """Numbers of the prompts, those of fewest tokens first: a batch then holds hardly any padding, which costs as much as words do."""
        counts = [self.count_tokens(prompt) for prompt in prompts]
        return sorted(range(len(prompts)), key=counts.__getitem__)

    def _tokens(self, prompts: list[str], padding: bool | str) -> Any:
        speakable = [_speakable(prompt) for prompt in prompts]
        return self._tokenizer(
            speakable,
            padding=padding,
            truncation=True,
            max_length=self.max_length,
            return_tensors="pt",
        )

    def _embed_batch(self, prompts: list[str]) -> Tensor:
        tokens = self._tokens(
            prompts, padding="max_length" if self.pooling == "paper_code" else True
        )
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
        raise MissingEncoder(
            "cxr-bert needs its files, and text.path is not set",
            allowed=_expected(),
            remedy="set text.path to that folder",
        )
    pooling = "cls" if pooling == "default" else pooling
    return BertEncoder(
        "cxr-bert",
        Path(path),
        pooling,
        PAPER_CODE_LENGTH if pooling == "paper_code" else max_length or 128,
    )


def _revision(folder: Path, weights: Path) -> str:
    """Of all that a vector depends on: equal weights with another vocabulary are another encoder."""
    files = [
        weights,
        *(
            folder / name
            for name in (*DESCRIPTIONS, "tokenizer.json", "tokenizer_config.json")
            if (folder / name).is_file()
        ),
    ]
    return hashlib.sha256("".join(digest(file) for file in files).encode()).hexdigest()[:16]


def _speakable(prompt: str) -> str:
    """Lone surrogates, which no tokenizer takes (a command line gives them for bytes that are no text), become question marks."""
    return prompt.encode("utf-8", "replace").decode("utf-8")


def _expected() -> str:
    return "a folder with config.json, vocab.txt and model.safetensors (or pytorch_model.bin), as BiomedVLP-CXR-BERT-specialized is published"


def _find_weights(name: str, folder: Path) -> Path:
    missing = [file for file in DESCRIPTIONS if not (folder / file).is_file()]
    weights = [folder / file for file in WEIGHT_FILES if (folder / file).is_file()]
    if not folder.is_dir() or missing or not weights:
        lacks = ", ".join(missing + ([] if weights else [" or ".join(WEIGHT_FILES)]))
        raise MissingEncoder(
            f"no {name} checkpoint: {lacks} not found",
            where=folder,
            allowed=_expected(),
            remedy="copy these files there; nothing is downloaded",
        )
    return weights[0]


def _load_trunk(folder: Path, weights: Path) -> Any:
    with torch.random.fork_rng(
        devices=[]
    ):  # its first weights are random, and are thrown away: the caller's random numbers go on as before
        model = _empty_trunk(folder / "config.json")
    tensors = {_trunk_key(key): value for key, value in _read_weights(weights).items()}
    wanted = model.state_dict()
    lost = sorted(set(wanted) - set(tensors))
    if lost:
        raise BadCheckpoint(
            f"{len(lost)} tensors of a BERT are missing, the first is {lost[0]}",
            where=weights,
            allowed=_expected(),
        )
    bent = [key for key in wanted if tensors[key].shape != wanted[key].shape]
    if bent:
        shapes = f"{tuple(tensors[bent[0]].shape)} instead of {tuple(wanted[bent[0]].shape)}"
        raise BadCheckpoint(
            f"{bent[0]} is {shapes}",
            where=weights,
            allowed="weights and config.json must belong together",
        )
    wild = [key for key in wanted if not tensors[key].isfinite().all()]
    if wild:
        raise BadCheckpoint(
            f"{wild[0]} holds values that are not finite",
            where=weights,
            remedy="copy the file again",
        )
    model.load_state_dict({key: tensors[key].float() for key in wanted})
    return model.eval().requires_grad_(False)


def _empty_trunk(path: Path) -> Any:
    from transformers import BertConfig, BertModel

    foreign = (
        "auto_map",
        "architectures",
        "model_type",
        "torch_dtype",
        "dtype",
    )  # what would name remote code, or another class
    try:
        document = json.loads(path.read_text("utf-8"))
        return BertModel(
            BertConfig(**{key: value for key, value in document.items() if key not in foreign}),
            add_pooling_layer=False,
        )
    except Exception as error:  # a foreign file: whatever transformers makes of it
        raise BadCheckpoint(
            f"not a BERT's configuration ({_reason(error)})", where=path, allowed=_expected()
        ) from None


def _load_tokenizer(folder: Path, vocab_size: int) -> Any:
    from transformers import BertTokenizer

    try:
        tokenizer = BertTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # as above
        raise BadCheckpoint(
            f"not a BERT's vocabulary ({_reason(error)})",
            where=folder / "vocab.txt",
            allowed=_expected(),
        ) from None
    if len(tokenizer) > vocab_size:
        raise BadCheckpoint(
            f"{len(tokenizer)} words",
            where=folder / "vocab.txt",
            allowed=f"config.json says {vocab_size}; the two must belong together",
        )
    return tokenizer


def _trunk_key(key: str) -> str:
    return (
        key.removeprefix("bert.")
        .replace("LayerNorm.gamma", "LayerNorm.weight")
        .replace("LayerNorm.beta", "LayerNorm.bias")
    )


def _read_weights(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    try:
        found = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except pickle.UnpicklingError:  # torch's own message advises to load it all the same
        raise BadCheckpoint("refused: a pickle that is damaged, or holds more than tensors and could run code", where=path,
                            allowed="plain weights only", remedy="use the publisher's model.safetensors") from None  # fmt: skip
    except Exception as error:  # a foreign file can make its readers raise anything
        raise BadCheckpoint(
            f"not readable as plain weights ({_reason(error)})",
            where=path,
            remedy="copy it again, or use model.safetensors",
        ) from None
    if not isinstance(found, dict):
        raise BadCheckpoint(
            f"a {type(found).__name__} instead of named weights", where=path, allowed=_expected()
        )
    return {str(key): value for key, value in found.items() if isinstance(value, Tensor)}


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
