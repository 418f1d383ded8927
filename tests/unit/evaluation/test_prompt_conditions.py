"""The same images, other words."""

from __future__ import annotations

from pathlib import Path

import pytest

from saywhere.config import Config
from saywhere.data.manifest import read_manifest
from saywhere.data.manifest_row import Row
from saywhere.errors import ConfigError
from saywhere.evaluation.prompt_conditions import PromptLevels, conditions_of, prompts_for

LEVELS = PromptLevels("prompt", None)
WITH_UNSEEN = PromptLevels("prompt", "later")
USUAL = Config().evaluate.words


def rows(*prompts: str) -> list[Row]:
    return [
        Row(
            id=str(i),
            image=Path("a.png"),
            prompts={"prompt": (prompt,), "later": (f"new {prompt}",)},
        )
        for i, prompt in enumerate(prompts)
    ]


def test_shuffled_words_are_never_the_images_own(config: Config, manifest: Path) -> None:
    test = read_manifest(manifest).split("train")
    levels = PromptLevels(config.evaluation_level, None)
    right, other = (prompts_for(kind, test, levels, seed=0) for kind in ("right", "shuffled"))
    assert None not in other
    assert all(a != b for a, b in zip(right, other))
    assert set(other) <= set(right)


def test_where_all_say_the_same_nothing_can_be_shuffled() -> None:
    assert prompts_for("shuffled", rows(*["polyp"] * 3), LEVELS, seed=0) == [None] * 3


def test_contradictory_words_exclude_what_names_no_side() -> None:
    found = prompts_for(
        "contradictory",
        rows("upper left polyp", "one polyp in the centre", "lower right and upper left"),
        LEVELS,
        seed=0,
    )
    assert found == ["lower right polyp", None, None]


def test_empty_and_unseen_are_the_blank_and_the_other_level() -> None:
    assert prompts_for("empty", rows("a", "b"), WITH_UNSEEN, seed=0) == ["", ""]
    assert prompts_for("unseen", rows("a", "b"), WITH_UNSEEN, seed=0) == ["new a", "new b"]


def test_an_image_only_model_is_asked_once() -> None:
    assert conditions_of(PromptLevels(None, "later"), USUAL) == ["right"]


def test_right_is_always_asked_and_unseen_where_the_manifest_has_it() -> None:
    assert conditions_of(LEVELS, USUAL) == ["right", "empty", "shuffled", "contradictory"]
    assert conditions_of(WITH_UNSEEN, USUAL)[-1] == "unseen"
    assert conditions_of(LEVELS, USUAL, ["empty"]) == ["right", "empty"]


def test_words_that_do_not_exist_are_refused_before_anything_is_measured() -> None:
    with pytest.raises(
        ConfigError,
        match=r"no prompt condition 'shufled' in evaluate\.words: did you mean 'shuffled'\?",
    ):
        conditions_of(LEVELS, USUAL, ["right", "shufled"])
    with pytest.raises(ConfigError, match=r"prompts 'unseen', and text\.unseen_prompts is not set"):
        conditions_of(LEVELS, USUAL, ["unseen"])
