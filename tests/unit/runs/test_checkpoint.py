"""A checkpoint is the model and the moments, or an error that says why it is not."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from saywhere.config import Config
from saywhere.errors import BadCheckpoint, MissingFile
from saywhere.modeling.build import build_model
from saywhere.runs import checkpoint, tensor_file
from saywhere.text.encoder import same_encoder
from saywhere.text.whitening import EmbeddingScale
from saywhere.training.optimizer import build_optimizer

STATE = {
    "encoder": None,
    "epoch": 1,
    "step": 5,
    "best": 0.5,
    "sums": [0.0, 0.1, 0.2],
    "history": [{"epoch": 1, "loss": 1.5}],
}


def model_of(config: Config) -> Any:
    return build_model(config, EmbeddingScale(384, 20))


def stepped(config: Config) -> tuple[Any, torch.optim.Optimizer]:
    model = model_of(config).to(memory_format=torch.channels_last)
    optimizer = build_optimizer(model, config.optimizer)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.rand(2, 1, 32, 32), torch.rand(2, 384)).logits.square().mean().backward()
        optimizer.step()
    return model, optimizer


def test_model_moments_and_state_come_back_to_the_bit(config: Config, tmp_path: Path) -> None:
    model, optimizer = stepped(config)
    checkpoint.save(tmp_path, config, model, STATE, optimizer)
    saved = checkpoint.load(tmp_path)
    other = model_of(config.replace(**{"train.seed": 1})).to(memory_format=torch.channels_last)
    moments = build_optimizer(other, config.optimizer)
    checkpoint.restore_model(other, saved, tmp_path)
    checkpoint.restore_optimizer(other, moments, saved, tmp_path)
    assert (saved.config, saved.state) == (config, STATE)
    for (name, mine), theirs in zip(model.named_parameters(), other.parameters()):
        assert torch.equal(mine, theirs), name
        for key, value in optimizer.state[mine].items():
            assert torch.equal(value, moments.state[theirs][key]), (name, key)
            assert value.stride() == moments.state[theirs][key].stride()


def test_state_json_says_the_same_for_people(config: Config, tmp_path: Path) -> None:
    import json

    checkpoint.save(tmp_path, config, model_of(config), STATE)
    found = json.loads((tmp_path / "state.json").read_text())
    assert found == {"config": config.model_dump(mode="json"), "state": STATE}


def test_the_model_built_from_it_answers_the_same(config: Config, tmp_path: Path) -> None:
    model, _ = stepped(config)
    checkpoint.save(tmp_path, config, model, STATE)
    again = checkpoint.build_from(checkpoint.load(tmp_path), tmp_path)
    image, embedding = torch.rand(2, 1, 32, 32), torch.rand(2, 384)
    assert not again.training
    model.to(memory_format=torch.contiguous_format)
    assert torch.equal(model.eval()(image, embedding).logits, again(image, embedding).logits)


NEW_NETWORK_KEYS = ("depth", "weights")


def test_a_checkpoint_older_than_a_key_opens_as_it_was(config: Config, tmp_path: Path) -> None:
    model = model_of(config)
    old = config.model_dump(mode="json")
    for key in NEW_NETWORK_KEYS:
        del old["network"][key]
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    (tmp_path / "checkpoint.safetensors").write_bytes(
        tensor_file.pack({"config": old, "state": STATE}, tensors)
    )
    saved = checkpoint.load(tmp_path)
    assert saved.config == config
    assert all(
        torch.equal(value, model.state_dict()[name])
        for name, value in checkpoint.build_from(saved, tmp_path).state_dict().items()
    )


def test_a_checkpoint_of_another_depth_brings_its_own(config: Config, tmp_path: Path) -> None:
    shallow = config.replace(**{"network.depth": 0.5})
    checkpoint.save(tmp_path, shallow, model_of(shallow), STATE)
    assert len(checkpoint.build_from(checkpoint.load(tmp_path), tmp_path).network.down) == 2


def test_nothing_there_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"no checkpoint\.safetensors in .*: train first"):
        checkpoint.load(tmp_path)


def test_another_models_checkpoint_is_refused_naming_the_first_difference(
    config: Config, tmp_path: Path
) -> None:
    checkpoint.save(tmp_path, config, model_of(config), STATE)
    saved = checkpoint.load(tmp_path)
    with pytest.raises(
        BadCheckpoint, match=r"network\..* is float32 \(4, .*\) instead of float32 \(8, .*\)"
    ):
        checkpoint.restore_model(model_of(config.replace(**{"network.width": 8})), saved, tmp_path)
    with pytest.raises(
        BadCheckpoint, match=r"is unknown in .*; the checkpoint of this very configuration"
    ):
        checkpoint.restore_model(
            build_model(config.replace(**{"fusion.name": "none"}), None), saved, tmp_path
        )
    with pytest.raises(BadCheckpoint, match="is missing in"):
        checkpoint.restore_model(model_of(config), dataclasses.replace(saved, model={}), tmp_path)


def tampered(config: Config, tmp_path: Path, change: Any) -> checkpoint.Checkpoint:
    """A checkpoint that is whole, but was never a training's."""
    model = model_of(config)
    found = {"config": config, "state": dict(STATE), "model": dict(model.state_dict())}
    change(found)
    weights = {name: value.contiguous() for name, value in found["model"].items()}
    checkpoint.save(
        tmp_path, found["config"], SimpleNamespace(state_dict=lambda: weights), found["state"]
    )  # type: ignore[arg-type]
    return checkpoint.load(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"network.width": 10**9},
        {"data.size": 8 * 10**6},
        {"network.name": "nothing"},
        {"network.name": "monai:Nothing"},
    ],
)
def test_a_configuration_that_would_take_all_memory_is_refused_at_once(
    config: Config, tmp_path: Path, change: dict[str, Any]
) -> None:
    saved = tampered(config, tmp_path, lambda found: found.update(config=config.replace(**change)))
    with pytest.raises(BadCheckpoint):
        checkpoint.build_from(saved, tmp_path)


