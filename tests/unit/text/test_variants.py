"""Shorter versions of a sentence keep its places."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saywhere.text.directions import positions
from saywhere.text.variants import variants

PROMPT = (
    "one medium white round polyp which is often a bumpy flesh in rectum "
    "located in top left of the image"
)


def test_places_are_kept_and_words_are_left_out_in_their_order() -> None:
    versions = variants(PROMPT, 8)
    assert len(set(versions)) == len(versions) >= 6
    for version in versions:
        assert positions(version) == {"top", "left"}
        words = iter(PROMPT.split())
        assert all(word in words for word in version.split()), "a subsequence"
    assert (
        min(len(version.split()) for version in versions)
        < 12
        < max(len(version.split()) for version in versions)
    )


def test_a_negation_stays() -> None:
    assert all(
        "no" in version.split()
        for version in variants("there is no polyp to be seen in the upper part", 8)
    )


def test_equal_prompts_have_equal_versions_in_every_process() -> None:
    command = f"from saywhere.text.variants import variants; print(variants({PROMPT!r}, 3))"
    printed = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert printed == str(variants(PROMPT, 3))
    assert variants(PROMPT, 3) == variants(PROMPT, 5)[:3]


@pytest.mark.parametrize("prompt", ["", "left", "top left"])
def test_where_nothing_can_be_left_out_there_are_none(prompt: str) -> None:
    assert variants(prompt, 4) == []


@given(st.text(max_size=60))
def test_any_text_has_versions_of_the_same_places(prompt: str) -> None:
    assert all(
        positions(version) == positions(prompt) and version not in ("", prompt)
        for version in variants(prompt, 3)
    )
