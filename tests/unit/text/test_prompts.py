from __future__ import annotations

import subprocess
import sys
import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saywhere.text.prompts import clean, denies, is_blank, shuffle


@given(st.text())
def test_any_text_can_be_cleaned(prompt: str) -> None:
    cleaned = clean(prompt)
    assert clean(cleaned) == cleaned == unicodedata.normalize("NFC", cleaned)
    # No lone surrogate is left that UTF-8 would refuse.
    assert cleaned.encode().decode() == cleaned
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in cleaned)


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
    code = """
import sys
from saywhere.text.directions import contradict
from saywhere.text.prompts import clean
clean("a")
contradict("left")
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
