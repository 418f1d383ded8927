"""A training: what it leaves, what it never does, and how it is taken up again."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from saywhere.config import Config, read
from saywhere.data import decoded_cache
from saywhere.data.manifest import read_manifest
from saywhere.errors import BadCheckpoint, TooManyFaults, UsageError
from saywhere.io import images
from saywhere.runs import checkpoint
from saywhere.text.bert import BertEncoder
from saywhere.training.trainer import train
from small_run import rows_of, write_rows

KEPT = (
    "metrics.jsonl",
    "metrics.csv",
    "checkpoints/last/checkpoint.safetensors",
    "checkpoints/best/checkpoint.safetensors",
)


class Stopped(Exception):
    """Thrown by a listener, as a crash would be."""


def contents(run: Path) -> dict[str, bytes]:
    return {name: (run / name).read_bytes() for name in KEPT}


def stop_at(step: int) -> Any:
    def listen(event: dict[str, Any]) -> None:
        if event["event"] == "step" and event["step"] == step:
            raise Stopped

    return listen


def test_the_run_directory_holds_everything_that_it_was_made_from(
    trained: Path, config: Config, manifest: Path
) -> None:
    assert read(trained / "config.toml") == config
    facts = json.loads((trained / "run.json").read_text())
    read_back = read_manifest(manifest)
    assert (
        facts["status"],
        facts["seed"],
        facts["device"],
        facts["threads"],
        facts["precision"],
    ) == ("finished", 0, "cpu", 1, "32-true")
    assert facts["packages"]["torch"] == torch.__version__
    assert facts["data"] == {
        "manifest": str(manifest),
        "digest": read_back.digest,
        "quarantined": 0,
        "rows": {"train": len(read_back.split("train")), "validation": len(read_back.split("val"))},
    }
    saved = checkpoint.load(trained / "checkpoints/last")
    n_network = sum(
        v.numel()
        for k, v in saved.model.items()
        if k.startswith("network.") and k.removeprefix("network.") in _trained_names(saved)
    )
    assert facts["parameters"]["network"] == n_network
    assert {path.name for path in trained.iterdir()} == {
        "checkpoints",
        "config.toml",
        "metrics.csv",
        "metrics.jsonl",
        "quarantine.jsonl",
        "run.json",
    }


def _trained_names(saved: checkpoint.Checkpoint) -> set[str]:
    from saywhere.runs.checkpoint import build_from

    return {name for name, _ in build_from(saved, Path()).network.named_parameters()}


def test_metrics_have_a_row_an_epoch_with_the_promised_keys(trained: Path) -> None:
    rows = rows_of(trained / "metrics.jsonl")
    assert [row["epoch"] for row in rows] == [1, 2]
    assert set(rows[0]) == {
        "epoch",
        "loss",
        "segmentation_loss",
        "roi_loss",
        "spread",
        "learning_rate",
        "val_dice_mean",
        "val_dice_pooled",
        "val_loss",
    }
    assert rows[0]["loss"] == pytest.approx(
        rows[0]["segmentation_loss"] + 0.1 * rows[0]["roi_loss"], abs=1e-6
    )


def test_no_prompt_text_stands_in_run_json(trained: Path, manifest: Path) -> None:
    text = (trained / "run.json").read_text()
    prompts = {
        prompt
        for row in read_manifest(manifest).rows
        for texts in row.prompts.values()
        for prompt in texts
        if len(prompt) > 12
    }
    assert not [prompt for prompt in prompts if prompt in text]


def test_every_step_is_told_in_order(events: list[dict[str, Any]]) -> None:
    kinds = [event["event"] for event in events]
    assert (kinds[:3], kinds[-1]) == (["stage", "stage", "start"], "end")
    n_steps = events[2]["n_steps"]
    assert [event["step"] for event in events if event["event"] == "step"] == list(
        range(1, n_steps + 1)
    )


def test_no_step_runs_the_encoder_or_decodes_a_file(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: dict[str, int] = {}
    after_start: dict[str, int] = {}
    monkeypatch.setenv("SAYWHERE_CACHE", str(tmp_path / "cold"))

    def counted(owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def count(*inputs: Any, **options: Any) -> Any:
            calls[name] = calls.get(name, 0) + 1
            return original(*inputs, **options)

        monkeypatch.setattr(owner, name, count)

    counted(BertEncoder, "embed")
    for owner, name in (
        (decoded_cache.images, "read_image"),
        (decoded_cache.images, "read_mask"),
        (images, "decode"),
    ):
        counted(owner, name)

    def listen(event: dict[str, Any]) -> None:
        if event["event"] == "start":
            after_start.update(calls)
        if event["event"] == "end":
            assert calls == after_start

    train(config, tmp_path / "run", listen=listen)
    assert after_start["embed"] == 1  # every sentence at once, before
    assert min(after_start["read_image"], after_start["read_mask"], after_start["decode"]) > 0


@pytest.mark.parametrize("step", [1, 5, 7])
def test_a_crashed_run_resumes_to_the_straight_one(
    trained: Path, config: Config, tmp_path: Path, step: int
) -> None:
    with pytest.raises(Stopped):
        train(config, tmp_path / "run", listen=stop_at(step))
    assert json.loads((tmp_path / "run/run.json").read_text())["status"] == "failed"
    assert train(config, tmp_path / "run", resume=True) == tmp_path / "run"
    assert contents(tmp_path / "run") == contents(trained)
    assert json.loads((tmp_path / "run/run.json").read_text())["status"] == "finished"


@pytest.mark.parametrize("step", [3, 5, 10])
def test_an_interrupted_run_is_saved_and_resumes_to_the_straight_one(
    trained: Path, config: Config, tmp_path: Path, step: int
) -> None:
    import os
    import signal

    def interrupt(event: dict[str, Any]) -> None:
        if event["event"] == "step" and event["step"] == step:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "run", listen=interrupt)
    assert json.loads((tmp_path / "run/run.json").read_text())["status"] == "interrupted"
    assert checkpoint.load(tmp_path / "run/checkpoints/last").state["step"] == step
    train(config, tmp_path / "run", resume=True)
    assert contents(tmp_path / "run") == contents(trained)


def test_dropout_resumes_to_the_bit_too(config: Config, tmp_path: Path) -> None:
    dropping = config.replace(
        **{"network.name": "monai:BasicUNet", "train.epochs": 1, "train.steps_per_epoch": 4}
    )
    import saywhere.modeling.build as build

    original = build.registry.build

    def with_dropout(*inputs: Any, **options: Any) -> torch.nn.Module:
        network = original(*inputs, **options)
        return torch.nn.Sequential(torch.nn.Dropout2d(0.3), network)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build.registry, "build", with_dropout)
        straight = train(dropping, tmp_path / "straight")
        import os
        import signal

        with pytest.raises(KeyboardInterrupt):
            train(
                dropping,
                tmp_path / "run",
                listen=lambda e: (
                    os.kill(os.getpid(), signal.SIGINT)
                    if e.get("step") == 2 and e["event"] == "step"
                    else None
                ),
            )
        train(dropping, tmp_path / "run", resume=True)
    assert contents(tmp_path / "run") == contents(straight)


@pytest.mark.parametrize(
    ("key", "value"), [("first_filters", "zero"), ("name", "unett"), ("weights", "vit.npz")]
)
def test_a_network_that_would_ignore_a_setting_is_told_before_any_image_is_read(
    key: str, value: str, config: Config, tmp_path: Path
) -> None:
    nothing_to_read = {"data.manifest": str(tmp_path / "nowhere.jsonl"), "network.name": "unet"}
    with pytest.raises(UsageError, match=value):
        train(config.replace(**nothing_to_read | {f"network.{key}": value}), tmp_path / "run")


def test_another_configuration_or_other_data_is_not_resumed(
    run_copy: Path, config: Config, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"train\.epochs was 2 and is now 3"):
        train(config.replace(**{"train.epochs": 3}), run_copy, resume=True)
    facts = json.loads((run_copy / "run.json").read_text())
    facts["data"]["digest"] = "another"
    (run_copy / "run.json").write_text(json.dumps(facts))
    with pytest.raises(UsageError, match="the manifest has changed"):
        train(config, run_copy, resume=True)


def test_a_run_that_was_killed_before_its_first_checkpoint_keeps_its_configuration(
    run_copy: Path, config: Config
) -> None:

    shutil.rmtree(run_copy / "checkpoints/last")
    with pytest.raises(UsageError, match=r"train\.seed was 0 and is now 1"):
        train(config.replace(**{"train.seed": 1}), run_copy, resume=True)


@pytest.mark.usefixtures("another_encoder")
def test_another_encoder_does_not_resume(run_copy: Path, config: Config) -> None:
    with pytest.raises(BadCheckpoint, match="the text encoder here is"):
        train(config, run_copy, resume=True)


def test_too_many_faults_stop_it_before_a_run_is_made(
    config: Config, manifest: Path, tmp_path: Path
) -> None:
    bad = write_rows(
        manifest.with_name("faulty.jsonl"),
        [
            row | {"mask": "masks/none.png"} if i % 5 == 0 else row
            for i, row in enumerate(rows_of(manifest))
        ],
    )
    with pytest.raises(
        TooManyFaults, match=r"rows are faulty, the first is row 1 .*data\.fault_budget is 0\.05"
    ):
        train(config.replace(**{"data.manifest": str(bad)}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_few_faults_are_set_aside_and_told(
    config: Config, manifest: Path, tmp_path: Path
) -> None:
    bad = write_rows(
        manifest.with_name("few.jsonl"),
        [
            row | {"mask": "masks/none.png"} if i == 3 else row
            for i, row in enumerate(rows_of(manifest))
        ],
    )
    told: list[dict[str, Any]] = []
    run = train(
        config.replace(**{"data.manifest": str(bad), "train.epochs": 1}),
        tmp_path / "run",
        listen=told.append,
    )
    assert [row["row"] for row in rows_of(run / "quarantine.jsonl")] == [4]
    facts = json.loads((run / "run.json").read_text())
    assert facts["data"]["quarantined"] == 1
    assert (
        facts["warnings"]
        == ["1 faulty row was set aside, see quarantine.jsonl"]
        == [event["message"] for event in told if event["event"] == "warning"]
    )


@pytest.mark.parametrize("split", ["none", "train"])
def test_validation_on_training_images_is_warned_of_and_recorded(
    split: str, config: Config, tmp_path: Path
) -> None:
    told: list[dict[str, Any]] = []
    alone = config.replace(
        **{"data.validation_split": split, "train.epochs": 1, "train.steps_per_epoch": 1}
    )
    run = train(alone, tmp_path / "run", listen=told.append)
    (message,) = json.loads((run / "run.json").read_text())["warnings"]
    assert message.startswith("training images are used for validation (")
    assert f"data.validation_split = {split!r} has no rows of its own" in message
    kinds = [event["event"] for event in told]
    started = kinds.index("start")
    assert not told[started]["are_held_out"]
    assert told[started + 1] == {"event": "warning", "message": message}
    train(alone, run, resume=True, listen=told.append)
    assert json.loads((run / "run.json").read_text())["warnings"] == [message]


def test_other_threads_are_refused_unless_told_and_then_warned_of(
    run_copy: Path, config: Config
) -> None:
    facts = json.loads((run_copy / "run.json").read_text())
    assert "only where 1 thread is used" in facts["reproducibility"]
    two = config.replace(**{"train.threads": 2})
    with pytest.raises(UsageError, match=r"train\.threads was 1 and is now 2"):
        train(two, run_copy, resume=True)
    before = torch.get_num_threads()
    train(two, run_copy, resume=True, other_threads=True)
    torch.set_num_threads(before)
    facts = json.loads((run_copy / "run.json").read_text())
    assert any("train.threads = 2, and began with 1" in text for text in facts["warnings"])
    assert "only where 2 threads are used" in facts["reproducibility"]


def test_it_can_be_called_from_another_thread(config: Config, tmp_path: Path) -> None:
    thread = threading.Thread(
        target=train,
        args=(config.replace(**{"train.epochs": 1, "train.steps_per_epoch": 1}), tmp_path / "run"),
    )
    thread.start()
    thread.join()
    assert json.loads((tmp_path / "run/run.json").read_text())["status"] == "finished"


def test_the_words_of_a_deaf_generator_are_reported_once(config: Config, tmp_path: Path) -> None:
    told: list[dict[str, Any]] = []
    deaf = {"fusion.start": "default", "loss.roi": "none", "optimizer.text_factor": 1e-6}
    run = train(config.replace(**deaf), tmp_path / "run", listen=told.append)
    assert [event["message"][:36] for event in told if event["event"] == "warning"] == [
        "epoch 1: the prompt is not heard: th"
    ]
    assert len(json.loads((run / "run.json").read_text())["warnings"]) == 1


def test_best_is_the_epoch_with_the_best_validation(config: Config, tmp_path: Path) -> None:
    for select, key, best in (("dice_mean", "val_dice_mean", max), ("loss", "val_loss", min)):
        run = train(
            config.replace(
                **{"train.epochs": 4, "train.select": select, "optimizer.learning_rate": 0.05}
            ),
            tmp_path / select,
        )
        rows = rows_of(run / "metrics.jsonl")
        wanted = best(rows, key=lambda row: row[key])["epoch"]
        assert checkpoint.load(run / "checkpoints/best").state["epoch"] == wanted


def test_a_configuration_may_be_a_path_and_out_a_string(
    toml: Path, tmp_path: Path, trained: Path
) -> None:
    run = train(str(toml), str(tmp_path / "from_a_path"))
    assert run == tmp_path / "from_a_path"
    assert contents(run) == contents(trained)
    with pytest.raises(
        UsageError,
        match=r"a configuration is a dict; a saywhere.Config, or the path of a TOML file",
    ):
        train({"train.epochs": 1})  # type: ignore[arg-type]
