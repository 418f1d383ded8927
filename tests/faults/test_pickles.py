"""No pickle is ever executed, and no hostile checkpoint does more than be refused (R13, R14)."""

from __future__ import annotations

import io
import json
import pickle
import re
import shutil
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from saywhere.errors import BadCheckpoint, MissingFile, SaywhereError
from saywhere.inference.segmenter import load
from saywhere.runs import locate


class Canary:
    """Unpickled, it leaves a file behind."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.touch, (self.place,)


def zipped(content: bytes, name: str = "archive/data.pkl") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def object_array(canary: Canary) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([canary], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def saved_by_torch(content: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


MAKERS: dict[str, Callable[[Canary], bytes]] = {
    "plain pickle": lambda canary: pickle.dumps(canary),
    "oldest protocol": lambda canary: pickle.dumps(canary, protocol=0),
    "weights and a canary": lambda canary: pickle.dumps({"model": [1.0], "hook": canary}),
    "torch's zip": lambda canary: saved_by_torch({"model": canary}),
    "torch's old form": lambda canary: saved_by_torch(
        {"model": canary}, _use_new_zipfile_serialization=False
    ),
    "nested zip": lambda canary: zipped(zipped(pickle.dumps(canary)), "inner.pt"),
    "TorchScript's layout": lambda canary: zipped(pickle.dumps(canary), "archive/constants.pkl"),
    "pt2's layout": lambda canary: zipped(pickle.dumps(canary), "archive/data/weights/model.pt"),
    "object array": object_array,
    "pickle behind a header's length": lambda canary: (
        struct.pack("<Q", 2) + b"{}" + pickle.dumps(canary)
    ),
}


def check_refused(run: Path, canary: Canary, pickle_like: bytes) -> None:
    assert not canary.place.exists()
    (run / "checkpoints/best/checkpoint.safetensors").write_bytes(pickle_like)
    with pytest.raises(BadCheckpoint) as caught:
        load(run)
    assert caught.value.exit_code == 2
    assert re.search(
        "pickles are never read; name a run directory|use another checkpoint|this version reads",
        str(caught.value),
    )
    assert not canary.place.exists(), "it was executed"


@pytest.mark.parametrize("kind", MAKERS)
def test_a_pickle_renamed_to_safetensors_is_refused_and_never_executed(
    run_copy: Path, tmp_path: Path, kind: str
) -> None:
    canary = Canary(tmp_path / "canary")
    content = MAKERS[kind](canary)
    check_refused(run_copy, canary, content)


def test_the_canary_is_alive(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Canary(tmp_path / "canary")))
    assert (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    "name",
    [
        *(
            f"model.{end}"
            for end in ("pt", "pth", "bin", "ckpt", "pkl", "npy", "npz", "pt2", "joblib")
        ),
        "checkpoint.pt",
    ],
)
def test_a_pickle_by_its_own_name_is_not_even_opened(tmp_path: Path, name: str) -> None:
    canary = Canary(tmp_path / "canary")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / name).write_bytes(pickle.dumps(canary))
    for place in (tmp_path / "folder", tmp_path / "folder" / name):
        with pytest.raises(
            MissingFile,
            match=rf"no weights in .*, but {name}: a pickle can run any code, so none is ever read",
        ):
            load(place)
    assert not canary.place.exists()


def test_an_encoders_pickle_is_read_as_plain_weights_or_not_at_all(
    config: Any, tmp_path: Path
) -> None:
    from saywhere.text.encoder import open_encoder
    from tiny_bert import write_checkpoint

    folder = write_checkpoint(tmp_path / "bert")
    canary = Canary(tmp_path / "canary")
    for path in folder.glob("*.safetensors"):
        path.unlink()
    text = config.replace(
        **{"text.encoder": "cxr-bert", "text.path": str(folder), "text.max_length": 16}
    ).text
    for kind, make in MAKERS.items():
        (folder / "pytorch_model.bin").write_bytes(make(canary))
        with pytest.raises(BadCheckpoint):
            open_encoder(text)
        assert not canary.place.exists(), kind


def test_the_decoded_store_holds_no_objects(
    config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from saywhere.training.setup import gather

    monkeypatch.setenv("SAYWHERE_CACHE", str(tmp_path / "cache"))
    plain = config.replace(**{"fusion.name": "none"})
    wanted = gather(plain).training.dataset.decoded.masks.clone()
    canary = Canary(tmp_path / "canary")
    for path in (tmp_path / "cache/stores").rglob("*.npy"):
        path.write_bytes(object_array(canary))
    assert torch.equal(gather(plain).training.dataset.decoded.masks, wanted)  # made anew
    assert not canary.place.exists()


# Hostile safetensors: only BadCheckpoint may escape.


def test_a_checkpoint_cut_in_half_or_with_a_flipped_byte_is_refused(run_copy: Path) -> None:
    path = run_copy / "checkpoints/best/checkpoint.safetensors"
    whole = path.read_bytes()
    cut = [whole[: len(whole) // 2], whole[:-1], whole[:7], b"", whole + b"\0"]
    for damaged in (
        *cut,
        *(_flipped(whole, place) for place in (9, 5000, len(whole) // 2, len(whole) - 1)),
    ):
        path.write_bytes(damaged)
        with pytest.raises(BadCheckpoint):
            load(run_copy)
    path.write_bytes(whole)
    load(run_copy)


def test_another_models_checkpoint_in_a_run_is_its_own_model_and_does_not_resume(
    run_copy: Path, image_only: Path, config: Any
) -> None:
    from saywhere.training.trainer import train

    shutil.copy(
        image_only / "checkpoints/last/checkpoint.safetensors",
        run_copy / "checkpoints/last/checkpoint.safetensors",
    )
    with pytest.raises(SaywhereError, match=r"fusion\.name was 'none' and is now 'early'"):
        train(config, run_copy, resume=True)


def _flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def mutants(whole: bytes, seed: int) -> Iterator[bytes]:
    """Endless: bytes flipped, cut, doubled; headers rewritten by rule, with and without a right
    digest.
    """
    random = np.random.default_rng(seed)
    length = struct.unpack("<Q", whole[:8])[0]
    header = json.loads(whole[8 : 8 + length])
    body = whole[8 + length :]
    while True:
        if random.random() < 0.4:
            yield _damaged(whole, length, random)
        else:
            changed = json.loads(json.dumps(header))
            for _ in range(random.integers(1, 3)):
                _mislead(changed, random)
            text = json.dumps(changed).encode()
            yield (
                struct.pack(
                    "<Q", len(text) + int(random.integers(-1, 2)) * int(random.random() < 0.1)
                )
                + text
                + body
            )


def _damaged(whole: bytes, length: int, random: np.random.Generator) -> bytes:
    content = bytearray(whole)
    kind = random.integers(5)
    if kind == 0:
        for _ in range(random.integers(1, 9)):
            content[random.integers(len(content))] ^= int(random.integers(1, 256))
    elif kind == 1:
        content[random.integers(8 + length)] = int(random.integers(256))
    elif kind == 2:
        del content[random.integers(len(content)) :]
    elif kind == 3:
        content[:8] = struct.pack(
            "<Q", _any([0, 1, length - 1, length + 1, 2**31, 2**63, 2**64 - 1], random)
        )
    else:
        start = int(random.integers(len(content)))
        content[start:start] = content[start : start + int(random.integers(1, 999))]
    return bytes(content)


VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    2**63,
    1e308,
    "",
    "a" * 3000,
    [],
    {},
    [[]],
    "NaN",
    {"a": {"b": [1]}},
    "../../etc",
    "unet",
    "monai:UNet",
    "cxr-bert",
    8 * 10**7,
]


def _mislead(header: dict[str, Any], random: np.random.Generator) -> None:
    """One change that a person who wants to mislead would make."""
    names = [name for name in header if name != "__metadata__"]
    name = names[random.integers(len(names))]
    kind = random.integers(8)
    if kind == 0:
        header[name]["dtype"] = _any(
            ["F64", "I8", "BOOL", "BF16", "F16", "U64", "F8_E4M3", "C64", "nothing", ""], random
        )
    elif kind == 1:
        header[name]["shape"] = [
            _any([0, 1, 2, 3, 384, 2**31, 2**62], random) for _ in range(random.integers(0, 5))
        ]
    elif kind == 2:
        header[name]["data_offsets"] = [
            int(n) for n in random.integers(-5, 2**20, size=random.integers(0, 4))
        ]
    elif kind == 3:
        header[f"{name}.more" if random.random() < 0.5 else "model.scale.matrix"] = header.pop(name)
    elif kind == 4:
        header["__metadata__"] = _any(
            [
                None,
                {},
                [],
                "saywhere",
                {"saywhere": 1},
                {"saywhere": "[" * 5000},
                {"saywhere": "{}"},
            ],
            random,
        )
    else:
        header["__metadata__"] = {"saywhere": json.dumps(_misled(header, random))}


def _any(values: list[Any], random: np.random.Generator) -> Any:
    return values[random.integers(len(values))]


def _misled(header: dict[str, Any], random: np.random.Generator) -> Any:
    try:
        document = json.loads(header["__metadata__"]["saywhere"])
        if random.random() < 0.7:  # the old form needs no digest: the checks behind it are reached
            document = {**document, "format": 1}
            del document["sha256"]
        place: Any = document
        for _ in range(random.integers(1, 4)):
            key = list(place)[random.integers(len(place))]
            if not isinstance(place[key], dict) or not place[key]:
                break
            place = place[key]
        place[list(place)[random.integers(len(place))]] = _any(VALUES, random)
        return document
    except (KeyError, TypeError, ValueError, IndexError, RecursionError):
        return _any(VALUES, random)


def check_mutants(run: Path, tmp_path: Path, n: int, seed: int) -> None:
    whole = (run / "checkpoints/best/checkpoint.safetensors").read_bytes()
    folder = tmp_path / "hostile"
    folder.mkdir()
    path = folder / locate.WEIGHTS
    made = mutants(whole, seed)
    n_refused = 0
    for number in range(n):
        path.write_bytes(next(made))
        try:
            load(folder)
        except BadCheckpoint:
            n_refused += 1
        except BaseException as escaped:
            raise AssertionError(
                f"mutant {number} of seed {seed} let {type(escaped).__name__} escape"
            ) from escaped
    assert n_refused > 0.8 * n


def test_two_hundred_hostile_checkpoints(trained: Path, tmp_path: Path) -> None:
    check_mutants(trained, tmp_path, 200, seed=0)


@pytest.mark.slow
def test_five_thousand_hostile_checkpoints(trained: Path, tmp_path: Path) -> None:
    check_mutants(trained, tmp_path, 5000, seed=1)
