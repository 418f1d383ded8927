"""benchmarks/measure/cxr_bert.py on a small checkpoint of the published layout."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from saywhere.text.bert import open_cxr_bert
from tiny_bert import write_checkpoint

PROGRAM = Path(__file__).parents[3] / "benchmarks/measure/cxr_bert.py"


@pytest.fixture(scope="module")
def program() -> Any:
    return runpy.run_path(str(PROGRAM))


@pytest.mark.parametrize("safetensors", [False, True], ids=["pickle", "safetensors"])
def test_converted_files_give_transformers_own_vectors(
    program: Any, tmp_path: Path, safetensors: bool
) -> None:
    source = write_checkpoint(tmp_path / "published", safetensors=safetensors)
    assert len(program["SENTENCES"]) == 10
    assert program["main"](source, tmp_path / "converted") <= program["LARGEST"]
    written = {path.name for path in (tmp_path / "converted").iterdir()}
    assert "model.safetensors" in written
    assert not any(name.endswith((".bin", ".py")) for name in written)
    assert "auto_map" not in json.loads((tmp_path / "converted/config.json").read_text())


def test_vectors_of_other_weights_are_told_apart(program: Any, tmp_path: Path) -> None:
    """The check can fail: one changed number of the converted weights is seen."""
    source = write_checkpoint(tmp_path / "published")
    program["main"](source, tmp_path / "converted")
    path = tmp_path / "converted/model.safetensors"
    tensors = load_file(path)
    # In one column: a shift of all is normalised away.
    tensors["embeddings.word_embeddings.weight"][:, 0] += 0.1
    save_file(tensors, path)
    ours = torch.from_numpy(open_cxr_bert(path.parent, "cls", None).embed(program["SENTENCES"]))
    difference = (ours - program["reference"](source, "cls")).abs().max()
    assert difference > program["LARGEST"]


def test_nothing_is_written_over(program: Any, tmp_path: Path) -> None:
    source = write_checkpoint(tmp_path / "published")
    with pytest.raises(SystemExit, match="there already"):
        program["main"](source, source)
