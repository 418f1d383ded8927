"""The fusions by name."""

from __future__ import annotations

import subprocess
import sys

import pytest
from torch import nn

from saywhere.config.fusions import FUSIONS
from saywhere.fusion.conditioning import FeatureConditioner
from saywhere.fusion.pseudo_image import PseudoImageParts


@pytest.mark.parametrize("name", [name for name in FUSIONS if name != "none"])
def test_each_line_names_a_class_of_its_kind(name: str) -> None:
    part = FUSIONS[name].load()
    assert isinstance(part.reads_tokens, bool)
    if FUSIONS[name].joins == "features":
        assert issubclass(part, FeatureConditioner)
        return
    parts = part().build(12, 3, 32, "mlp")
    assert isinstance(parts, PseudoImageParts)
    assert all(isinstance(each, nn.Module) for each in parts)


def test_the_table_is_read_without_torch() -> None:
    code = "import sys, saywhere.config.fusions; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
