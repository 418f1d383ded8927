"""`saywhere bench`, small: what it measures and what it prints."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console import Ended
from saywhere.bench import measured_machine, our_training, suite, targets, words_cost
from saywhere.bench.training import Effort
from saywhere.config import Config
from saywhere.errors import UsageError

TINY = ("--network", "unet", "--width", 4, "--size", 32, "--batch", 2, "--steps", 2)
CHOSEN = ("--set", "train.precision=32-true", "--set", "train.threads=1")
FEW = ("--rounds", 1, "--pictures", 3, "--cases", 2, "--device", "cpu")


@pytest.fixture(autouse=True)
def small_phantoms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small phantoms, and small matrices for the machine's rate."""
    monkeypatch.setattr(suite, "PHANTOM_PX", 64)
    monkeypatch.setitem(measured_machine.SIDE, "cpu", 128)


def measured(say: Callable[..., Ended], tmp_path: Path, *more: object) -> dict[str, Any]:
    out = tmp_path / "bench.json"
    ended = say("bench", *map(str, [*TINY, *FEW, "--out", out, *more]))
    assert ended.code == 0, ended.err
    return json.loads(out.read_text(encoding="utf-8")) | {"printed": ended.out}


def test_a_training_is_timed_beside_the_naive_way(say: Any, tmp_path: Path) -> None:
    found = measured(say, tmp_path, "--only", "training", *CHOSEN)
    assert found["machine"]["device"] == "cpu"
    assert found["machine"]["matrix_gflops"]["float32"] > 0
    (cell,) = found["training"].values()
    assert (cell["network"], cell["size"], cell["precision"]) == ("unet", 32, "32-true")
    assert cell["step_s"]["naive"]["n"] == cell["step_s"]["ours"]["n"] == 2
    medians = [cell["step_s"][way]["median"] for way in ("naive", "ours")]
    assert cell["ratio"] == pytest.approx(medians[0] / medians[1], abs=0.01)
    assert cell["words"] is None  # of the paper's UNet alone
    common = {"decode", "augment", "text", "forward", "loss", "backward", "optimizer"}
    assert set(cell["profile_s"]["ours"]) == common  # no step of ours encodes
    assert set(cell["profile_s"]["naive"]) == common | {"encode"}
    assert "naive" in found["printed"]
    assert "not measured" in found["printed"]  # the prediction's goals


def test_a_prediction_is_timed_beside_the_naive_way(
    say: Any, tmp_path: Path, trained: Path
) -> None:
    found = measured(say, tmp_path, "--only", "prediction", "--model", trained)
    assert set(found["prediction"]["picture_s"]) == {
        f"{way}, {what}" for way in ("naive", "ours") for what in ("one", "folder")
    }
    assert {"decode", "forward", "write"} <= set(found["prediction"]["profile_s"]["ours"])
    assert {"decode", "encode", "forward", "write"} <= set(
        found["prediction"]["profile_s"]["naive"]
    )


def test_boundaries_are_measured_and_each_part_is_written_as_it_comes(
    say: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(suite.prediction, "measure", broken)
    with pytest.raises(RuntimeError, match="broken"):
        suite.run(suite.Plan(parts=("boundaries", "prediction"), cases=1), tmp_path / "b.json", "")
    found = json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))
    assert found["boundaries"]["kinds"]["one lesion"]["cases"] == 1


@pytest.mark.slow
def test_a_cold_prediction_is_timed_beside_the_import_of_torch(
    say: Any, tmp_path: Path, trained: Path
) -> None:
    found = measured(say, tmp_path, "--only", "start", "--model", trained)
    assert found["start"]["ratio"]["torch"] > 1


def test_an_unknown_part_and_an_absent_device_are_refused(say: Any, tmp_path: Path) -> None:
    out = str(tmp_path / "b.json")
    assert say("bench", "--only", "cooking", "--out", out).code == 2
    assert say("bench", "--device", "cuda:77", "--out", out).code == 2
    assert not (tmp_path / "b.json").exists()


@pytest.mark.parametrize("fusion", ["none", "film"])
def test_a_fusion_that_the_naive_way_lacks_is_refused(manifest: Path, fusion: str) -> None:
    plan = suite.Plan(changes={"fusion.name": fusion})
    with pytest.raises(UsageError, match=rf"cannot train with fusion\.name '{fusion}'"):
        suite.config_for(plan, manifest, {})


