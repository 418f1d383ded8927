"""A frozen BERT from a local folder, in the published CXR-BERT or plain BERT layout.

CXR-BERT (Boecking et al. 2022, doi:10.1007/978-3-031-20059-5_1) is a BERT with heads on top. Its
remote code is never run: the heads are left out, and the trunk is loaded into `BertTrunk`.
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
from saywhere.text.bert_trunk import BertTrunk, empty_trunk
from saywhere.text.word_pieces import WordPieces

DESCRIPTIONS = ("config.json", "vocab.txt")
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
PAPER_CODE_LENGTH = 32  # the public code pads and cuts to this
_EXPECTED = (
    "a folder with config.json, vocab.txt and model.safetensors (or pytorch_model.bin), "
    "as BiomedVLP-CXR-BERT-specialized is published"
)
_BATCH = 64


class BertEncoder:
    """A frozen BERT, as a `text.encoder.Encoder`.

    Attributes:
        name: As the registry calls it.
        pooling: `mean`, `cls` or `paper_code` (see `pool`).
        unit_length: Is each sentence's vector scaled to length 1?
        revision: Digest of all that a vector depends on.
        dim: Numbers per vector.
        max_length: Tokens that are read at most.
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
        """Load a checkpoint.

        Args:
            name: As the registry calls it.
            folder: Where its files lie.
            pooling: `mean`, `cls` or `paper_code`.
            max_length: Tokens, with the special ones; at most what the checkpoint has positions
                for.
            unit_length: Scale each sentence's vector to length 1.
            revision: The revision of a pinned checkpoint; None for a digest of its files.

        Raises:
            MissingEncoder: A file is not there.
            BadCheckpoint: A file is damaged, unsafe, or belongs to another model.
            ConfigError: The checkpoint has too few layers for the pooling.
        """
        self.name = name
        self.pooling = pooling
        self.unit_length = unit_length
        weights = _find_weights(name, folder)
        # A pinned checkpoint was digested before: its weights are not read again for that.
        self.revision = revision or _revision(folder, weights)
        self._model = _load_trunk(folder, weights)
        architecture = self._model.config
        self.dim = architecture.hidden_size
        # BERT has no position vector beyond these; a longer prompt would be an index error.
        self.max_length = min(max_length, architecture.max_position_embeddings)
        # transformers would take seconds to load, and makes the same of a pinned checkpoint.
        tokenizer = _load_tokenizer(folder) if revision is None else _whole_tokenizer(folder)
        # The public code averages over the padding too, so that its length is part of the vector.
        is_fixed = pooling == "paper_code"
        self._pieces = WordPieces(tokenizer, self.max_length, is_fixed=is_fixed)
        _check_vocabulary(self._pieces, architecture.vocab_size, folder)
        # Before the first prompt: otherwise the encoder would fail in the middle of a training.
        if pooling == "paper_code" and architecture.num_hidden_layers < 2:
            raise ConfigError(
                "text.pooling is paper_code",
                where=folder,
                allowed="it needs hidden states 1 and 2, and this checkpoint has one layer",
            )

    def count_tokens(self, prompt: str) -> int:
        """How long a prompt is.

        Args:
            prompt: A text.

        Returns:
            Tokens before truncation, with the special ones.
        """
        return self._pieces.count(prompt)

    @torch.inference_mode()
    def embed(self, prompts: Sequence[str]) -> np.ndarray:
        """One vector per prompt.

        Args:
            prompts: Texts.

        Returns:
            float32 (n, dim), in the order of the prompts.
        """
        by_length = self._pieces.shortest_first(prompts)
        rows = np.zeros((len(prompts), self.dim), np.float32)
        for start in range(0, len(prompts), _BATCH):
            chosen = by_length[start : start + _BATCH]
            # By number, so that the vectors come back in the caller's order.
            rows[chosen] = self._embed_batch([prompts[i] for i in chosen]).numpy()
        return rows

    @torch.inference_mode()
    def embed_tokens(self, prompts: Sequence[str]) -> list[np.ndarray]:
        """One vector per token.

        Args:
            prompts: Texts.

        Returns:
            For each prompt float32 (token, dim): the last layer's states with the special tokens,
            after truncation, without padding.
        """
        rows: dict[int, np.ndarray] = {}
        by_length = self._pieces.shortest_first(prompts)
        for start in range(0, len(prompts), _BATCH):
            chosen = by_length[start : start + _BATCH]
            tokens = self.tokens([prompts[i] for i in chosen])
            states = self._states(tokens)[-1]
            for i, state, mask in zip(chosen, states, tokens["attention_mask"]):
                rows[i] = state[mask.bool()].numpy()
        return [rows[i] for i in range(len(prompts))]

    @property
    def trunk(self) -> BertTrunk:
        """The network, frozen, in evaluation mode; for an export."""
        return self._model

    def tokens(self, prompts: Sequence[str]) -> dict[str, Tensor]:
        """What the trunk is given of each prompt.

        Args:
            prompts: Texts.

        Returns:
            `input_ids` and `attention_mask`, int64 (prompt, token), padded as the pooling wants it.
        """
        batch = self._pieces.batch(prompts)
        return {name: torch.from_numpy(numbers) for name, numbers in batch.items()}

    def tokenizer_json(self) -> str:
        """The tokenizer, as `tokenizers.Tokenizer.from_str` reads it; it cuts and pads nothing."""
        return self._pieces.to_json()

    def _states(self, tokens: dict[str, Tensor]) -> list[Tensor]:
        mask = tokens["attention_mask"]
        # A faster attention where there is no padding.
        return self._model(tokens["input_ids"], None if mask.all() else mask)

    def _embed_batch(self, prompts: list[str]) -> Tensor:
        tokens = self.tokens(prompts)
        sentence = pool(self._states(tokens), tokens["attention_mask"], self.pooling)
        return torch.nn.functional.normalize(sentence, dim=-1) if self.unit_length else sentence


