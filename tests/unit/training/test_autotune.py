"""`auto` takes the fastest setting that works, and writes down which."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from saywhere.config import Config, TrainConfig, read
from saywhere.training import autotune, device
from saywhere.training.setup import gather
from saywhere.training.trainer import train, trial

FP32, BF16 = "32-true", "bf16-mixed"
Seconds = dict[tuple[str, bool], float | Exception]
AUTO = {"train.precision": "auto"}


@pytest.fixture
def knows_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autotune, "knows_bfloat16", lambda config: True)


def timed(seconds: Seconds) -> autotune.Prepare:
    """Each setting takes so long, or fails."""

    def prepare(config: TrainConfig) -> autotune.TimeStep:
        def time_step(step: int) -> float:
            found = seconds[config.precision, config.channels_last]
            if isinstance(found, Exception):
                raise found
            return found if step else 10 - found  # the first step, which warms up, does not count

        return time_step

    return prepare


@pytest.mark.usefixtures("knows_bfloat16")
def test_the_fastest_is_taken(config: Config) -> None:
    prepare = timed({(FP32, True): 3, (FP32, False): 1, (BF16, True): 2, (BF16, False): 4})
    chosen = autotune.choose(config.replace(**AUTO).train, prepare)
    assert (chosen.precision, chosen.channels_last) == (FP32, False)


@pytest.mark.usefixtures("knows_bfloat16")
def test_a_setting_that_fails_here_is_left_out(config: Config) -> None:
    broken = RuntimeError("no kernel for bfloat16")
    seconds: Seconds = {(FP32, True): 2, (FP32, False): 3}
    prepare = timed(seconds | {(BF16, True): broken, (BF16, False): broken})
    chosen = autotune.choose(config.replace(**AUTO).train, prepare)
    assert (chosen.precision, chosen.channels_last) == (FP32, True)


@pytest.mark.usefixtures("knows_bfloat16")
def test_a_setting_far_behind_is_not_tried_again(config: Config) -> None:
    asked: list[str] = []

    def prepare(config: TrainConfig) -> autotune.TimeStep:
        def time_step(step: int) -> float:
            asked.append(config.precision)
            return 10.0 if config.precision == BF16 else 1.0

        return time_step

    assert autotune.choose(config.replace(**AUTO).train, prepare).precision == FP32
    assert asked.count(BF16) == 2  # each memory format once
    assert asked.count(FP32) == 6


def test_bfloat16_is_not_tried_where_the_processor_does_not_know_it(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autotune, "knows_bfloat16", lambda config: False)
    prepare = timed({(FP32, True): 2, (FP32, False): 1, (BF16, True): 0, (BF16, False): 0})
    assert autotune.choose(config.replace(**AUTO).train, prepare).precision == FP32


def test_whether_the_processor_knows_bfloat16_is_measured(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = {"now": 0.0}
    monkeypatch.setattr(autotune.time, "perf_counter", lambda: clock["now"])
    real = torch.nn.Conv2d.forward
    for slowness, known in ((1.5, True), (3.0, False)):

        def forward(
            self: torch.nn.Conv2d, image: torch.Tensor, slowness: float = slowness
        ) -> torch.Tensor:
            clock["now"] += slowness if torch.is_autocast_enabled("cpu") else 1.0
            return real(self, image)

        monkeypatch.setattr(torch.nn.Conv2d, "forward", forward)
        assert autotune.knows_bfloat16(config.train) is known


def test_a_trial_does_not_compute_the_costly_start(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    from saywhere.fusion import pseudo_image

    monkeypatch.setattr(
        pseudo_image, "start_unit_variance", lambda *inputs: pytest.fail("computed for a trial")
    )
    assert config.fusion.start == "unit-variance"
    assert trial(config, gather(config))(0) > 0


@pytest.mark.usefixtures("knows_bfloat16")
def test_where_none_works_the_reason_is_told(config: Config) -> None:
    full = RuntimeError("can't allocate memory")
    seconds: Seconds = {(FP32, True): full, (FP32, False): full}
    prepare = timed(seconds | {(BF16, True): full, (BF16, False): full})
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        autotune.choose(config.replace(**AUTO).train, prepare)


def test_what_is_asked_for_is_not_measured(config: Config) -> None:
    assert autotune.choose(config.train, timed({})) == config.train


def test_threads_are_those_that_are_asked_for_on_every_system(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_to: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", set_to.append)
    monkeypatch.delattr(device.os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(device.os, "cpu_count", lambda: 12)

    def prepare(config: TrainConfig) -> autotune.TimeStep:
        return lambda step: {12: 2.0, 6: 1.0}[config.threads]

    assert autotune.choose(config.replace(**{"train.threads": 3}).train, prepare).threads == 3
    assert autotune.choose(config.replace(**{"train.threads": 0}).train, prepare).threads == 6
    assert (set_to[0], set_to[-1]) == (3, 6)


def test_config_toml_holds_what_auto_became(config: Config, tmp_path: Path) -> None:
    asked = config.replace(
        **{"train.precision": "auto", "train.epochs": 1, "train.steps_per_epoch": 1}
    )
    run = train(asked, tmp_path / "run")
    written = read(run / "config.toml")
    assert written.train.precision in (FP32, BF16)
    free = {"train.precision": "auto", "train.channels_last": True}
    assert written.replace(**free) == asked
