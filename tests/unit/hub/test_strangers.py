"""A stranger's model: listed as broken with a reason, refused in words, never a traceback."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from saywhere.config import Config
from saywhere.errors import BadCheckpoint, NotFiniteAnswer, SaywhereError
from saywhere.hub.facts import CONFIG, read_facts
from saywhere.hub.metadata import About
from saywhere.hub.registry import list_models, pull, push
from saywhere.modeling.build import build_model
from saywhere.runs import checkpoint, locate, model_limits, tensor_file
from saywhere.serve.models import Served

GENTLE = "1e999"
HUGE = "1" + "0" * 5_000
BROKEN: dict[str, tuple[str, str]] = {
    "brackets": ("[" * 200_000, "nested too deeply"),
    "depth": ('{"a": ' * 60 + "1" + "}" * 60, "more than 50 tables and lists"),
    "a list": ("[1, 2]", "a list, and no table"),
    "about is a list": ('{"about": ["x"]}', "about is no table"),
    "evidence is a text": ('{"evidence": "good"}', "evidence is no table"),
    "evaluation is a list": ('{"evidence": {"evaluation": []}}', "evidence.evaluation is no table"),
    "NaN": ('{"n_parameters": NaN}', "NaN or infinity"),
    "too large a number": (f'{{"n_parameters": {GENTLE}}}', "a number that is too large"),
    "endless digits": (f'{{"n_parameters": {HUGE}}}', "cannot be used"),
    "a key twice": ('{"name": "a", "name": "b"}', "a key that stands twice"),
    "no text": ("\x00\x01", "no JSON"),
    "too long": (" " * (4 * 2**20) + "{}", "bytes, and 4,194,304 are allowed"),
    "newer": ('{"format": 99}', "a model of format 99"),
}


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place of models."""
    monkeypatch.setattr(locate, "places", lambda: [tmp_path / "shelf"])
    return tmp_path / "shelf"


