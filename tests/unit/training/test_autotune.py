"""`auto` takes the fastest setting that works, and writes down which."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from saywhere.config import Config, TrainConfig, read
from saywhere.data.training_set import Batch
from saywhere.io import machine
from saywhere.io.cache import clear, list_folders
from saywhere.training import autotune, device
from saywhere.training.kept_choice import KeptChoice
from saywhere.training.loop import Loop
from saywhere.training.setup import gather
from saywhere.training.trainer import train, trial

FP32, BF16 = "32-true", "bf16-mixed"
Seconds = dict[tuple[str, bool], float | Exception]
AUTO = {"train.precision": "auto"}


@pytest.fixture
def knows_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autotune, "knows_bfloat16", lambda config: True)


def endless() -> autotune.Trials:
    """A training that is long enough for any trial, on a clock that stands still."""
    return autotune.Trials(1e9, clock=lambda: 0.0)


class Bench:
    """A clock that goes on with each model that is built and each step that is timed."""

    def __init__(self, build_s: float = 0.0, step_s: float = 1.0) -> None:
        self.now = 0.0
        self.build_s, self.step_s = build_s, step_s
        self.built: list[tuple[str, bool, int]] = []
        self.n_steps = 0

    def clock(self) -> float:
        return self.now

    def prepare(self, config: TrainConfig) -> autotune.TimeStep:
        self.built.append((config.precision, config.channels_last, config.threads))
        self.now += self.build_s

        def time_step(step: int) -> float:
            self.now += self.step_s
            self.n_steps += 1
            return self.step_s

        return time_step

    def choose(
        self, config: Config, n_steps: float, kept: KeptChoice | None = None, **asked: object
    ) -> TrainConfig:
        asked = {"train.precision": "auto", "train.threads": 0} | asked
        trials = autotune.Trials(n_steps, self.clock)
        return autotune.choose(config.replace(**asked).train, self.prepare, trials, kept)


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "n_cores", lambda: 2)
    # The session's own number stays.
    monkeypatch.setattr(torch, "set_num_threads", lambda n: None)


@pytest.fixture
def kept(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeptChoice:
    monkeypatch.setenv("SAYWHERE_CACHE", str(tmp_path / "cache"))
    return KeptChoice(config)


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
    chosen = autotune.choose(config.replace(**AUTO).train, prepare, endless())
    assert (chosen.precision, chosen.channels_last) == (FP32, False)


@pytest.mark.usefixtures("knows_bfloat16")
def test_a_setting_that_fails_here_is_left_out(config: Config) -> None:
    broken = RuntimeError("no kernel for bfloat16")
    seconds: Seconds = {(FP32, True): 2, (FP32, False): 3}
    prepare = timed(seconds | {(BF16, True): broken, (BF16, False): broken})
    chosen = autotune.choose(config.replace(**AUTO).train, prepare, endless())
    assert (chosen.precision, chosen.channels_last) == (FP32, True)


@pytest.mark.usefixtures("knows_bfloat16")
def test_a_setting_far_behind_is_not_tried_again(config: Config) -> None:
    asked: list[str] = []

    def prepare(config: TrainConfig) -> autotune.TimeStep:
        def time_step(step: int) -> float:
            asked.append(config.precision)
            return 10.0 if config.precision == BF16 else 1.0

        return time_step

    assert autotune.choose(config.replace(**AUTO).train, prepare, endless()).precision == FP32
    assert asked.count(BF16) == 2  # each memory format once
    assert asked.count(FP32) == 6


def test_bfloat16_is_not_tried_where_the_processor_does_not_know_it(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autotune, "knows_bfloat16", lambda config: False)
    prepare = timed({(FP32, True): 2, (FP32, False): 1, (BF16, True): 0, (BF16, False): 0})
    assert autotune.choose(config.replace(**AUTO).train, prepare, endless()).precision == FP32


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


def test_a_trial_takes_two_samples(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[tuple[int, int]] = []
    step = Loop.step

    def counting(self: Loop, number: int, batches: list[Batch]) -> Any:
        (batch,) = batches
        sizes.append((len(batch.rows), len(batch.image)))
        return step(self, number, batches)

    monkeypatch.setattr(Loop, "step", counting)
    assert config.train.batch_size > autotune.N_SAMPLES
    trial(config, gather(config))(0)
    assert sizes == [(autotune.N_SAMPLES, autotune.N_SAMPLES)]


@pytest.mark.usefixtures("knows_bfloat16")
def test_where_none_works_the_reason_is_told(config: Config) -> None:
    full = RuntimeError("can't allocate memory")
    seconds: Seconds = {(FP32, True): full, (FP32, False): full}
    prepare = timed(seconds | {(BF16, True): full, (BF16, False): full})
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        autotune.choose(config.replace(**AUTO).train, prepare, endless())


def test_what_is_asked_for_is_not_measured(config: Config) -> None:
    assert autotune.choose(config.train, timed({}), endless()) == config.train


def test_threads_are_those_that_are_asked_for_on_every_system(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_to: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", set_to.append)
    monkeypatch.delattr(machine.os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 12)

    def prepare(config: TrainConfig) -> autotune.TimeStep:
        return lambda step: {12: 2.0, 6: 1.0}[config.threads]

    three, free = (config.replace(**{"train.threads": n}).train for n in (3, 0))
    assert autotune.choose(three, prepare, endless()).threads == 3
    assert autotune.choose(free, prepare, endless()).threads == 6
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


@pytest.mark.usefixtures("knows_bfloat16", "two_cores")
@pytest.mark.parametrize(("build_s", "step_s"), [(0.5, 1.5), (2, 4), (8, 0.1), (0.1, 12)])
def test_trials_take_no_longer_than_their_time(
    config: Config, build_s: float, step_s: float
) -> None:
    bench = Bench(build_s, step_s)
    bench.choose(config, 1e6)
    # A model that was begun in time is built and stepped once.
    assert bench.now <= autotune.LONGEST_S + build_s
    assert bench.n_steps >= 1


@pytest.mark.usefixtures("knows_bfloat16", "two_cores")
def test_trials_take_a_small_share_of_the_training(config: Config) -> None:
    for n_steps in (100, 1_000, 2_000, 20_000):
        bench = Bench(build_s=0.01, step_s=0.01)
        bench.choose(config, n_steps)
        assert bench.now <= autotune.LARGEST_SHARE * n_steps * bench.step_s + bench.build_s
        assert (bench.n_steps > 0) is (n_steps >= 1_000)


@pytest.mark.usefixtures("two_cores")
def test_a_short_training_is_not_tried_at_all(
    config: Config, kept: KeptChoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autotune, "knows_bfloat16", lambda config: pytest.fail("it was tried"))
    bench = Bench()
    chosen = bench.choose(config, 100, kept)
    assert (chosen.precision, chosen.channels_last, chosen.threads) == (FP32, True, 2)
    assert bench.built == []
    # Nothing was measured, so there is nothing to keep.
    assert kept.read() is None


@pytest.mark.usefixtures("knows_bfloat16", "two_cores")
def test_what_was_found_is_not_tried_again(config: Config, kept: KeptChoice) -> None:
    first, second = Bench(step_s=0.1), Bench()
    chosen = first.choose(config, 1e6, kept)
    assert first.n_steps > 0
    assert second.choose(config, 1e6, kept) == chosen
    assert second.n_steps == 0
    asked = config.replace(**AUTO).train
    assert "were fastest here before" in autotune.what_is_tried(asked, kept)


@pytest.mark.usefixtures("knows_bfloat16", "two_cores")
def test_a_choice_that_was_cut_short_is_not_kept(config: Config, kept: KeptChoice) -> None:
    Bench(build_s=6, step_s=3).choose(config, 1e6, kept)
    assert kept.read() is None


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("network.width", 5),
        ("data.size", 64),
        ("train.batch_size", 3),
        ("fusion.name", "film"),
        ("train.threads", 2),
        ("train.precision", "auto"),
    ],
)
def test_another_kind_of_training_has_a_choice_of_its_own(
    config: Config, key: str, value: object
) -> None:
    assert KeptChoice(config).file != KeptChoice(config.replace(**{key: value})).file


@pytest.mark.usefixtures("kept")
def test_another_machine_has_a_choice_of_its_own(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = KeptChoice(config)
    # An image, a seed or more epochs change no step's speed.
    assert KeptChoice(config.replace(**{"train.seed": 5, "train.epochs": 9})).file == before.file
    monkeypatch.setattr("saywhere.training.kept_choice.processor", lambda: "another")
    assert KeptChoice(config).file != before.file


@pytest.mark.parametrize(
    "damage",
    ["", "[]", "{", '{"facts": 1}', "choice: precision = int8", "choice: epochs = 3"],
)
def test_a_damaged_choice_is_found_anew(kept: KeptChoice, damage: str) -> None:
    kept.write({"precision": FP32, "channels_last": True})
    assert kept.read() == {"precision": FP32, "channels_last": True}
    text = kept.file.read_text(encoding="utf-8")
    if damage.startswith("choice"):
        text = (
            text.replace(FP32, "int8")
            if "int8" in damage
            else text.replace('"precision": "32-true"', '"epochs": 3')
        )
    else:
        text = damage
    kept.file.write_text(text, encoding="utf-8")
    assert kept.read() is None


def test_two_at_once_do_not_wait_for_each_other(config: Config, kept: KeptChoice) -> None:
    other = KeptChoice(config)
    assert kept.read() is other.read() is None
    kept.write({"threads": 2})
    other.write({"threads": 1})
    assert kept.read() == {"threads": 1}


def test_a_cache_that_cannot_be_written_costs_no_training(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    monkeypatch.setenv("SAYWHERE_CACHE", str(tmp_path / "file"))
    kept = KeptChoice(config)
    kept.write({"threads": 2})
    assert kept.read() is None


def test_a_kept_choice_is_cleared_with_the_cache(kept: KeptChoice) -> None:
    kept.write({"threads": 2})
    assert [entry.what for entry in list_folders()] == ["what was fastest in a training"]
    assert len(clear()[0]) == 1
    assert kept.read() is None
