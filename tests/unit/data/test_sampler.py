"""The order of rows is a function of (seed, step), for the training and for a DataLoader."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from saywhere import seeds
from saywhere.data.dataset import Dataset
from saywhere.data.sampler import Sampler
from saywhere.datasets.synthetic import make_phantoms


def test_batches_are_cut_from_permutations_one_after_the_other() -> None:
    sampler = Sampler(5, 3, seed=4)
    expected = [int(row) for epoch in range(3) for row in seeds.order(5, 4, epoch)]
    visited = [row for step in range(5) for row in sampler.visits(step)]
    assert visited == expected


def test_a_step_can_be_asked_for_in_any_order() -> None:
    sampler = Sampler(7, 4, seed=0)
    late = sampler.visits(90)
    assert sampler.visits(2) == Sampler(7, 4, seed=0).visits(2)
    assert sampler.visits(90) == late


def test_an_epoch_goes_on_where_the_one_before_it_ended() -> None:
    sampler = Sampler(10, 4, seed=1)
    batches = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        batches += list(sampler)
    assert len(sampler) == 2
    assert batches == [sampler.visits(step) for step in range(6)]


@pytest.mark.parametrize(("steps", "expected"), [(None, 2), (0, 2), (7, 7)])
def test_steps_of_an_epoch(steps: int | None, expected: int) -> None:
    assert len(Sampler(10, 4, seed=0, steps_per_epoch=steps)) == expected


def test_without_a_seed_each_row_comes_once_in_order() -> None:
    assert list(Sampler(7, 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert len(Sampler(7, 3)) == 3
    assert list(Sampler(0, 3)) == []


def test_a_data_loader_takes_it(tmp_path: Path) -> None:
    manifest = make_phantoms(tmp_path, n_train=3, n_val=0, n_test=0, size=32)
    cases = Dataset(manifest, prompts="plain", size=32, channels=1)
    sampler = Sampler(len(cases), 4, seed=2)
    batches = list(DataLoader(cases, batch_sampler=sampler))
    assert len(batches) == len(sampler)
    for batch, rows in zip(batches, sampler):
        assert batch["id"] == [cases.rows[row].id for row in rows]
        images, masks = cases.pixels(rows)
        assert torch.equal(batch["image"], images.float() / 255)
        assert torch.equal(batch["mask"], masks.float())