def lay(shelf: Path, name: str, config: str) -> Path:
    folder = shelf / name
    folder.mkdir(parents=True)
    (folder / locate.BUNDLE).write_bytes(b"weights")
    (folder / CONFIG).write_text(config, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_model_is_listed_with_the_reason_beside_the_others(shelf: Path, name: str) -> None:
    content, reason = BROKEN[name]
    lay(shelf, "broken", content)
    lay(shelf, "good", '{"about": {"title": "Good"}}')
    broken, good = list_models()
    assert (good.title, good.broken) == ("Good", None)
    assert broken.broken is not None
    assert reason in broken.broken
    assert len(broken.broken) < 200
    if name != "newer":
        assert read_facts(shelf / "broken") == {}


def test_what_never_ends_and_what_leads_nowhere_are_not_opened(shelf: Path) -> None:
    pipe = lay(shelf, "pipe", "{}")
    (pipe / CONFIG).unlink()
    os.mkfifo(pipe / CONFIG)
    endless = lay(shelf, "device", "{}")
    (endless / CONFIG).unlink()
    (endless / CONFIG).symlink_to("/dev/zero")
    nowhere = lay(shelf, "nowhere", "{}")
    (nowhere / locate.BUNDLE).unlink()
    (nowhere / locate.BUNDLE).symlink_to(shelf / "gone")
    reasons = {entry.name: entry.broken for entry in list_models()}
    assert reasons["pipe"] == reasons["device"] == f"{CONFIG} cannot be used (no regular file)"
    assert "nowhere" not in reasons


def test_values_of_another_kind_do_not_reach_the_table(shelf: Path) -> None:
    lay(shelf, "odd", '{"about": {"title": 7, "task": ["x"], "suggestions": {"a": 1}}}')
    words = {"right": {"dice_mean": {"mean": True}}}
    lay(shelf, "proud", json.dumps({"evidence": {"evaluation": {"words": words}}}))
    odd, proud = list_models()
    assert (odd.title, odd.task, odd.dice) == ("odd", "", None)
    assert proud.dice is None


@pytest.mark.parametrize("size", [4_104, 8_000, 65_536])
def test_an_image_only_model_of_endless_size_is_refused_before_it_takes_memory(
    config: Config, tmp_path: Path, size: int
) -> None:
    saved = _checkpoint(config.replace(**{"fusion.name": "none", "network.width": 16}), tmp_path)
    large = saved.config.replace(**{"data.size": size})
    hostile = checkpoint.Checkpoint(large, saved.state, saved.model, {})
    with pytest.raises(BadCheckpoint, match=rf"data.size is {size}: one layer takes .* 1 GiB"):
        checkpoint.build_from(hostile, tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [("evaluate.bootstrap", 10**9), ("evaluate.batch_size", 10**6)],
)
def test_numbers_that_cost_time_are_bounded(
    config: Config, tmp_path: Path, key: str, value: int
) -> None:
    saved = _checkpoint(config, tmp_path)
    hostile = checkpoint.Checkpoint(
        saved.config.replace(**{key: value}), saved.state, saved.model, {}
    )
    with pytest.raises(BadCheckpoint, match=rf"{key} is {value} in .*at most"):
        checkpoint.build_from(hostile, tmp_path)


def test_the_largest_output_is_that_of_the_first_level(config: Config) -> None:
    config = config.replace(**{"data.size": 64, "fusion.name": "none", "network.width": 8})
    with torch.device("meta"):
        model = build_model(config, None)
    assert model_limits.largest_output(model, config.data) == 8 * 64 * 64 * 4


def test_huge_finite_weights_are_an_error_in_words_at_each_door(
    trained: Path, tmp_path: Path, manifest: Path
) -> None:
    import saywhere
    from saywhere.hub import onnx

    saved = checkpoint.load(trained)
    huge = {
        name: value * 1e30 if name.startswith("network.") and value.is_floating_point() else value
        for name, value in saved.model.items()
    }
    folder = tmp_path / "huge"
    document = {"config": saved.config.model_dump(mode="json"), "state": saved.state}
    weights = {f"model.{name}": value for name, value in huge.items()}
    folder.mkdir()
    (folder / locate.WEIGHTS).write_bytes(tensor_file.pack(document, weights))
    segmenter = saywhere.load(folder)
    picture = np.zeros((32, 32), np.uint8)
    with pytest.raises(NotFiniteAnswer, match=r"answer is not a number.*use another checkpoint"):
        segmenter.segment(picture, "left")
    with pytest.raises(NotFiniteAnswer):
        onnx.refuse_not_finite(folder, torch.tensor([float("inf")]))


def test_an_archive_is_no_model(tmp_path: Path, shelf: Path) -> None:
    (tmp_path / "model.zip").write_bytes(b"PK\3\4" + bytes(100))
    with pytest.raises(SaywhereError):
        pull(str(tmp_path / "model.zip"), "archive")
    assert list_models() == []


@pytest.fixture(scope="module")
def packed(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed") / "spot"
    push(trained, str(folder), About(title="Spots"))
    return folder


def _mutated(random: np.random.Generator, content: bytes) -> bytes:
    """One of the ways in which files go wrong, or are made to."""
    changed = bytearray(content)
    place = int(random.integers(len(changed)))
    kind = random.integers(5)
    if kind == 0:
        changed[place] ^= 1 << int(random.integers(8))
    elif kind == 1:
        del changed[place:]
    elif kind == 2:
        changed[place : place + 1] = random.bytes(int(random.integers(1, 9)))
    elif kind == 3:
        end = place + int(random.integers(1, 64))
        changed[place:place] = changed[place:end]
    else:
        tokens = [b"null", b"[]", b"{}", b"-1", b"1e999", b'"\x1b[2J"', b"[" * 2_000]
        changed[place : place + 4] = tokens[random.integers(len(tokens))]
    return bytes(changed)


@pytest.mark.parametrize("name", [CONFIG, "expected.json", locate.SUMS, locate.BUNDLE])
def test_a_hundred_mutations_of_each_file_are_answered_or_refused_in_words(
    packed: Path, shelf: Path, name: str
) -> None:
    folder = shelf / "spot"
    shutil.copytree(packed, folder)
    original = (folder / name).read_bytes() if (folder / name).exists() else b'{"n": 1, "dice": []}'
    random = np.random.default_rng(0)
    doors: list[Callable[[], Any]] = [list_models, lambda: _facts(folder)]
    if name == locate.SUMS:
        doors = [lambda: pull(str(folder), "copy")]
    if name == locate.BUNDLE:
        doors = [lambda: tensor_file.unpack(folder / name)]
    refusals: list[str] = []
    n_changed = 0
    for _ in range(100):
        mutated = _mutated(random, original)
        n_changed += mutated != original
        (folder / name).write_bytes(mutated)
        # Anything but an error of ours is a traceback in a user's terminal.
        refusals += [refusal for refusal in map(_refusal, doors) if refusal is not None]
    assert all(len(refusal) < 1_000 for refusal in refusals)
    # A flipped byte of the weights is never answered.
    assert len(refusals) == n_changed or name != locate.BUNDLE


def _refusal(door: Callable[[], Any]) -> str | None:
    try:
        door()
    except SaywhereError as error:
        return str(error)
    return None


def _facts(folder: Path) -> Any:
    """What the service's list and a second push read."""
    from saywhere.runs import calibration_file, formats
    from saywhere.serve.models import _suggestions

    formats.refuse_newer_folder(folder)
    calibration_file.read(folder, {"step": 1, "best": 0.5})

    class Stub:
        config = Config()

    Stub.folder = folder  # type: ignore[attr-defined]
    return _suggestions(Stub()), Served  # type: ignore[arg-type]


def _checkpoint(config: Config, folder: Path) -> checkpoint.Checkpoint:
    from saywhere.text.whitening import EmbeddingScale

    scale = EmbeddingScale(384, 20) if config.fusion.uses_text else None
    model = build_model(config, scale)
    return checkpoint.Checkpoint(config, {}, model.state_dict(), {})
