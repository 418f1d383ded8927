from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saywhere.text.prompts import (
    CENTRES,
    OPPOSITES,
    clean,
    contradict,
    count_positions,
    denies,
    is_blank,
    shuffle,
    turn,
)

DATA = Path("../shared/data")
SIDES = sorted(OPPOSITES)
canonical_words = st.sampled_from(
    [form(word) for word in SIDES for form in (str.lower, str.upper, str.capitalize)]
)
other_words = st.sampled_from(
    [
        "a",
        "Polyp",
        "one",
        "and",
        "center",
        "bilateral",
        "image,",
        "lung.",
        "light",
        "brighter",
        "cleft",
        "stop",
        "病変",
        "🫁",
    ]
)
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
    before, after = prompt.split(" "), (contradict(prompt) or "").split(" ")
    assert len(after) == len(before)
    for old, new in zip(before, after):
        assert (new.lower() == OPPOSITES[old.lower()]) if old.lower() in OPPOSITES else new == old
        assert (new.islower(), new.isupper()) == (old.islower(), old.isupper())


@given(st.text())
def test_any_text_can_be_contradicted_counted_cleaned(prompt: str) -> None:
    opposite = contradict(prompt)
    assert opposite is None or opposite != prompt
    assert set(count_positions([prompt])) == {*OPPOSITES, *CENTRES}
    assert clean(clean(prompt)) == clean(prompt) == unicodedata.normalize("NFC", clean(prompt))
    assert clean(prompt).encode().decode() == clean(
        prompt
    )  # no lone surrogate is left that UTF-8 would refuse
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in clean(prompt))


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
    ("prompt", "cleaned"),
    [
        ("  a\tsmall\x00polyp \r\n upper left ", "a small polyp upper left"),
        ("le\u0301sion", "l\u00e9sion"),
        ("\ufeffpolyp\u00a0left", "polyp left"),
        ("polyp \ud800 left", "polyp left"),
        ("👩\u200d⚕️ نتيجة في اليسار, 左上の病変", "👩\u200d⚕️ نتيجة في اليسار, 左上の病変"),
    ],
)
def test_cleaning_removes_what_no_person_typed_and_keeps_every_script(
    prompt: str, cleaned: str
) -> None:
    assert clean(prompt) == cleaned


@pytest.mark.parametrize(
    "prompt", ["", "  \t\n", "\x00\x1b", "\u200b\u200e\ufeff", "\u3000", "\u0301"]
)
def test_blank_is_what_shows_nothing(prompt: str) -> None:
    assert is_blank(prompt)


@pytest.mark.parametrize("prompt", ["a", "?", "🫁", "左", "\u200fيسار", " 1 "])
def test_anything_that_shows_is_not_blank(prompt: str) -> None:
    assert not is_blank(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        "No polyp",
        "there isn't one",
        "it isn’t there",
        "polyp, not on the left",
        "without infection",
        "neither lung",
        "no 2 cm polyp",
        "no_polyp",
        "negative for infection",
        "free of polyps",
        "polyps: none",
        "Is it there? No.",
    ],
)
def test_what_says_what_is_not_there_denies(prompt: str) -> None:
    assert denies(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "one polyp",
        "the nodule, upper left",
        "another noted knot",
        "nuclei no. 3",
        "polyp No. III",
        "no. of polyps: 3",
        "polyp no: 3",
        "no #3",
        "north of it",
        "absently",
        "nothingness",
        "a want of nodes",
    ],
)
def test_what_names_the_target_denies_nothing(prompt: str) -> None:
    assert not denies(prompt)


texts = st.sampled_from(
    ["upper left", "Upper  left", "lower left", "", "right", "centre", "a polyp"]
)


@given(st.lists(texts, max_size=30), st.integers(0, 50))
def test_shuffling_gives_every_case_another_cases_different_prompt(
    prompts: list[str], seed: int
) -> None:
    shuffled = shuffle(prompts, seed)
    keys = [clean(prompt).casefold() for prompt in prompts]
    assert len(shuffled) == len(prompts)
    assert set(shuffled) <= set(prompts)
    if len(set(keys)) > 1:
        assert all(clean(new).casefold() != old for new, old in zip(shuffled, keys))
    if keys and len(set(keys)) > 1 and 2 * max(Counter(keys).values()) <= len(keys):
        assert Counter(shuffled) == Counter(prompts)
    assert shuffle(prompts, seed) == shuffled


def test_equal_texts_come_back_as_they_are() -> None:
    assert shuffle(["a polyp"] * 3, seed=1) == ["a polyp"] * 3
    assert shuffle(["a polyp"], seed=1) == ["a polyp"]
    assert shuffle([], seed=1) == []


def test_another_seed_shuffles_otherwise() -> None:
    prompts = [f"polyp {i}" for i in range(40)]
    assert len({tuple(shuffle(prompts, seed)) for seed in range(5)}) == 5


def test_cleaning_words_costs_no_torch() -> None:
    code = "import sys, saywhere.text.prompts as p; p.clean('a'); p.contradict('left'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("prompt", "mirrored", "flipped", "quarters", "expected"),
    [
        ("Upper left", True, False, 0, "Upper right"),
        ("upper left", False, True, 0, "lower left"),
        ("top left", True, True, 0, "bottom right"),
        (
            "top left",
            False,
            False,
            1,
            "bottom left",
        ),  # the upper left corner of what is turned counter-clockwise goes down
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
        found = prompt
        for _ in range(4):
            found = turn(found, False, False, 1)
        assert found == prompt
        assert turn(turn(prompt, True, True, 0), True, True, 0) == prompt
