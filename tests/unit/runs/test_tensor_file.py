"""What was written comes back, or BadCheckpoint does."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from saywhere.errors import BadCheckpoint
from saywhere.runs import tensor_file

TENSORS = {
    "b": torch.arange(6.0).reshape(2, 3),
    "a": torch.tensor(7, dtype=torch.int64),
    "half": torch.ones(3, dtype=torch.bfloat16),
    "none": torch.zeros(0, 4),
}
DOCUMENT = {"config": {"a": 1.5}, "state": {"best": -float("inf"), "name": "é"}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(tensor_file.pack(DOCUMENT, TENSORS))
    return path


def rewritten(path: Path, change: object) -> None:
    """Change the JSON of the file's header, as whoever wants to mislead would."""
    content = path.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    change(header)  # type: ignore[operator]
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


def test_what_is_packed_comes_back(path: Path) -> None:
    document, tensors = tensor_file.unpack(path)
    assert document == {"format": tensor_file.FORMAT, **DOCUMENT}
    assert tensors.keys() == TENSORS.keys()
    assert all(
        torch.equal(tensors[name], TENSORS[name]) and tensors[name].dtype == TENSORS[name].dtype
        for name in TENSORS
    )


def test_equal_content_gives_equal_bytes() -> None:
    assert tensor_file.pack(DOCUMENT, TENSORS) == tensor_file.pack(
        DOCUMENT, dict(reversed(TENSORS.items()))
    )


def test_any_program_that_reads_safetensors_reads_it(path: Path) -> None:
    with safe_open(path, framework="np") as file:
        assert file.get_tensor("b").tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_flipped_bit_anywhere_is_found(path: Path) -> None:
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        try:
            found = tensor_file.unpack(path)
        except BadCheckpoint:
            continue
        assert all(torch.equal(found[1][name], TENSORS[name]) for name in TENSORS), (
            place
        )  # white space between JSON's parts means nothing


@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.9, 0.999])
def test_a_file_cut_off_is_refused(path: Path, share: float) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(BadCheckpoint, match="not a Saywhere checkpoint"):
        tensor_file.unpack(path)


def test_without_its_digest_it_is_refused(path: Path) -> None:
    def without(header: dict) -> None:
        document = json.loads(header["__metadata__"]["saywhere"])
        del document["sha256"]
        header["__metadata__"]["saywhere"] = json.dumps(document)

    rewritten(path, without)
    with pytest.raises(BadCheckpoint, match="its content is not what was written"):
        tensor_file.unpack(path)


def test_format_1_had_no_digest_and_is_still_read(path: Path) -> None:
    def older(header: dict) -> None:
        header["__metadata__"]["saywhere"] = json.dumps({"format": 1, "config": {}, "state": {}})

    rewritten(path, older)
    assert tensor_file.unpack(path)[0] == {"format": 1, "config": {}, "state": {}}


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "'saywhere'"),
        ({"saywhere": "{"}, "not a Saywhere checkpoint"),
        ({"saywhere": "[1]"}, "its header is no table"),
        ({"saywhere": "[" * 100_000}, "not a Saywhere checkpoint"),
        (
            {"saywhere": '{"format": 3}'},
            "checkpoint format 3 in .*; this version reads formats 1 to 2",
        ),
        ({"saywhere": '{"format": [1]}'}, r"checkpoint format \[1\]"),
    ],
)
def test_a_header_that_is_not_ours_is_refused(
    path: Path, metadata: dict[str, str], message: str
) -> None:
    rewritten(path, lambda header: header.update(__metadata__=metadata))
    with pytest.raises(BadCheckpoint, match=message):
        tensor_file.unpack(path)


def test_a_header_or_a_number_of_tensors_beyond_reason_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensor_file, "MAX_TENSORS", len(TENSORS) - 1)
    with pytest.raises(BadCheckpoint, match="4 tensors"):
        tensor_file.unpack(path)
    monkeypatch.setattr(tensor_file, "MAX_HEADER_BYTES", 64)
    with pytest.raises(BadCheckpoint, match="a header of"):
        tensor_file.unpack(path)
