"""What `--no-identifiers` does to an answer, a place and sentences (files: cli)."""

from __future__ import annotations

import numpy as np

from saywhere.inference.answer import Answer
from saywhere.inference.no_identifiers import Names
from saywhere.io.pseudonyms import Pseudonyms

PSEUDONYMS = Pseudonyms(b"k" * 32)
NAMES = Names(PSEUDONYMS)


def answer(prompt: str) -> Answer:
    pixels = np.zeros((2, 2, 3), np.uint8)
    mask = np.zeros((2, 2), bool)
    read = "canary right lung"
    more = ("canary was read as canary", "canary is French")
    return Answer(
        pixels, prompt, mask * 1.0, mask, None, 0.0, read_as=read, frame="image", warnings=more
    )


def test_the_caption_and_the_warnings_name_nobody() -> None:
    named = NAMES.answer(answer("canary left lung"), "canary  left lung")
    assert named.prompt == PSEUDONYMS.of("canary  left lung")
    assert named.caption == f"{named.prompt} = {PSEUDONYMS.of('canary right lung')}"
    assert named.warnings == ("2 warnings withheld: it may name a patient",)


def test_no_words_stay_no_words() -> None:
    assert NAMES.answer(answer(""), "\u200b").prompt == ""


def test_without_pseudonyms_nothing_changes() -> None:
    plain = Names()
    assert plain.answer(answer("left"), "left").prompt == "left"
    assert plain.sentences(["one", "two"], "note") == ["one", "two"]
