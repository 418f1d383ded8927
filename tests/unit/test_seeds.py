"""Randomness is a function of (seed, purpose, key): nothing to save, nothing to restore."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy import stats

from saywhere import seeds

CODE = """
from saywhere import seeds
print(seeds.generator(3, "geometry", 17, 5).random(4).tolist())
print(seeds.order(9, 3, 2).tolist())
print(seeds.torch_generator(3, "noise", 1).initial_seed())
"""


def test_equal_keys_give_equal_numbers_in_another_process(
    capsys: pytest.CaptureFixture[str],
) -> None:
    exec(CODE, {})
    other = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert capsys.readouterr().out == other.stdout


def test_any_other_key_gives_other_numbers() -> None:
    keys = [(0, "a", 0, 0), (1, "a", 0, 0), (0, "b", 0, 0), (0, "a", 1, 0), (0, "a", 0, 1)]
    firsts = {seeds.generator(seed, purpose, *key).random() for seed, purpose, *key in keys}
    assert len(firsts) == len(keys)


def test_an_order_is_a_permutation_that_changes_with_the_epoch() -> None:
    orders = [seeds.order(50, 0, epoch) for epoch in range(3)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert not np.array_equal(orders[0], orders[1])
    assert np.array_equal(orders[1], seeds.order(50, 0, 1))


def test_neighbouring_keys_are_independent_and_uniform() -> None:
    draws = np.empty((40, 40))
    for step, sample in np.ndindex(draws.shape):
        draws[step, sample] = seeds.generator(0, "geometry", step, sample).random()
    assert stats.kstest(draws.ravel(), "uniform").pvalue > 1e-3
    assert abs(stats.pearsonr(draws[:, :-1].ravel(), draws[:, 1:].ravel()).statistic) < 0.08
    assert abs(stats.pearsonr(draws[:-1].ravel(), draws[1:].ravel()).statistic) < 0.08


def global_numpy_state() -> np.ndarray:
    state = np.random.get_state(legacy=False)  # noqa: NPY002
    return state["state"]["key"].copy()  # type: ignore[index,call-overload]


def test_drawing_leaves_the_global_states_alone() -> None:
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    before_torch = torch.get_rng_state()
    before_numpy = global_numpy_state()
    seeds.generator(0, "a").random(3)
    torch.randn(3, generator=seeds.torch_generator(0, "a"))
    seeds.order(9, 0, 0)
    assert torch.equal(before_torch, torch.get_rng_state())
    assert np.array_equal(before_numpy, global_numpy_state())


@pytest.mark.parametrize("seed", [0, 7])
def test_seeded_weights_are_equal_for_equal_seeds_only(seed: int) -> None:
    def weight(of: int) -> torch.Tensor:
        seeds.seed_weights(of)
        return torch.nn.Linear(3, 3).weight

    assert torch.equal(weight(seed), weight(seed))
    assert not torch.equal(weight(seed), weight(seed + 1))