def pool(hidden_states: Sequence[Tensor], attention_mask: Tensor, pooling: str) -> Tensor:
    """Make one vector per sentence of its token states.

    Args:
        hidden_states: (batch, token, dim) per layer; 0 is the input embeddings.
        attention_mask: (batch, token), 1 for a token and 0 for padding.
        pooling: `cls`: the first token of the last layer. `mean`: the last layer over the words,
            padding masked. `paper_code`: layers 1, 2 and last, over all positions with the
            padding (11yxk/MedSeg_EarlyFusion).

    Returns:
        (batch, dim).
    """
    last = hidden_states[-1]
    if pooling == "cls":
        return last[:, 0]
    if pooling == "paper_code":
        return torch.stack([hidden_states[i].mean(1) for i in (1, 2, -1)]).mean(0)
    weight = attention_mask[..., None].to(last.dtype)
    return (last * weight).sum(1) / weight.sum(1)


def open_cxr_bert(path: Path | None, pooling: str, max_length: int | None) -> BertEncoder:
    """Open CXR-BERT.

    Args:
        path: Its local folder.
        pooling: As `BertEncoder`'s; "default" is CLS, which its contrastive training used.
        max_length: Tokens; None for 128. `paper_code` always has 32.

    Returns:
        The encoder.

    Raises:
        MissingEncoder: No folder is named, or a file is not there.
        BadCheckpoint: A file is damaged, unsafe, or belongs to another model.
        ConfigError: The checkpoint has too few layers for the pooling.
    """
    if path is None:
        raise MissingEncoder(
            "cxr-bert needs its files, and text.path is not set",
            allowed=_EXPECTED,
            remedy="set text.path to that folder",
        )
    pooling = "cls" if pooling == "default" else pooling
    length = PAPER_CODE_LENGTH if pooling == "paper_code" else max_length or 128
    return BertEncoder("cxr-bert", Path(path), pooling, length)


def _revision(folder: Path, weights: Path) -> str:
    """Digest of all that a vector depends on.

    Equal weights with another vocabulary are another encoder.
    """
    described = [folder / name for name in (*DESCRIPTIONS, *TOKENIZER_FILES)]
    files = [weights, *(file for file in described if file.is_file())]
    return hashlib.sha256("".join(digest(file) for file in files).encode()).hexdigest()[:16]


def _find_weights(name: str, folder: Path) -> Path:
    missing = [file for file in DESCRIPTIONS if not (folder / file).is_file()]
    weights = [folder / file for file in WEIGHT_FILES if (folder / file).is_file()]
    if not weights:
        missing.append(" or ".join(WEIGHT_FILES))
    if missing:
        raise MissingEncoder(
            f"no {name} checkpoint: {', '.join(missing)} not found",
            where=folder,
            allowed=_EXPECTED,
            remedy="copy these files there; nothing is downloaded",
        )
    # safetensors stands first in the list, so that a pickle is read only where nothing else is.
    return weights[0]