def test_the_steps_that_are_timed_are_those_that_were_asked_for(config: Config) -> None:
    stretch = our_training.run(config, n_steps=3, n_warm=2)
    assert len(stretch.step_s) == 3
    assert stretch.config.train.precision == "32-true"
    assert stretch.first_step_s > 0


def document(**changes: Any) -> dict[str, Any]:
    words = {"share": 2.0, "low": 1.1, "high": 2.8}
    cell = {
        "ratio": 4.0,
        "words": words,
        "start_s": {"second": 3.0},
        "share_of_matrix_rate": 0.2,
    }
    return {"machine": {"device": "cpu"}, "training": {targets.PAPER: cell | changes}}


def test_a_goal_is_reached_missed_or_not_measured() -> None:
    verdicts = {o.target.what: o for o in targets.outcomes(document())}
    step = verdicts["a step of the paper's UNet, times as fast as the naive one"]
    assert (step.target.goal, step.measured, step.verdict) == (3, 4.0, "reached")
    text = verdicts["words and fusion, of a step of the paper's UNet"]
    assert (text.measured, text.verdict) == (2.0, "reached")
    assert text.row()[2] == "2 % [1.1, 2.8]"
    folder = verdicts["a folder of pictures, times as fast as the naive loop"]
    assert (folder.measured, folder.verdict) == (None, "not measured")
    slow = targets.outcomes(document(ratio=2.9))
    assert "missed" in [o.verdict for o in slow]


@pytest.mark.parametrize(
    ("share", "verdict"),
    [(2.9, "reached, not for sure"), (3.1, "missed, not for sure"), (3.9, "missed")],
)
def test_a_goal_inside_the_interval_is_not_settled(share: float, verdict: str) -> None:
    found = targets.outcomes(document(words={"share": share, "low": share - 0.5, "high": 4.5}))
    (words,) = [one for one in found if one.target.span]
    assert words.verdict == verdict


def test_words_that_were_not_measured_have_no_figure() -> None:
    (words,) = [one for one in targets.outcomes(document(words=None)) if one.target.span]
    assert (words.measured, words.span, words.verdict) == (None, None, "not measured")


def test_the_cost_of_words_is_the_median_of_paired_differences() -> None:
    # The machine slows down to a half: medians of each way apart would not tell 10 % from noise.
    pairs = [(one, 0.9 * one) for one in (1.0, 1.1, 1.5, 1.9, 2.0)]
    found = words_cost.summary(pairs)
    assert (found["share"], found["low"], found["high"]) == (10.0, 10.0, 10.0)
    assert (found["pairs"], found["with_words_s"], found["image_only_s"]) == (5, 1.5, 1.35)
    spread = words_cost.summary([(1.0, 1 - share) for share in (0.01, 0.02, 0.03, 0.04, 0.30)])
    assert spread["share"] == 3.0
    assert 1 <= spread["low"] < 3 < spread["high"] <= 30


def test_each_way_goes_first_as_often_on_the_same_step(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[tuple[bool, int, int]] = []
    build = words_cost.trial

    def noted(settled: Config, material: Any, n_samples: int) -> Callable[[int], float]:
        step = build(settled, material, n_samples)

        def take(number: int) -> float:
            taken.append((settled.fusion.uses_text, number, n_samples))
            return step(number)

        return take

    monkeypatch.setattr(words_cost, "trial", noted)
    found = words_cost.measure(config, 2)
    assert (found["pairs"], found["with_words_s"] > 0) == (2, True)
    n_warm, batch = words_cost.N_WARM, config.train.batch_size
    assert taken[2 * n_warm :] == [
        (True, n_warm, batch),
        (False, n_warm, batch),
        (False, n_warm + 1, batch),
        (True, n_warm + 1, batch),
    ]


def test_a_gpu_has_goals_of_its_own() -> None:
    on_gpu = document(ratio=8.5, share_of_matrix_rate=0.2)
    on_gpu["machine"]["device"] = "cuda:0"
    verdicts = {o.target.what: (o.target.goal, o.verdict) for o in targets.outcomes(on_gpu)}
    step = "a step of the paper's UNet, times as fast as the naive one"
    assert verdicts[step] == (8, "reached")
    assert verdicts["arithmetic of that step, of the matrix rate"] == (0.3, "missed")


def test_the_usual_cells_are_trainings_that_can_be_built(manifest: Path) -> None:
    plan = suite.Plan(prompts="plain")
    for changes, effort in plan.cells.values():
        config = suite.config_for(plan, manifest, changes)
        assert isinstance(effort, Effort)
        assert config.fusion.uses_text