@pytest.mark.parametrize(
    "matrix",
    [
        torch.zeros(3),
        torch.zeros(2, 2, 2),
        torch.zeros(0, 0),
        torch.zeros(384, 19),
        torch.zeros(384, 20, dtype=torch.float64),
    ],
)
def test_a_scale_that_is_none_is_refused(
    config: Config, tmp_path: Path, matrix: torch.Tensor
) -> None:
    saved = tampered(
        config, tmp_path, lambda found: found["model"].update({"scale.matrix": matrix})
    )
    with pytest.raises(BadCheckpoint):
        checkpoint.build_from(saved, tmp_path)


def test_a_model_with_words_whose_text_branch_is_gone_is_refused(
    config: Config, tmp_path: Path
) -> None:
    def change(found: dict[str, Any]) -> None:
        found["model"] = {
            name: value
            for name, value in found["model"].items()
            if name.startswith(("network.", "normalize."))
        }

    with pytest.raises(BadCheckpoint, match="no model can be built from its configuration"):
        checkpoint.build_from(tampered(config, tmp_path, change), tmp_path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(
    config: Config, tmp_path: Path, value: float
) -> None:
    def change(found: dict[str, Any]) -> None:
        name = next(name for name in found["model"] if name.startswith("network."))
        found["model"][name] = found["model"][name].clone().fill_(value)

    with pytest.raises(BadCheckpoint, match="holds values that are not finite"):
        checkpoint.build_from(tampered(config, tmp_path, change), tmp_path)


@pytest.mark.parametrize(
    "state",
    [
        {},
        [],
        None,
        STATE | {"step": "5"},
        STATE | {"sums": [1.0]},
        STATE | {"history": [1]},
        STATE | {"best": None},
        STATE | {"sums": [1, 2, "x"]},
    ],
)
def test_a_state_that_no_training_left_is_refused(
    config: Config, tmp_path: Path, state: Any
) -> None:
    with pytest.raises(BadCheckpoint, match="its state is incomplete"):
        tampered(config, tmp_path, lambda found: found.update(state=state))


def test_a_configuration_of_another_version_is_a_bad_checkpoint(
    config: Config, tmp_path: Path
) -> None:
    class Newer:
        def model_dump(self, mode: str) -> dict[str, Any]:
            return config.model_dump(mode="json") | {"telepathy": {}}

    with pytest.raises(BadCheckpoint, match="its configuration is not one of this version"):
        tampered(config, tmp_path, lambda found: found.update(config=Newer()))


def test_moments_that_do_not_fit_are_refused(config: Config, tmp_path: Path) -> None:
    model, optimizer = stepped(config)
    checkpoint.save(tmp_path, config, model, STATE, optimizer)
    saved = checkpoint.load(tmp_path)
    name = next(name for name in saved.optimizer if name.endswith("exp_avg_sq"))
    for wrong in (torch.zeros(1, 2, 3), saved.optimizer[name] * float("nan")):
        with pytest.raises(BadCheckpoint, match=f"the moment {name} is"):
            checkpoint.restore_optimizer(
                model, optimizer, checkpoint.Checkpoint(config, {}, {}, {name: wrong}), tmp_path
            )


def test_another_encoder_is_refused(tmp_path: Path) -> None:
    here: Any = SimpleNamespace(name="minilm", revision="abc", pooling="mean")
    same_encoder({"name": "minilm", "revision": "abc", "pooling": "mean"}, here, tmp_path)
    for key, other in (("revision", "abd"), ("pooling", "cls"), ("name", "cxr-bert")):
        with pytest.raises(BadCheckpoint, match="the model was trained with"):
            same_encoder(
                {"name": "minilm", "revision": "abc", "pooling": "mean"} | {key: other},
                here,
                tmp_path,
            )


def test_a_refused_write_leaves_the_one_before(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint.save(tmp_path, config, model_of(config), STATE)
    monkeypatch.setattr(
        checkpoint.files, "_flush", lambda path: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(tmp_path, config, model_of(config), STATE | {"step": 6})
    assert checkpoint.load(tmp_path).state["step"] == 5
    assert not list(tmp_path.glob("*.tmp"))