def _load_trunk(folder: Path, weights: Path) -> BertTrunk:
    model = _empty_trunk(folder / "config.json")
    tensors = {_trunk_key(key): value for key, value in _read_weights(weights).items()}
    wanted = model.state_dict()
    _check_tensors(tensors, wanted, weights)
    # Published checkpoints may be in half precision; embeddings are float32 everywhere. A copy,
    # since the tensors may be the file itself, which may be written anew.
    whole = {key: tensors[key].to(torch.float32, copy=True) for key in wanted}
    model.load_state_dict(whole, assign=True)
    return model.eval().requires_grad_(False)


def _check_tensors(tensors: dict[str, Tensor], wanted: dict[str, Tensor], weights: Path) -> None:
    """Raise BadCheckpoint unless the tensors are all there, of the right shape, and finite."""
    missing = sorted(set(wanted) - set(tensors))
    if missing:
        raise BadCheckpoint(
            f"{len(missing)} tensors of a BERT are missing, the first is {missing[0]}",
            where=weights,
            allowed=_EXPECTED,
        )
    for key, expected in wanted.items():
        if tensors[key].shape != expected.shape:
            shapes = f"{tuple(tensors[key].shape)} instead of {tuple(expected.shape)}"
            raise BadCheckpoint(
                f"{key} is {shapes}",
                where=weights,
                allowed="weights and config.json must belong together",
            )
    for key in wanted:
        # One NaN here would be a NaN in every embedding, and be noticed only as a NaN loss.
        if not tensors[key].isfinite().all():
            raise BadCheckpoint(
                f"{key} holds values that are not finite",
                where=weights,
                remedy="copy the file again",
            )


def _empty_trunk(path: Path) -> BertTrunk:
    try:
        return empty_trunk(json.loads(path.read_text("utf-8")))
    except Exception as error:  # a foreign file may hold anything
        raise BadCheckpoint(
            f"not a BERT's configuration ({_reason(error)})", where=path, allowed=_EXPECTED
        ) from None


def _whole_tokenizer(folder: Path) -> Any:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def _load_tokenizer(folder: Path) -> Any:
    """Made from vocab.txt and what tokenizer_config.json says, as only transformers knows it."""
    from transformers import BertTokenizer

    try:
        # Nothing is ever downloaded, whatever the folder's configuration names.
        tokenizer = BertTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # a foreign file: transformers may make anything of it
        raise BadCheckpoint(
            f"not a BERT's vocabulary ({_reason(error)})",
            where=folder / "vocab.txt",
            allowed=_EXPECTED,
        ) from None
    return tokenizer.backend_tokenizer


def _check_vocabulary(pieces: WordPieces, vocab_size: int, folder: Path) -> None:
    """A token beyond the table would be an index error at the first prompt that holds it."""
    if pieces.size > vocab_size:
        raise BadCheckpoint(
            f"{pieces.size} words",
            where=folder / "vocab.txt",
            allowed=f"config.json says {vocab_size}; the two must belong together",
        )


def _trunk_key(key: str) -> str:
    """A tensor's name in `BertModel`; checkpoints with heads, and old ones, call it otherwise."""
    trunk = key.removeprefix("bert.")
    modern = trunk.replace("LayerNorm.gamma", "LayerNorm.weight")
    return modern.replace("LayerNorm.beta", "LayerNorm.bias")


def _read_weights(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    try:
        # `weights_only`, and no second try without it: a pickle can run code.
        if path.suffix == ".safetensors":
            tensors = load_file(path)
        else:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:  # torch's own message advises to load it all the same
        raise BadCheckpoint(
            "refused: a pickle that is damaged, or holds more than tensors and could run code",
            where=path,
            allowed="plain weights only",
            remedy="use the publisher's model.safetensors",
        ) from None
    except Exception as error:  # a foreign file can make its readers raise anything
        raise BadCheckpoint(
            f"not readable as plain weights ({_reason(error)})",
            where=path,
            remedy="copy it again, or use model.safetensors",
        ) from None
    if not isinstance(tensors, dict):
        raise BadCheckpoint(
            f"a {type(tensors).__name__} instead of named weights", where=path, allowed=_EXPECTED
        )
    return {str(key): value for key, value in tensors.items() if isinstance(value, Tensor)}


def _reason(error: Exception) -> str:
    """The first line of an error, cut to a length that fits a sentence."""
    # An error of a foreign file may hold pages; its first line names the cause.
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
