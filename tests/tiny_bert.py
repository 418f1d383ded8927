"""A small random checkpoint in the layout in which CXR-BERT is published.

The trunk lies under `bert.`, with heads on top, and the configuration names remote code.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

HIDDEN, LAYERS, POSITIONS = 32, 3, 64
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TEXT = (
    "a one two small large round polyp lesion upper lower left right of the image lung infected "
    "area in located bright dark , ."
)
WORDS = TEXT.split()
LETTERS = [
    f"{mark}{letter}" for letter in "abcdefghijklmnopqrstuvwxyz0123456789" for mark in ("", "##")
]
VOCABULARY = [*SPECIAL, *WORDS, *(letter for letter in LETTERS if letter not in WORDS)]


def configuration() -> dict[str, Any]:
    return {
        "architectures": ["CXRBertModel"],
        "auto_map": {
            "AutoConfig": "configuration_cxrbert.CXRBertConfig",
            "AutoModel": "modeling_cxrbert.CXRBertModel",
        },
        "model_type": "cxr-bert",
        "projection_size": 8,
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.25,
        "attention_probs_dropout_prob": 0.25,
        "max_position_embeddings": POSITIONS,
        "type_vocab_size": 2,
        "vocab_size": len(VOCABULARY),
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
        "torch_dtype": "float32",
    }


def trunk(seed: int = 0) -> Any:
    """transformers' own BERT of these sizes, eval mode: the reference."""
    from transformers import BertConfig, BertModel

    torch.manual_seed(seed)
    known = {
        key: value
        for key, value in configuration().items()
        if key not in ("architectures", "auto_map", "model_type", "torch_dtype")
    }
    return BertModel(BertConfig(**known, initializer_range=0.2), add_pooling_layer=False).eval()


def weights(seed: int = 0) -> dict[str, Tensor]:
    """The trunk's with `bert.` before them, and heads that Saywhere leaves out."""
    named = {f"bert.{name}": value.clone() for name, value in trunk(seed).state_dict().items()}
    heads = {
        "cls_projection_head.dense_to_hidden.weight": torch.rand(8, HIDDEN),
        "cls.predictions.bias": torch.rand(len(VOCABULARY)),
    }
    return named | heads


def write_checkpoint(folder: Path, *, seed: int = 0, safetensors: bool = False) -> Path:
    """Write config.json, vocab.txt, tokenizer_config.json and the weights.

    The weights are pytorch_model.bin, or model.safetensors.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(configuration()))
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    tokenizer = {
        "do_lower_case": True,
        "tokenizer_class": "CXRBertTokenizer",
        "auto_map": {"AutoTokenizer": ["configuration_cxrbert.CXRBertTokenizer", None]},
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    if safetensors:
        save_file(weights(seed), folder / "model.safetensors")
    else:
        torch.save(weights(seed), folder / "pytorch_model.bin")
    return folder
