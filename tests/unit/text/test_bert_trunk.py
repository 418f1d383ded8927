"""The trunk gives what transformers' BertModel gives, and a first prediction loads no more."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch

from saywhere.text.bert_trunk import ACTIVATIONS, empty_trunk
from tiny_bert import configuration

FIRST_PREDICTION = """
import sys
import numpy as np
import saywhere
segmenter = saywhere.load("polyp")
segmenter.segment(np.zeros((64, 64, 3), np.uint8), "a prompt that nobody kept: 1729")
loaded = ("transformers", "torch._dynamo", "sympy", "scipy", "monai", "lightning_fabric")
print([name for name in loaded if name in sys.modules])
"""


def reference(settings: dict[str, Any]) -> Any:
    from transformers import BertConfig, BertModel

    torch.manual_seed(3)
    foreign = ("architectures", "auto_map", "model_type", "torch_dtype")
    known = {key: value for key, value in settings.items() if key not in foreign}
    model = BertModel(BertConfig(**known, initializer_range=0.2), add_pooling_layer=False)
    return model.eval()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_layer_is_transformers_own(activation: str) -> None:
    settings = configuration() | {"hidden_act": activation, "layer_norm_eps": 1e-5}
    model = reference(settings)
    trunk = empty_trunk(settings)
    assert {key: value.shape for key, value in trunk.state_dict().items()} == {
        key: value.shape for key, value in model.state_dict().items()
    }
    trunk.load_state_dict(model.state_dict(), assign=True)
    tokens = torch.randint(0, settings["vocab_size"], (3, 9))
    mask = torch.ones_like(tokens)
    mask[1, 5:] = 0
    with torch.no_grad():
        for given in (None, mask):
            expected = model(tokens, attention_mask=given, output_hidden_states=True).hidden_states
            states = trunk.eval()(tokens, given)
            assert len(states) == len(expected) == settings["num_hidden_layers"] + 1
            for state, wanted in zip(states, expected):
                torch.testing.assert_close(state, wanted, atol=2e-6, rtol=1e-5)


def test_a_trunk_without_numbers_takes_no_memory() -> None:
    huge = configuration() | {"vocab_size": 10**9, "hidden_size": 4096}
    assert all(parameter.is_meta for parameter in empty_trunk(huge).parameters())


def test_a_first_prediction_loads_neither_transformers_nor_the_compiler() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST_PREDICTION], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
