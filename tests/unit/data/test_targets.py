"""Several sets in one training: each row says what its mask shows, and what its image may show."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from saywhere.config import Config
from saywhere.data import absences, halves, mosaic
from saywhere.data.dataset import Dataset
from saywhere.data.decoded_cache import Store
from saywhere.data.manifest_row import Row
from saywhere.data.prompt_table import PromptTable
from saywhere.data.targets import Target, may_lie, target_of, turns_of
from saywhere.data.training_prompts import TrainingPrompts
from saywhere.data.training_set import TrainingSet
from saywhere.errors import ConfigError

SIZE = 32
COLUMN = {"data.target_column": "shows", "data.size": SIZE, "train.batch_size": 8}
# (image, what its mask shows, what it may show unmarked, its halves' name, marked rows of pixels)
CASES = [
    ("a", ["polyp", "growth"], [], "", 3),
    ("b", ["polyp", "growth"], [], "", 5),
    ("c", "infection, opacity", ["left lung"], "lung", 7),
    ("d", "left lung", ["infection", "right lung"], "", 9),
    ("d", "right lung", ["infection", "left lung"], "", 11),
    ("e", "tumor", [], "", 13),
    ("f", "tumor", [], "", 0),
]


def rows() -> list[Row]:
    return [
        Row(
            f"case {i}",
            Path(f"{image}.png"),
            prompts={"prompt": (f"{image} {i}",)},
            extra={"shows": shows, "unmarked": unmarked, "half": half},
        )
        for i, (image, shows, unmarked, half, _) in enumerate(CASES)
    ]


def training_set(**changes: Any) -> TrainingSet:
    """Mask i has as many marked rows of pixels as its case says."""
    config = Config().replace(**{**COLUMN, **changes})
    masks = torch.zeros(len(CASES), 1, SIZE, SIZE, dtype=torch.uint8)
    for i, (*_, n_rows) in enumerate(CASES):
        masks[i, :, :n_rows] = 1
    sentences = TrainingPrompts(config.training_levels, config.data, config.text)
    prompts = sorted({*sentences.every(rows()), ""})
    table = PromptTable(
        prompts,
        torch.arange(len(prompts), dtype=torch.float32)[:, None],
        {prompt: number for number, prompt in enumerate(prompts)},
    )
    images = torch.zeros(len(CASES), 3, SIZE, SIZE, dtype=torch.uint8)
    decoded = Store(images, masks, np.arange(len(CASES)))
    dataset = Dataset.of_rows(rows(), size=SIZE, decoded=decoded)
    return TrainingSet(sentences, config.train, dataset, table)


def drawn(training: TrainingSet, n_steps: int) -> list[tuple[int, str, int]]:
    """(row, prompt, marked rows of pixels) of every sample."""
    found = []
    for step in range(n_steps):
        batch = training.batch(step)
        marked = (batch.mask.sum((1, 2, 3)) / SIZE).tolist()
        found += list(zip(batch.rows, batch.prompts, map(int, marked)))
    return found


def test_a_row_names_its_own_target_or_the_configuration_does() -> None:
    data = Config().replace(**COLUMN).data
    first, _, third, *_ = rows()
    assert target_of(first, data) == Target(("polyp", "growth"), "", frozenset())
    assert target_of(third, data) == Target(
        ("infection", "opacity"), "lung", frozenset({"left lung"})
    )
    plain = Config().replace(**{"data.target": "mole", "data.also_called": ["spot"]}).data
    assert target_of(first, plain) == Target(("mole", "spot"), "half", frozenset())


@pytest.mark.parametrize("cell", ["", " , ", None, 4, [1]])
def test_a_row_without_a_noun_is_named(cell: Any) -> None:
    data = Config().replace(**COLUMN).data
    row = Row("case 7", Path("a.png"), extra={} if cell is None else {"shows": cell})
    with pytest.raises(ConfigError, match=r"shows.*case 7.*write what the row's mask shows"):
        target_of(row, data)


def test_what_may_lie_in_an_image_is_no_foreign_target() -> None:
    polyp, *_, infection, left, right, tumor, _ = [
        target_of(row, Config().replace(**COLUMN).data) for row in rows()
    ]
    assert may_lie(left, infection)
    assert may_lie(infection, right)
    assert not may_lie(right, infection)
    assert not may_lie(tumor, polyp)
    assert may_lie(polyp, polyp)


def test_foreign_words_are_another_targets_and_their_mask_is_empty() -> None:
    training = training_set(**{"data.foreign": 1.0})
    for row, prompt, marked in drawn(training, 60):
        lender = int(prompt.split()[-1])
        assert marked == 0
        assert not may_lie(training.targets[lender], training.targets[row])
    lenders = Counter(CASES[int(p.split()[-1])][0] for row, p, _ in drawn(training, 60) if row == 0)
    assert set(lenders) == {"c", "d", "e", "f"}


def test_listed_targets_and_other_rows_lend_half_each() -> None:
    training = training_set(**{"data.foreign": 1.0, "data.foreign_targets": ["kidney"]})
    kidneys = set(absences.foreign("kidney"))
    share = np.mean([prompt in kidneys for _, prompt, _ in drawn(training, 100)])
    assert share == pytest.approx(0.5, abs=0.06)


def test_denials_name_the_rows_own_target() -> None:
    training = training_set(**{"data.denied": 1.0})
    for row, prompt, marked in drawn(training, 40):
        assert marked == 0
        assert prompt in absences.denials(training.targets[row].nouns)


def test_a_mosaics_sentence_names_what_its_tile_shows() -> None:
    training = training_set(**{"data.mosaic": 1.0})
    every = {i: set[str]() for i in range(len(CASES))}
    for i, target in enumerate(training.targets):
        for tile in range(4):
            every[i] |= set(mosaic.wordings(target.name, tile, 2, target.nouns[1:]))
    assert all(prompt in every[row] for row, prompt, _ in drawn(training, 40))


def test_halves_are_asked_for_only_where_the_row_names_them() -> None:
    training = training_set(**{"data.half": 1.0})
    of_lungs = {
        t for s in halves.SIDES for t in halves.wordings("infection", s, "lung", ("opacity",))
    }
    is_half = {row: prompt in of_lungs for row, prompt, _ in drawn(training, 40)}
    assert is_half == {row: row == 2 for row in range(len(CASES))}


def test_a_blank_prompt_is_not_given_where_it_could_mean_two_targets() -> None:
    training = training_set(**{"text.blank": 1.0})
    blank = {row: prompt == "" for row, prompt, _ in drawn(training, 40)}
    assert blank == {row: row not in (3, 4) for row in range(len(CASES))}


def test_an_empty_image_borrows_from_its_own_target() -> None:
    training = training_set(**{"data.borrowed": 1.0})
    prompts = {prompt for row, prompt, _ in drawn(training, 40) if row == 6}
    assert prompts == {"e 5"}


def test_shares_say_how_often_a_target_comes() -> None:
    shares = {"polyp": 3, "infection": 2}
    training = training_set(**{"data.shares": shares})
    # A cycle: 3 polyps, 2 infections, and one of each of the three others.
    visits = [row for step in range(8 * 3) for row in training.sampler.visits(step)]
    counts = Counter(training.targets[row].name for row in visits)
    assert counts == {"polyp": 72, "infection": 48, "left lung": 24, "right lung": 24, "tumor": 24}
    for cycle in range(24):
        names = Counter(training.targets[row].name for row in visits[cycle * 8 :][:8])
        assert names["polyp"] == 3
    # Each row of a target as often as the others: a turn goes on from permutation to permutation.
    assert abs(visits.count(0) - visits.count(1)) <= 3
    assert visits.count(5) == visits.count(6) == 12


def test_mosaics_draw_their_tiles_by_shares() -> None:
    training = training_set(**{"data.shares": {"polyp": 20}})
    chosen = training.sampler.any(np.random.default_rng(0), 2000)
    assert np.isin(chosen, (0, 1)).mean() == pytest.approx(20 / 24, abs=0.03)


def test_a_share_of_an_unknown_target_lists_the_known_ones() -> None:
    data = Config().replace(**{**COLUMN, "data.shares": {"kidney": 2}}).data
    targets = [target_of(row, data) for row in rows()]
    with pytest.raises(ConfigError, match=r"kidney.*polyp, infection, left lung"):
        turns_of(targets, data)


def test_shares_without_a_column_are_refused() -> None:
    with pytest.raises((ConfigError, ValidationError), match=r"data\.target_column"):
        Config().replace(**{"data.shares": {"polyp": 2}})
