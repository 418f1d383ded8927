"""Fine-tuning: the first weights are measured, kept until an epoch is better, and judged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from saywhere.config import Config
from saywhere.errors import BadCheckpoint, ConfigError, MissingFile
from saywhere.metrics.sample_size import FEWEST_CASES
from saywhere.runs import checkpoint
from saywhere.text.prompt_facts import PromptFacts
from saywhere.training import loop, trainer
from saywhere.training.fine_tuning import Images, judge
from saywhere.training.trainer import train
from small_run import rows_of

MANY = FEWEST_CASES


def verdict(before: list[float], after: list[float], best_epoch: int = 1, **more: Any) -> str:
    return judge(Images(before, after, **more), best_epoch, resamples=500, seed=0).verdict


def test_few_images_are_too_few_to_tell() -> None:
    found = judge(Images([0.80, 0.82], [0.83, 0.85]), 3, resamples=500, seed=0)
    assert (found.before, found.after) == pytest.approx((0.81, 0.84))
    assert (found.n_images, found.best_epoch) == (2, 3)
    assert found.verdict == (
        "Dice before 0.810, after 0.840 on 2 validation images: "
        f"too few to tell (a verdict needs {FEWEST_CASES})"
    )
    assert verdict([0.5], [0.6]).startswith("Dice before 0.500, after 0.600 on 1 validation image:")


@pytest.mark.parametrize(
    ("gain", "conclusion"),
    [
        ([0.1] * MANY, "better, by +0.100 [+0.100, +0.100]"),
        ([-0.1] * MANY, "worse, by -0.100 [-0.100, -0.100]"),
        ([0.1, -0.1] * (MANY // 2), "no sure difference, +0.000"),
    ],
)
def test_enough_images_are_judged_by_their_interval(gain: list[float], conclusion: str) -> None:
    assert conclusion in verdict([0.5] * MANY, [0.5 + by for by in gain])


def test_weights_that_nothing_beat_stay_the_best() -> None:
    assert verdict([0.5] * 30, [0.5] * 30, best_epoch=0).endswith(
        "no epoch was better, so the weights it started from stay the best"
    )


def test_images_that_it_learned_from_are_no_evidence() -> None:
    found = verdict([0.5] * 30, [0.9] * 30, are_held_out=False)
    assert "on 30 training images: it learned from these very images" in found


@pytest.fixture
def few(config: Config) -> Config:
    return config.replace(**{"train.epochs": 1, "train.steps_per_epoch": 3})


def test_the_first_weights_are_scored_before_the_first_step(
    few: Config, trained: Path, tmp_path: Path
) -> None:
    told: list[dict[str, Any]] = []
    run = train(few, tmp_path / "tuned", start=trained, listen=told.append)
    kinds = [event["event"] for event in told]
    assert kinds[kinds.index("start") :] == ["start", "before", *["step"] * 3, "epoch", "end"]
    best = max(rows_of(trained / "metrics.jsonl"), key=lambda row: row["val_dice_mean"])
    before = told[kinds.index("before")]
    assert before["val_dice_mean"] == pytest.approx(best["val_dice_mean"], abs=1e-6)
    facts = json.loads((run / "run.json").read_text())["fine_tuning"]
    assert facts == told[-1]["fine_tuning"]
    assert facts["n_images"] == 4
    assert "on 4 validation images" in facts["verdict"]


def test_weights_that_get_worse_do_not_replace_the_first_ones(
    few: Config, trained: Path, tmp_path: Path
) -> None:
    ruined = few.replace(**{"optimizer.learning_rate": 0.5, "train.select": "loss"})
    run = train(ruined, tmp_path / "tuned", start=trained)
    best, last = (checkpoint.load(run / "checkpoints" / name) for name in ("best", "last"))
    first = checkpoint.load(trained)
    assert all(torch.equal(value, best.model[name]) for name, value in first.model.items())
    assert best.state["epoch"] == 0
    assert not torch.equal(last.model["network.head.weight"], first.model["network.head.weight"])
    assert (
        "no epoch was better"
        in json.loads((run / "run.json").read_text())["fine_tuning"]["verdict"]
    )


def test_scoring_the_first_weights_changes_nothing_of_the_training(
    few: Config, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored = train(few, tmp_path / "scored", start=trained)
    monkeypatch.setattr(loop.Loop, "_score_start", lambda self: None)
    plain = train(few, tmp_path / "plain", start=trained)
    one, other = (checkpoint.load(run / "checkpoints/last") for run in (scored, plain))
    assert all(torch.equal(value, other.model[name]) for name, value in one.model.items())
    metrics = [(run / "metrics.jsonl").read_bytes() for run in (scored, plain)]
    assert metrics[0] == metrics[1]


def test_a_fresh_start_is_not_scored(events: list[dict[str, Any]], trained: Path) -> None:
    assert "before" not in {event["event"] for event in events}
    assert events[-1]["fine_tuning"] is None
    assert "fine_tuning" not in json.loads((trained / "run.json").read_text())
    assert "fine_tuning" not in checkpoint.load(trained / "checkpoints/last").state


def test_an_interrupted_fine_tuning_remembers_where_it_started(
    config: Config, trained: Path, tmp_path: Path
) -> None:
    import os
    import signal

    def interrupt(event: dict[str, Any]) -> None:
        if event["event"] == "step" and event["step"] == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "run", start=trained, listen=interrupt)
    told: list[dict[str, Any]] = []
    train(config, tmp_path / "run", resume=True, listen=told.append)
    assert "before" not in {event["event"] for event in told}
    straight = train(config, tmp_path / "straight", start=trained)
    facts = [json.loads((run / "run.json").read_text()) for run in (tmp_path / "run", straight)]
    assert facts[0]["fine_tuning"] == facts[1]["fine_tuning"]


def test_fine_tuning_starts_with_another_runs_weights_and_scale(
    config: Config, trained: Path, tmp_path: Path
) -> None:
    """With other prompts, whose own scale would have another shape; a step of a rate of nearly 0
    leaves the weights as they were.
    """
    few = config.replace(
        **{
            "text.train_prompts": "place",
            "data.limit": 4,
            "train.epochs": 1,
            "train.steps_per_epoch": 1,
            "optimizer.learning_rate": 1e-12,
        }
    )
    run = train(few, tmp_path / "tuned", start=trained)
    first, tuned = (checkpoint.load(folder / "checkpoints/best").model for folder in (trained, run))
    for name, value in first.items():
        if (
            "running" not in name and "num_batches" not in name
        ):  # a batch norm's memory moves without a rate
            assert torch.allclose(tuned[name], value, atol=1e-6), name
    assert json.loads((run / "run.json").read_text())["started_from"] == str(trained)


def test_fine_tuning_of_another_network_is_refused(
    config: Config, trained: Path, tmp_path: Path
) -> None:
    with pytest.raises(BadCheckpoint, match=r"a model of this network, fusion and data\.size"):
        train(config.replace(**{"network.width": 5}), tmp_path / "other", start=trained)
    with pytest.raises(MissingFile, match="no checkpoint in"):
        train(config, tmp_path / "none", start=tmp_path)
    assert not (tmp_path / "none").exists()


def test_fine_tuning_that_was_killed_before_its_first_checkpoint_starts_there_again(
    config: Config, trained: Path, tmp_path: Path
) -> None:
    few = config.replace(
        **{"train.epochs": 1, "train.steps_per_epoch": 1, "optimizer.learning_rate": 1e-12}
    )
    run = train(few, tmp_path / "tuned", start=trained)
    shutil.rmtree(run / "checkpoints")
    train(few, run, resume=True)
    first, tuned = (checkpoint.load(folder / "checkpoints/best").model for folder in (trained, run))
    assert torch.allclose(
        first["projection.layers.0.weight"], tuned["projection.layers.0.weight"], atol=1e-6
    )


@pytest.mark.parametrize(
    ("taught", "new", "is_warned"),
    [
        ("image", "patient", True),
        ("patient", "image", True),
        ("image", "image", False),
        ("", "patient", False),
        ("both", "image", False),
    ],
)
def test_prompts_of_another_frame_than_the_first_weights_are_warned_of(
    taught: str, new: str, is_warned: bool
) -> None:
    message = trainer._of_another_frame(PromptFacts(taught), PromptFacts(new))
    assert bool(message) is is_warned
    assert (f"text.frame = '{taught}'" in message) is is_warned


def test_a_model_without_a_presence_head_starts_one_and_says_so(
    few: Config, trained: Path, tmp_path: Path
) -> None:
    told: list[dict[str, Any]] = []
    wanted = few.replace(**{"loss.presence": 0.5})
    run = train(wanted, tmp_path / "tuned", start=trained, listen=told.append)
    said = [event["message"] for event in told if event["event"] == "warning"]
    assert any("has no presence head: the head starts fresh" in message for message in said)
    # The weights it started from are the same: so is its score before the first step.
    before = next(event for event in told if event["event"] == "before")
    best = max(rows_of(trained / "metrics.jsonl"), key=lambda row: row["val_dice_mean"])
    assert before["val_dice_mean"] == pytest.approx(best["val_dice_mean"], abs=1e-6)
    row = rows_of(run / "metrics.jsonl")[0]
    assert row["loss"] == pytest.approx(
        row["segmentation_loss"] + 0.1 * row["roi_loss"] + 0.5 * row["presence_loss"], rel=1e-4
    )
    assert "presence_loss" in (run / "metrics.csv").read_text().splitlines()[0]
    # And back: the head is left out, in words.
    told.clear()
    train(few.replace(**{"loss.presence": 0.0}), tmp_path / "back", start=run, listen=told.append)
    said = [event["message"] for event in told if event["event"] == "warning"]
    assert any("the head is left out" in message for message in said)
    assert "presence_loss" not in rows_of(tmp_path / "back/metrics.jsonl")[0]


def test_rows_that_do_not_say_what_they_show_are_one_set_and_it_is_said(
    trained: Path, config: Config, tmp_path: Path
) -> None:
    """As a model of several sets is trained on, with pictures of one's own."""
    told: list[dict[str, Any]] = []
    several = config.replace(
        **{
            "data.target_column": "shows",
            "data.shares": {"polyp": 2},
            "data.target": "spot",
            "data.denied": 0.2,
            "train.epochs": 1,
        }
    )
    run = train(several, tmp_path / "run", start=trained, listen=told.append)
    (warning,) = [event["message"] for event in told if event["event"] == "warning"]
    assert "the column 'shows': they are taken as one set of 'spot'" in warning
    stored = checkpoint.load(run).config.data
    assert (stored.target_column, stored.shares) == (None, {})
    with pytest.raises(ConfigError, match="no noun in the column 'shows' of row"):
        train(several, tmp_path / "fresh")  # a fresh training of several sets needs the column


def test_a_fine_tuning_of_one_set_is_resumed_by_the_command_that_began_it(
    trained: Path, config: Config, tmp_path: Path
) -> None:
    several = config.replace(**{"data.target_column": "shows"})
    train(several, tmp_path / "run", start=trained, pause_after=1)
    run = train(several, tmp_path / "run", start=trained, resume=True)
    assert json.loads((run / "run.json").read_text())["status"] == "finished"
