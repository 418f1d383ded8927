"""`train.precision = "auto"`, `train.threads = 0`: time a few steps of two samples of this very
training, and take what is fastest on this machine.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch

from saywhere.config import TrainConfig
from saywhere.training.device import limit_threads
from saywhere.training.kept_choice import Choice, KeptChoice

TimeStep = Callable[[int], float]
"""Runs one step of two samples, of this number; returns its seconds."""
Prepare = Callable[[TrainConfig], TimeStep]
"""Makes ready to run steps under a configuration."""

N_SAMPLES = 2
"""Samples of a step that is timed. Which setting is faster hardly depends on their number."""
LONGEST_S = 20.0
"""Seconds that all trials of a training may take."""
LARGEST_SHARE = 0.02
"""Of the expected training time, that all trials may take."""
_ROUNDS = 3
"""Steps that each choice is given at most; the first warms up."""
_FAR_BEHIND = 3.0
"""A choice that takes this many times the fastest one's seconds is not tried again."""
_SLOW = 2.0
"""bfloat16 is tried where a convolution takes at most this many times as long as in float32."""
_COST_OF_A_CHOICE = 4
"""What trying one takes in steps: its model, a step that warms up, one or two that are timed."""


class Trials:
    """The time that trials may take: `LARGEST_SHARE` of the training's, at most `LONGEST_S`.

    What a training takes is known once a step was timed; its number of steps is known before.
    """

    def __init__(self, n_steps: float, clock: Callable[[], float] = time.perf_counter) -> None:
        """Start the clock.

        Args:
            n_steps: how many steps of two samples the whole training comes to.
            clock: seconds that only go forward.
        """
        self.n_steps = n_steps
        self.clock = clock
        self.started = clock()
        self.fastest = math.inf
        self.is_cut_short = False

    def are_worth(self, n_choices: int) -> bool:
        """Is the training long enough, that trying so many choices is a small share of it?

        Args:
            n_choices: how many.

        Returns:
            False where a step or two of each would be too much already.
        """
        return LARGEST_SHARE * self.n_steps >= _COST_OF_A_CHOICE * n_choices

    def allow(self, seconds: float) -> bool:
        """Is there time for one more step?

        Args:
            seconds: that it is expected to take.

        Returns:
            False where it would end too late.
        """
        limit = LONGEST_S
        if self.fastest < math.inf:
            limit = min(LONGEST_S, LARGEST_SHARE * self.n_steps * self.fastest)
        return self.clock() - self.started + seconds <= limit

    def note(self, seconds: float) -> None:
        """Remember a step that was timed.

        Args:
            seconds: that it took.
        """
        self.fastest = min(self.fastest, seconds)

    @property
    def expected_s(self) -> float:
        """Seconds of a choice that was never tried: as the fastest one; 0 before the first."""
        return self.fastest if self.fastest < math.inf else 0.0


def choose(
    config: TrainConfig, prepare: Prepare, trials: Trials, kept_choice: KeptChoice | None = None
) -> TrainConfig:
    """Settle what was left open, so that a resumed run takes the same.

    Where the training is too short for trials, or their time is over before each choice was timed,
    it is float32 and every core.

    Args:
        config: as it was given; what it fixes is not tried.
        prepare: makes ready to time steps of a training under a configuration.
        trials: the time that there is.
        kept_choice: where an earlier training's choice lies, and this one's will; None: nowhere.

    Returns:
        The configuration with precision, memory format and threads settled.

    Raises:
        RuntimeError: where no choice can be run on this machine.
    """
    n_threads = limit_threads(config)
    if not _is_open(config):
        return config
    chosen = kept_choice.read() if kept_choice is not None else None
    if chosen is None:
        chosen = _try(config, n_threads, prepare, trials)
        if kept_choice is not None and not trials.is_cut_short:
            kept_choice.write(chosen)
    config = config.model_copy(update=chosen)
    # The last trial left its own number set.
    torch.set_num_threads(config.threads)
    return config


def _is_open(config: TrainConfig) -> bool:
    return config.precision == "auto" or not config.threads


