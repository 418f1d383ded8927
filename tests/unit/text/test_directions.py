from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saywhere.text.directions import CENTRES, OPPOSITES, contradict, count_positions, turn

DATA = Path("../shared/data")
SIDES = sorted(OPPOSITES)
canonical_words = st.sampled_from(
    [form(word) for word in SIDES for form in (str.lower, str.upper, str.capitalize)]
)
# These name no side, though some hold the letters of a word that does.
OTHER_WORDS = "a Polyp one and center bilateral image, lung. light brighter cleft stop 病変 🫁"
other_words = st.sampled_from(OTHER_WORDS.split())
prompts_with_a_side = (
    st.lists(canonical_words | other_words, min_size=1, max_size=9)
    .map(" ".join)
    .filter(lambda text: contradict(text) is not None)
)


@pytest.mark.parametrize(
    ("prompt", "opposite"),
    [
        ("one small polyp, upper right", "one small polyp, lower left"),
        ("located in top left of the image", "located in bottom right of the image"),
        ("Left upper lobe; LEFT-hand side.", "Right lower lobe; RIGHT-hand side."),
        ("a right-sided mass above the centre", "a left-sided mass below the centre"),
        ("polyp in the right of the image", "polyp in the left of the image"),
        ("Superior, leftmost", "Inferior, rightmost"),
        ("left_upper", "right_lower"),
        (
            "bilateral infection, one infected area, lower left lung",
            "bilateral infection, one infected area, upper right lung",
        ),
        (
            "upper lower left lung and middle right lung",
            "lower upper right lung and middle left lung",
        ),
    ],
)
def test_contradict_exchanges_both_axes_and_nothing_else(prompt: str, opposite: str) -> None:
    assert contradict(prompt) == opposite
    assert contradict(opposite) == prompt


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "a polyp",
        "located in center of the image",
        "bilateral infection",
        "bright, stopped, cleft, uprightly, topical",
        "the slower, supper one",
    ],
)
def test_a_prompt_that_names_no_side_has_no_contradiction(prompt: str) -> None:
    assert contradict(prompt) is None


@pytest.mark.parametrize(
    "prompt",
    ["upper left lung and lower right lung", "left and right", "Lower left lung, upper right lung"],
)
def test_an_exchange_that_says_the_same_again_is_no_contradiction(prompt: str) -> None:
    assert contradict(prompt) is None


@given(prompts_with_a_side)
def test_contradicting_twice_gives_the_prompt_back(prompt: str) -> None:
    opposite = contradict(prompt)
    assert opposite is not None
    assert opposite != prompt
    assert contradict(opposite) == prompt


@given(prompts_with_a_side)
def test_a_contradiction_keeps_the_words_number_and_everything_between(prompt: str) -> None:
    before = prompt.split(" ")
    after = (contradict(prompt) or "").split(" ")
    assert len(after) == len(before)
    for old, new in zip(before, after):
        assert (new.lower() == OPPOSITES[old.lower()]) if old.lower() in OPPOSITES else new == old
        assert (new.islower(), new.isupper()) == (old.islower(), old.isupper())


@given(st.text())
def test_any_text_can_be_contradicted_and_counted(prompt: str) -> None:
    opposite = contradict(prompt)
    assert opposite is None or opposite != prompt
    assert set(count_positions([prompt])) == {*OPPOSITES, *CENTRES}


@given(st.lists(prompts_with_a_side, max_size=8))
def test_contradicting_every_prompt_mirrors_the_position_counts(prompts: list[str]) -> None:
    before = count_positions(prompts)
    after = count_positions([contradict(prompt) or prompt for prompt in prompts])
    assert all(after[OPPOSITES[word]] == before[word] for word in OPPOSITES)
    assert all(after[word] == before[word] for word in CENTRES)


def test_opposites_are_each_others_opposite() -> None:
    assert all(OPPOSITES[OPPOSITES[word]] == word != OPPOSITES[word] for word in OPPOSITES)
    assert {OPPOSITES[word] for word in ("left", "upper", "top", "above", "superior")} == {
        "right",
        "lower",
        "bottom",
        "below",
        "inferior",
    }


def test_the_published_counts_of_position_words_are_found() -> None:
    annotations = DATA / "kvasir" / "annotations.jsonl"
    if not annotations.exists():
        pytest.skip("the shared Kvasir set is not here")
    rows = [json.loads(line) for line in annotations.read_text(encoding="utf-8").splitlines()]
    counts = count_positions(row["prompts"]["p6"] for row in rows)
    assert (counts["left"], counts["right"]) == (187, 433)


def test_counting_takes_whole_words_once_a_prompt() -> None:
    counts = count_positions(["Left, left and leftmost", "upright", "left_upper", "center, center"])
    assert {word: n for word, n in counts.items() if n} == {
        "left": 2,
        "leftmost": 1,
        "upper": 1,
        "center": 1,
    }


@pytest.mark.parametrize(
    ("prompt", "mirrored", "flipped", "quarters", "expected"),
    [
        ("Upper left", True, False, 0, "Upper right"),
        ("upper left", False, True, 0, "lower left"),
        ("top left", True, True, 0, "bottom right"),
        # The upper left corner of an image that is turned counter-clockwise goes down.
        ("top left", False, False, 1, "bottom left"),
        ("upper left", False, False, 3, "upper right"),
        ("left of the image", False, False, 1, "bottom of the image"),
        ("bottom of the image", False, False, 1, "right of the image"),
        ("upper left", False, False, 2, "lower right"),
        ("above the centre, to the left", False, False, 2, "below the centre, to the right"),
        ("upper left", True, False, 1, "upper left"),
        ("bilateral, in the center", True, True, 1, "bilateral, in the center"),
        ("", True, True, 3, ""),
    ],
)
def test_a_prompt_turns_as_the_image_does(
    prompt: str, mirrored: bool, flipped: bool, quarters: int, expected: str
) -> None:
    assert turn(prompt, mirrored, flipped, quarters) == expected


def test_four_quarters_are_none_and_a_mirror_is_its_own_inverse() -> None:
    for prompt in ("one polyp, located in top left of the image", "lower right", "the top one"):
        turned = prompt
        for _ in range(4):
            turned = turn(turned, False, False, 1)
        assert turned == prompt
        assert turn(turn(prompt, True, True, 0), True, True, 0) == prompt
