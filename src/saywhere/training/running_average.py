"""A running average of the weights, which is validated and kept in their place."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim.swa_utils import PARAM_LIST, AveragedModel


class RunningAverage:
    """An exponential moving average over the steps of a training.

    It swings less than the weights themselves, and often generalises better (Polyak and Juditsky
    1992, doi:10.1137/0330046; Izmailov et al. 2018, arXiv 1803.05407). Statistics of norms are
    averaged like weights. The decay grows towards its value, as (1 + n) / (10 + n) after n steps:
    else the first weights, which know nothing, would stay in a short training's average.

    Attributes:
        module: with the averaged weights; those of the model that it was made from, until the
            first step.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        """Copy a model; the training goes on with its own weights.

        Args:
            model: that is trained.
            decay: share of the average that stays in a step, in (0, 1).
        """
        self._decay = decay
        self._averaged = AveragedModel(model, multi_avg_fn=self._towards, use_buffers=True)
        self.module: nn.Module = self._averaged.module

    def follow(self, model: nn.Module) -> None:
        """Take a step's weights in.

        Args:
            model: after the step. The first one's weights are copied.
        """
        self._averaged.update_parameters(model)

    def go_on(self, n_steps: int) -> None:
        """Go on from weights that were put into `module`.

        Args:
            n_steps: that they are an average of.
        """
        self._averaged.n_averaged.fill_(n_steps)

    @torch.no_grad()
    def _towards(self, averaged: PARAM_LIST, current: PARAM_LIST, _: object) -> None:
        """Change the average in place; the tensors of one call are of one type and device."""
        if not averaged[0].is_floating_point():
            # Counts of batches, and the like: there is nothing between two of them.
            torch._foreach_copy_(averaged, current)
            return
        # Counted on the processor: what torch hands over is on the device, and would be waited for.
        n = int(self._averaged.n_averaged)
        torch._foreach_lerp_(averaged, current, 1 - min(self._decay, (1 + n) / (10 + n)))
