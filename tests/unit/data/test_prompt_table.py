from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from saywhere.data.manifest_row import Row, texts_of
from saywhere.data.prompt_table import PromptTable, embed, groups_of_meaning, wordless
from saywhere.errors import ConfigError
from saywhere.text.cache import EmbeddingCache


class Lengths:
    """An encoder whose vector is the prompt's length."""

    name = "lengths"
    dim = 2
    revision = "a"
    pooling = "mean"
    max_length = 16

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def embed(self, prompts: Sequence[str]) -> np.ndarray:
        self.embedded += prompts
        return np.array([[len(prompt), 1] for prompt in prompts], np.float32)

    def count_tokens(self, prompt: str) -> int:
        return 2


def row(number: int = 1, **prompts: tuple[str, ...]) -> Row:
    return Row(f"case {number}", Path("image.png"), prompts=prompts)


def table_of(*prompts: str) -> PromptTable:
    return PromptTable(
        list(prompts),
        torch.zeros(len(prompts), 1),
        {prompt: number for number, prompt in enumerate(prompts)},
    )


def test_each_distinct_prompt_is_embedded_once_and_found_by_its_number(tmp_path: Path) -> None:
    encoder = Lengths()
    table = embed(["left", "upper", "left", ""], EmbeddingCache(encoder, tmp_path))
    assert sorted(encoder.embedded) == ["", "left", "upper"]
    assert table.embeddings[table.numbers(["upper", "", "left", "left"])].tolist() == [
        [5, 1],
        [0, 1],
        [4, 1],
        [4, 1],
    ]


def test_an_image_only_model_has_one_blank_prompt() -> None:
    assert wordless().numbers(["", ""]).tolist() == [0, 0]
    assert wordless().embeddings.shape == (1, 1)


def test_a_level_that_is_not_there_gets_the_nearest_name() -> None:
    with pytest.raises(
        ConfigError,
        match=r"no prompts 'p10' in row 'case 1' in text\.train_prompts: did you mean 'p1'\?",
    ):
        texts_of(row(p1=("left",), other=("x",)), "p10")
    with pytest.raises(ConfigError, match=r"in text\.evaluate_prompts: add prompts"):
        texts_of(row(), "p1", "text.evaluate_prompts")


def test_a_level_without_a_text_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"list of prompts 'p9' in row 'case 1' is empty"):
        texts_of(row(p9=()), "p9")


def test_a_rows_sentences_share_a_group_where_they_name_the_same_places() -> None:
    table = table_of(
        "polyp", "round polyp, top left", "a bump at the top left", "round polyp, bottom", "another"
    )
    first = row(p9=("a bump at the top left",), p6=("round polyp, top left",), p1=("polyp",))
    groups = groups_of_meaning(
        [first, row(2, p6=("round polyp, bottom",))], ["p9", "p6", "p1"], table
    )
    of = dict(zip(table.prompts, groups))
    assert of["round polyp, top left"] == of["a bump at the top left"]
    assert len(set(groups.tolist())) == 4


def test_a_group_once_made_is_not_torn_by_a_later_row() -> None:
    """The shared prompt comes second in the later row; it used to leave its first row's group."""
    table = table_of("a", "b", "c")
    groups = groups_of_meaning([row(p9=("a", "b")), row(2, p9=("c", "a"))], ["p9"], table)
    assert groups[0] == groups[1] != groups[2]


def test_shared_prompts_do_not_chain_everything_into_one_group() -> None:
    names = [f"{number:02}" for number in range(20)]
    rows = [row(number, p9=(names[number], names[number + 1])) for number in range(19)]
    assert len(set(groups_of_meaning(rows, ["p9"], table_of(*names)).tolist())) > 5


def test_levels_that_are_not_drawn_from_and_prompts_of_no_table_are_left_out() -> None:
    groups = groups_of_meaning(
        [row(p9=("a", "unknown"), p1=("a", "b"))], ["p9"], table_of("a", "b")
    )
    assert groups[0] != groups[1]


def test_versions_of_a_sentence_mean_what_it_means() -> None:
    table = table_of("a polyp, left", "polyp, left", "right")
    groups = groups_of_meaning(
        [row(p9=("a polyp, left",))], ["p9"], table, lambda text: (text, text.removeprefix("a "))
    )
    assert (
        groups[table.number["a polyp, left"]]
        == groups[table.number["polyp, left"]]
        != groups[table.number["right"]]
    )
