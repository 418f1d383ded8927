"""Where a training stands: what its callbacks are shown, and what a checkpoint holds beside weights."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from saywhere.config import Config
from saywhere.data.sampler import TrainingSet
from saywhere.modeling.model import Model
from saywhere.runs.directory import Run
from saywhere.training.setup import Material

Listener = Callable[[dict[str, Any]], None]
"""Told what happens: {"event": "stage" (what is made ready) | "start" | "step" | "epoch" | "warning" | "end", …}."""


@dataclass
class Progress:
    """Where a training stands: all there is to resume, beside weights and moments."""

    step: int = 0
    best: float = -math.inf
    sums: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    history: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class TrainState:
    """One training as its callbacks see it."""

    config: Config
    material: Material
    run: Run
    device: torch.device
    model: Model
    n_steps: int
    """of the whole training"""
    listen: Listener
    progress: Progress = field(default_factory=Progress)
    started: float = field(default_factory=time.monotonic)
    """of this sitting, seconds of a clock that only goes forward"""

    @property
    def training(self) -> TrainingSet:
        """The training rows as batches."""
        return self.material.training
