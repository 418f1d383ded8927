"""Samples are a function of (seed, step), with a prompt that fits the mask.

Neither decoder nor encoder is called.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from saywhere.config import Config
from saywhere.data import absences, halves, mosaic
from saywhere.data.dataset import Dataset
from saywhere.data.decoded_cache import Store
from saywhere.data.manifest_row import Row
from saywhere.data.prompt_table import PromptTable
from saywhere.data.training_prompts import TrainingPrompts
from saywhere.data.training_set import Batch, TrainingSet
from saywhere.errors import ConfigError
from saywhere.text.directions import contradict

N = 10
SIZE = 32
PLACES = ["upper left", "upper right", "lower left", "lower right", "centre"]


def rows() -> list[Row]:
    return [
        Row(
            f"case {i}",
            Path(f"{i // 2}.png"),
            prompts={
                "prompt": (f"polyp {i}, {PLACES[i % 5]}",),
                "p9": (f"one {i}", f"uno {i}", f"ein {i}"),
                "p0": ("",),
            },
        )
        for i in range(N)
    ]


def training_set(**changes: Any) -> TrainingSet:
    """Image j is filled with j, mask i has i + 1 pixels: a batch tells where it came from."""
    config = Config().replace(**{"data.size": SIZE, "train.batch_size": 4, **changes})
    images = (
        torch.arange(N // 2, dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 3, SIZE, SIZE) * 10
    )
    masks = torch.zeros(N, 1, SIZE * SIZE, dtype=torch.uint8)
    for i in range(N):
        masks[i, 0, : i + 1] = 1
    sentences = TrainingPrompts(config.training_levels, config.data, config.text)
    prompts = sorted({*sentences.every(rows()), ""})
    table = PromptTable(
        prompts,
        torch.arange(len(prompts), dtype=torch.float32)[:, None],
        {prompt: number for number, prompt in enumerate(prompts)},
    )
    decoded = Store(images, masks.reshape(N, 1, SIZE, SIZE), np.arange(N) // 2)
    dataset = Dataset.of_rows(rows(), size=SIZE, decoded=decoded)
    return TrainingSet(sentences, config.train, dataset, table)


def prompts_of(training: TrainingSet, batch: Batch) -> list[str]:
    return [training.table.prompts[int(number)] for number in batch.embedding[:, 0]]


def test_a_sample_is_its_rows_image_mask_and_prompt() -> None:
    training = training_set()
    batch = training.batch(3)
    assert (batch.image.dtype, batch.mask.dtype) == (torch.float32, torch.float32)
    assert batch.image.max() <= 1
    np.testing.assert_allclose(
        batch.image[:, 0, 0, 0].numpy(),
        np.array([row // 2 for row in batch.rows]) * 10 / 255,
        rtol=1e-6,
    )
    assert batch.mask.sum((1, 2, 3)).tolist() == [row + 1 for row in batch.rows]
    assert prompts_of(training, batch) == [
        training.rows[row].prompts["prompt"][0] for row in batch.rows
    ]


def test_every_row_comes_once_before_any_comes_again() -> None:
    training = training_set()
    visited = [row for step in range(10) for row in training.sampler.visits(step)]
    for epoch in range(4):
        assert sorted(visited[epoch * N : (epoch + 1) * N]) == list(range(N))
    assert visited[:N] != visited[N : 2 * N]


def test_a_step_does_not_depend_on_the_steps_before_it() -> None:
    changes = {"data.mosaic": 0.3, "text.blank": 0.2}
    straight = training_set(**changes)
    jumped = training_set(**changes)
    for step in range(7):
        straight.batch(step)
    for a, b in zip(vars(straight.batch(7)).values(), vars(jumped.batch(7)).values()):
        assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


def test_another_process_makes_the_same_batch() -> None:
    code = (
        "import sys; sys.path[:0] = [r'{}']; from test_training_set import *; "
        "b = training_set(**{{'data.mosaic': 0.5}}).batch(5); "
        "print(b.rows, b.image.sum().item(), b.embedding.tolist())"
    )
    there = subprocess.run(
        [sys.executable, "-c", code.format(Path(__file__).parent)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    batch = training_set(**{"data.mosaic": 0.5}).batch(5)
    assert there.strip() == f"{batch.rows} {batch.image.sum().item()} {batch.embedding.tolist()}"


def test_another_seed_is_another_order() -> None:
    assert training_set().sampler.visits(0) != training_set(**{"train.seed": 1}).sampler.visits(0)


def test_paraphrases_are_drawn_evenly_over_levels_and_texts() -> None:
    training = training_set(**{"text.train_prompts": ["p9", "prompt"]})
    counts = Counter[str]()
    for step in range(400):
        counts.update(text.split()[0] for text in prompts_of(training, training.batch(step)))
    assert counts["polyp"] / 1600 == pytest.approx(1 / 2, abs=0.05)
    for first in ("one", "uno", "ein"):
        assert counts[first] / 1600 == pytest.approx(1 / 6, abs=0.04)


def test_the_configured_share_is_blank() -> None:
    training = training_set(**{"text.blank": 0.3})
    blank = [
        text == "" for step in range(300) for text in prompts_of(training, training.batch(step))
    ]
    assert np.mean(blank) == pytest.approx(0.3, abs=0.04)


def test_absent_words_contradict_and_their_target_is_empty() -> None:
    training = training_set(**{"data.absent": 0.4})
    n_absent = 0
    for step in range(100):
        batch = training.batch(step)
        for row, text, area in zip(
            batch.rows, prompts_of(training, batch), batch.mask.sum((1, 2, 3)).tolist()
        ):
            right = training.rows[row].prompts["prompt"][0]
            assert (text, area) in [(right, row + 1), (contradict(right), 0)]
            n_absent += area == 0
    assert n_absent / 400 == pytest.approx(0.4 * 4 / 5, abs=0.06)  # "centre" has no contradiction


def test_mosaics_name_the_tile_in_which_the_mask_is() -> None:
    training = training_set(**{"data.mosaic": 1.0, "data.target": "polyp"})
    half = SIZE // 2
    tiles = Counter[int]()
    for step in range(20):
        batch = training.batch(step)
        for row, text, image, mask in zip(
            batch.rows, prompts_of(training, batch), batch.image, batch.mask
        ):
            quarters = [
                mask[0, y : y + half, x : x + half].sum().item()
                for y in (0, half)
                for x in (0, half)
            ]
            (number,) = [number for number in range(4) if text in mosaic.wordings("polyp", number)]
            assert quarters[number] == sum(quarters) > 0
            row_of_tile, column = divmod(number, 2)
            y = row_of_tile * half
            x = column * half
            assert image[0, y + 1, x + 1].item() == pytest.approx(row // 2 * 10 / 255)
            tiles[number] += 1
    assert min(tiles.values()) > 8


def test_nine_images_and_the_words_that_name_one() -> None:
    training = training_set(**{"data.mosaic": 1.0, "data.mosaic_side": 3, "data.target": "polyp"})
    cuts = [round(i * SIZE / 3) for i in range(4)]
    tiles = Counter[int]()
    for step in range(30):
        batch = training.batch(step)
        for text, mask in zip(prompts_of(training, batch), batch.mask):
            (number,) = [
                number for number in range(9) if text in mosaic.wordings("polyp", number, 3)
            ]
            row, column = divmod(number, 3)
            assert (
                mask.sum()
                == mask[0, cuts[row] : cuts[row + 1], cuts[column] : cuts[column + 1]].sum()
            )
            tiles[number] += 1
    assert min(tiles.values()) > 3


def test_an_image_only_set_says_nothing() -> None:
    training = training_set(**{"fusion.name": "none", "data.mosaic": 0.5})
    assert training.prompts.levels == ()
    assert {text for step in range(20) for text in prompts_of(training, training.batch(step))} == {
        ""
    }


def test_training_prompts_hold_everything_that_a_sample_can_say() -> None:
    changes: dict[str, Any] = {
        "data.absent": 0.3,
        "data.mosaic": 0.3,
        "text.blank": 0.2,
        "text.train_prompts": ["p9", "prompt", "p0"],
    }
    training = training_set(**changes)
    prompts = set(training.prompts.every(training.rows))
    spoken = {text for step in range(300) for text in prompts_of(training, training.batch(step))}
    assert spoken <= prompts
    assert {"", "one 3", "polyp 0, lower right"} <= spoken


def test_steps_of_an_epoch_are_the_rows_by_the_batch_size_or_as_configured() -> None:
    assert training_set().steps_per_epoch == 2
    assert training_set(**{"train.steps_per_epoch": 7}).steps_per_epoch == 7
    assert training_set(**{"train.batch_size": 64}).steps_per_epoch == 1


def test_a_batch_larger_than_the_set_goes_round() -> None:
    assert len(training_set(**{"train.batch_size": 25}).batch(0).rows) == 25


def test_a_level_that_no_row_has_is_refused_before_the_first_step() -> None:
    with pytest.raises(ConfigError, match=r"no prompts 'p7'.*did you mean 'p9'"):
        training_set(**{"text.train_prompts": "p7"})


def test_versions_are_drawn_as_often_as_the_sentence_itself() -> None:
    training = training_set(**{"text.variants": 3})
    row = training.rows[0]
    chosen = training.prompts.versions(row.prompts["prompt"][0])
    assert len(chosen) >= 2
    heard = [
        prompt
        for step in range(400)
        for prompt, visited in zip(training.batch(step).prompts, training.batch(step).rows)
        if visited == 0
    ]
    counts = Counter(heard)
    assert set(counts) == set(chosen)
    assert max(counts.values()) < 2 * min(counts.values())


def test_a_sample_of_a_half_means_what_lies_there_and_is_told_in_the_halves_own_words() -> None:
    training = training_set(
        **{"data.half": 1.0, "data.target": "infection", "data.half_name": "lung"}
    )
    sides = Counter[str]()
    for step in range(10):
        batch = training.batch(step)
        for mask, text, row in zip(batch.mask, prompts_of(training, batch), batch.rows):
            side = next(
                side for side in halves.SIDES if text in halves.wordings("infection", side, "lung")
            )
            sides[side] += 1
            assert torch.equal(mask, halves.cut(training.dataset.pixels(row)[1], side).float())
    assert min(sides.values()) > 5


def test_other_nouns_for_the_target_are_taught_and_the_first_names_it_still() -> None:
    plain = training_set(**{"data.mosaic": 0.5, "data.half": 0.5, "data.target": "polyp"})
    training = training_set(
        **{
            "data.mosaic": 0.5,
            "data.half": 0.5,
            "data.target": "polyp",
            "data.also_called": ["lesion", "suspicious region"],
        }
    )
    heard = [text for step in range(40) for text in prompts_of(training, training.batch(step))]
    for noun in ("polyp", "lesion", "suspicious region"):
        assert sum(noun in text for text in heard) > 20, noun
    without = [text for step in range(10) for text in prompts_of(plain, plain.batch(step))]
    for noun in ("lesion", "suspicious"):
        assert not any(noun in text for text in without), noun
    assert mosaic.wordings("polyp", 0) == tuple(
        text for text in mosaic.wordings("polyp", 0, 2, ("lesion",)) if "lesion" not in text
    )


def test_a_denial_or_another_organs_words_have_an_empty_target() -> None:
    foreign = ["kidney", "optic disc"]
    training = training_set(
        **{
            "data.denied": 0.3,
            "data.foreign": 0.3,
            "data.foreign_targets": foreign,
            "data.target": "polyp",
        }
    )
    denials = set(absences.denials(("polyp",)))
    others = {text for noun in foreign for text in absences.foreign(noun)}
    kinds = {"denied": denials, "foreign": others}
    counts = Counter[str]()
    for step in range(100):
        batch = training.batch(step)
        areas = batch.mask.sum((1, 2, 3)).tolist()
        for row, text, area in zip(batch.rows, prompts_of(training, batch), areas):
            kind = next((name for name, texts in kinds.items() if text in texts), "own")
            assert (area == 0) == (kind != "own")
            assert kind != "own" or text == training.rows[row].prompts["prompt"][0]
            counts[kind] += 1
    assert counts["denied"] / 400 == pytest.approx(0.3, abs=0.06)
    assert counts["foreign"] / 400 == pytest.approx(0.7 * 0.3, abs=0.06)


def test_an_image_without_a_target_borrows_a_prompt_and_keeps_its_empty_mask() -> None:
    training = training_set(**{"data.borrowed": 0.5})
    empty = 3
    training.dataset.decoded.masks[empty] = 0
    n_borrowed = 0
    n_own = 0
    for step in range(100):
        batch = training.batch(step)
        for row, text, mask in zip(batch.rows, prompts_of(training, batch), batch.mask):
            own = training.rows[row].prompts["prompt"][0]
            if row == empty:
                assert mask.sum() == 0
                n_borrowed += text != own
                n_own += text == own
            else:
                assert text == own
                assert mask.sum() == row + 1
    assert n_borrowed / (n_borrowed + n_own) == pytest.approx(0.5, abs=0.2)


def test_samples_stay_what_they_were_where_no_absence_is_wanted() -> None:
    before = training_set(**{"data.absent": 0.4})
    after = training_set(**{"data.absent": 0.4, "data.foreign_targets": ["kidney"]})
    for step in range(20):
        one = before.batch(step)
        other = after.batch(step)
        assert one.prompts == other.prompts
        assert torch.equal(one.mask, other.mask)


def test_words_of_another_organ_without_any_organ_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"data\.foreign_targets"):
        Config().replace(**{"data.foreign": 0.1})
