"""`cross-attention`."""

from __future__ import annotations

import torch

from saywhere.fusion.cross_attention import CrossAttention


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    layer = CrossAttention(4, 12).eval()
    feature = torch.rand(2, 4, 3, 3)
    tokens = torch.rand(2, 5, 12)
    padded = torch.cat([tokens, torch.zeros(2, 3, 12)], 1)
    torch.testing.assert_close(layer(feature, padded), layer(feature, tokens), rtol=1e-4, atol=1e-6)