def _try(config: TrainConfig, n_threads: int, prepare: Prepare, trials: Trials) -> Choice:
    """The keys that were open; precision before threads."""
    chosen: Choice = {}
    if config.precision == "auto":
        chosen |= _fastest(_precisions(config, trials), config, prepare, trials)
    if not config.threads:
        numbers = sorted({n_threads, max(1, n_threads // 2)}, reverse=True)
        choices: list[Choice] = [{"threads": number} for number in numbers]
        chosen |= _fastest(choices, config.model_copy(update=chosen), prepare, trials)
    return chosen


def _precisions(config: TrainConfig, trials: Trials) -> list[Choice]:
    names = ["32-true"]
    # To ask takes time as well.
    if trials.are_worth(2 * 2) and knows_bfloat16(config):
        names.append("bf16-mixed")
    # The first choice is what is taken where there is no time: as the configuration has it.
    formats = (config.channels_last, not config.channels_last)
    return [{"precision": name, "channels_last": last} for name in names for last in formats]


def what_is_tried(config: TrainConfig, kept_choice: KeptChoice | None = None) -> str:
    """Name what `choose` will time, for people who wait.

    Args:
        config: as it was given.
        kept_choice: where the choice of an earlier training lies.

    Returns:
        A clause that begins with a comma; empty where nothing is open.
    """
    open_keys = {"precision": config.precision == "auto", "threads": not config.threads}
    names = " and ".join(name for name, is_open in open_keys.items() if is_open)
    if not names:
        return ""
    if kept_choice is not None and kept_choice.read() is not None:
        return f", with the {names} that were fastest here before"
    return f", and trying a few steps for the fastest {names}"


def knows_bfloat16(config: TrainConfig) -> bool:
    """Measure whether a convolution, there and back, is about as fast in bfloat16 as in float32.

    It takes a second or so. On a processor without instructions for bfloat16 a training step takes
    ten times as long, and a trial of all settings would take minutes.

    Args:
        config: its `device` is looked at.

    Returns:
        True where bfloat16 is worth a trial; on a GPU always.
    """
    has_gpu = torch.cuda.is_available() or torch.backends.mps.is_available()
    if config.device != "cpu" and has_gpu:
        return True
    convolution = torch.nn.Conv2d(64, 64, 3, padding=1)
    image = torch.zeros(2, 64, 64, 64)
    best = {False: math.inf, True: math.inf}
    for _ in range(_ROUNDS):
        for is_half in best:
            started = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=is_half):
                convolution(image).float().sum().backward()
            best[is_half] = min(best[is_half], time.perf_counter() - started)
    return best[True] <= _SLOW * best[False]


def _fastest(
    choices: list[Choice], config: TrainConfig, prepare: Prepare, trials: Trials
) -> Choice:
    """The first choice, where there is no time to try them."""
    if len(choices) == 1:
        return choices[0]
    if not trials.are_worth(len(choices)):
        trials.is_cut_short = True
        return choices[0]
    return choices[_Contest(choices, config, prepare, trials).winner()]


class _Contest:
    """Choices are timed in turn, so that a busy moment strikes them alike; each one's best counts.

    A choice that this machine has no kernel or no memory for is left out; where none is left, what
    it raised passes. One that is far behind in a round is not tried again (bfloat16 is 10 times
    slower than float32 on a processor that does not know it).
    """

    def __init__(
        self, choices: list[Choice], config: TrainConfig, prepare: Prepare, trials: Trials
    ) -> None:
        self.choices, self.config, self.prepare, self.trials = choices, config, prepare, trials
        self.timers: dict[int, TimeStep] = {}
        self.best = dict.fromkeys(range(len(choices)), math.inf)

    def winner(self) -> int:
        """A round that there is no time to finish does not count."""
        for step in range(_ROUNDS):
            took = self._round(step)
            if took is None:
                # One step of each that was no warm-up is enough to choose by.
                self.trials.is_cut_short |= step < 2
                break
            limit = _FAR_BEHIND * min(took.values())
            # The first round warms up: it may drop a choice, and counts only where it is the last.
            self.best = {
                number: seconds if step < 2 else min(self.best[number], seconds)
                for number, seconds in took.items()
                if seconds <= limit
            }
            # A choice that is out gives back the memory of its model.
            self.timers = {number: self.timers[number] for number in self.best}
        return min(self.best, key=self.best.__getitem__)

    def _round(self, step: int) -> dict[int, float] | None:
        """One step of each choice that is left; None where the time is over before the last."""
        took: dict[int, float] = {}
        for number, seconds in self.best.items():
            expected = seconds if seconds < math.inf else self.trials.expected_s
            if not self.trials.allow(expected):
                return None
            try:
                took[number] = self._timed(number, step)
            except RuntimeError:
                # None of them ran, so there is nothing to fall back on.
                if not took and number == max(self.best):
                    raise
        return took

    def _timed(self, number: int, step: int) -> float:
        # To build a model may already take too much memory.
        if number not in self.timers:
            train = self.config.model_copy(update=self.choices[number])
            self.timers[number] = self.prepare(train)
        seconds = self.timers[number](step)
        self.trials.note(seconds)
        return seconds
