"""Convert CXR-BERT's published files, and check that Saywhere reads them as transformers does.

python benchmarks/measure/cxr_bert.py FOLDER --to CONVERTED

FOLDER holds what you copied: config.json, vocab.txt, and pytorch_model.bin or model.safetensors.
CONVERTED gets the trunk alone as safetensors, without heads, pickles or the publisher's code. Then
ten sentences become vectors twice: by Saywhere from CONVERTED, and by transformers' own BERT from
FOLDER. Exit code 1 where they differ by more than 1e-5.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import BertConfig, BertModel, BertTokenizer

from saywhere.text.bert import open_cxr_bert

SENTENCES = (
    "unilateral pulmonary infection, one infected area, lower left lung",
    "bilateral pulmonary infection, two infected areas, upper right lung and lower left lung",
    "no pleural effusion or pneumothorax",
    "the heart is of normal size",
    "there is a small right-sided pleural effusion",
    "one small round polyp, upper left of the image",
    "two large polyps",
    "Left lung.",
    "",
    "an abnormality, " * 40,
)
POOLINGS = ("cls", "mean")
LARGEST = 1e-5
"""Of a number of a vector, between the two."""
FOREIGN = ("architectures", "auto_map", "model_type", "projection_size")
"""Keys that name the publisher's code."""


def main(source: Path, to: Path) -> float:
    """Convert, then compare.

    Args:
        source: the published files.
        to: a new folder.

    Returns:
        The largest difference of a number, over all sentences and poolings.

    Raises:
        SystemExit: where `to` is there already.
        MissingEncoder: a file is not there.
        BadCheckpoint: a file is damaged, or no BERT's.
    """
    if to.exists():
        raise SystemExit(f"{to} is there already: name a new folder")
    convert(source, to)
    largest = 0.0
    for pooling in POOLINGS:
        ours = torch.from_numpy(open_cxr_bert(to, pooling, None).embed(SENTENCES))
        difference = float((ours - reference(source, pooling)).abs().max())
        print(f"{pooling}: {len(SENTENCES)} sentences, largest difference {difference:.1e}")
        largest = max(largest, difference)
    return largest


def convert(source: Path, to: Path) -> None:
    """Write the trunk, its sizes and its vocabulary."""
    # Reads and checks everything; what would run code is refused.
    trunk = open_cxr_bert(source, "cls", None).trunk
    to.mkdir(parents=True)
    save_file(
        {name: tensor.contiguous() for name, tensor in trunk.state_dict().items()},
        to / "model.safetensors",
    )
    (to / "config.json").write_text(json.dumps(plain_config(source), indent=2), encoding="utf-8")
    shutil.copyfile(source / "vocab.txt", to / "vocab.txt")
    names = "tokenizer_config.json", "tokenizer.json", "special_tokens_map.json"
    for path in (source / name for name in names):
        if path.is_file():
            document = json.loads(path.read_text(encoding="utf-8"))
            kept = {key: value for key, value in document.items() if key not in NAMES_CODE}
            (to / path.name).write_text(json.dumps(kept, indent=2), encoding="utf-8")


NAMES_CODE = ("auto_map", "tokenizer_class")


def plain_config(source: Path) -> dict[str, Any]:
    """The published sizes, as a plain BERT's."""
    document = json.loads((source / "config.json").read_text(encoding="utf-8"))
    kept = {key: value for key, value in document.items() if key not in FOREIGN}
    return {"model_type": "bert", **kept}


@torch.no_grad()
def reference(source: Path, pooling: str) -> Tensor:
    """transformers' own vectors, sentence by sentence, so that nothing is padded.

    Args:
        source: the published files; transformers reads the weights itself, as plain ones.
        pooling: cls, or the mean over the tokens.

    Returns:
        (sentence, number).
    """
    # transformers knows no model of the publisher's type: it is given the sizes as a plain BERT's.
    with tempfile.TemporaryDirectory() as folder:
        for path in source.iterdir():
            if path.is_file() and path.suffix != ".py":
                (Path(folder) / path.name).symlink_to(path.resolve())
        (Path(folder) / "config.json").unlink()
        BertConfig(**plain_config(source)).save_pretrained(folder)
        model = BertModel.from_pretrained(folder, add_pooling_layer=False).float().eval()
        tokenizer = BertTokenizer.from_pretrained(folder, local_files_only=True)
    longest = min(128, model.config.max_position_embeddings)
    rows = []
    for sentence in SENTENCES:
        tokens = tokenizer(sentence, truncation=True, max_length=longest, return_tensors="pt")
        last = model(**tokens).last_hidden_state[0]
        rows.append(last[0] if pooling == "cls" else last.mean(0))
    return torch.stack(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("--to", type=Path, required=True)
    typed = parser.parse_args()
    found = main(typed.source, typed.to)
    print("equal" if found <= LARGEST else f"they differ by more than {LARGEST:.0e}")
    sys.exit(found > LARGEST)
