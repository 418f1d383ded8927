"""BERT's trunk (Devlin et al. 2019, doi:10.18653/v1/N19-1423): tokens → states of each layer.

A test holds it to transformers' `BertModel`. It is written out since that model's import takes
longer than PyTorch's, and a first prediction would wait for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": functional.gelu,
    "gelu_new": lambda value: functional.gelu(value, approximate="tanh"),
    "gelu_pytorch_tanh": lambda value: functional.gelu(value, approximate="tanh"),
    "relu": functional.relu,
    "silu": functional.silu,
    "swish": functional.silu,
}
"""By their names in config.json."""


class TrunkConfig(BaseModel):
    """The part of config.json that a trunk is made from; what is left out is BERT base's."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    vocab_size: int = Field(30522, gt=0)
    hidden_size: int = Field(768, gt=0)
    num_hidden_layers: int = Field(12, gt=0)
    num_attention_heads: int = Field(12, gt=0)
    intermediate_size: int = Field(3072, gt=0)
    hidden_act: str = "gelu"
    max_position_embeddings: int = Field(512, gt=0)
    type_vocab_size: int = Field(2, gt=0)
    layer_norm_eps: float = Field(1e-12, gt=0)

    @model_validator(mode="after")
    def _fits(self) -> TrunkConfig:
        if self.hidden_size % self.num_attention_heads:
            raise ValueError("hidden_size must be a multiple of num_attention_heads")
        if self.hidden_act not in ACTIVATIONS:
            raise ValueError(f"hidden_act must be one of {', '.join(ACTIVATIONS)}")
        return self


class BertTrunk(nn.Module):
    """Token numbers → states. Its tensors have the names that published checkpoints give them."""

    def __init__(self, config: TrunkConfig) -> None:
        """Make the layers; a checkpoint fills them.

        Args:
            config: their sizes.
        """
        super().__init__()
        self.config = config
        size = config.hidden_size
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": _table(config.vocab_size, size),
                "position_embeddings": _table(config.max_position_embeddings, size),
                "token_type_embeddings": _table(config.type_vocab_size, size),
                "LayerNorm": nn.LayerNorm(size, eps=config.layer_norm_eps),
            }
        )
        layers = [_Layer(config) for _ in range(config.num_hidden_layers)]
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(layers)})

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> list[Tensor]:
        """Encode.

        Args:
            input_ids: int64 (batch, token).
            attention_mask: (batch, token), 1 for a token and 0 for padding; None: no padding.

        Returns:
            float32 (batch, token, hidden) for each layer; 0 is the input embeddings.
        """
        table = self.embeddings
        positions = cast(Tensor, table["position_embeddings"].weight)[: input_ids.shape[1]]
        # One sentence at a time: every token is of the first type.
        first_type = cast(Tensor, table["token_type_embeddings"].weight)[0]
        state = table["word_embeddings"](input_ids) + first_type
        states = [table["LayerNorm"](state + positions)]
        mask = None if attention_mask is None else attention_mask.bool()[:, None, None, :]
        for layer in cast(nn.ModuleList, self.encoder["layer"]):
            states.append(layer(states[-1], mask))
        return states


class _Layer(nn.Module):
    """Attention, then two dense layers; each with what came in added, and normalised."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        size, inner = config.hidden_size, config.intermediate_size
        self.n_heads = config.num_attention_heads
        self.activation = ACTIVATIONS[config.hidden_act]
        heads = {name: nn.Linear(size, size) for name in ("query", "key", "value")}
        self.attention = nn.ModuleDict(
            {"self": nn.ModuleDict(heads), "output": _joint(size, config)}
        )
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(size, inner)})
        self.output = _joint(inner, config)

    def forward(self, state: Tensor, mask: Tensor | None) -> Tensor:
        batch, n_tokens, _ = state.shape

        def heads(name: str) -> Tensor:
            projected = cast(nn.ModuleDict, self.attention["self"])[name](state)
            return projected.view(batch, n_tokens, self.n_heads, -1).transpose(1, 2)

        seen = functional.scaled_dot_product_attention(
            heads("query"), heads("key"), heads("value"), attn_mask=mask
        )
        seen = seen.transpose(1, 2).reshape(batch, n_tokens, -1)
        state = _added(self.attention["output"], seen, state)
        inner = self.activation(self.intermediate["dense"](state))
        return _added(self.output, inner, state)


def _table(n_rows: int, size: int) -> nn.Embedding:
    # Without first numbers: to draw them for a shape alone loads the compiler, for seconds.
    return nn.Embedding(n_rows, size, _weight=torch.empty(n_rows, size))


def _joint(n_inputs: int, config: TrunkConfig) -> nn.ModuleDict:
    size = config.hidden_size
    norm = nn.LayerNorm(size, eps=config.layer_norm_eps)
    return nn.ModuleDict({"dense": nn.Linear(n_inputs, size), "LayerNorm": norm})


def _added(joint: nn.Module, value: Tensor, state: Tensor) -> Tensor:
    assert isinstance(joint, nn.ModuleDict)
    added: Tensor = joint["LayerNorm"](joint["dense"](value) + state)
    return added


def empty_trunk(settings: object) -> BertTrunk:
    """Make a trunk without numbers: it takes no memory until a checkpoint fills it.

    Args:
        settings: what config.json holds.

    Returns:
        The trunk, on the meta device.

    Raises:
        ValueError: for settings that no trunk has.
    """
    with torch.device("meta"):
        return BertTrunk(TrunkConfig.model_validate(settings))
