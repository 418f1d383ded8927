"""The models that come along.

The prompts that they offer are what they were trained on, and their files are what was measured.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import saywhere
from saywhere.hub.digests import verified
from saywhere.hub.facts import read_facts
from saywhere.runs import locate

NAMES = ("general", "lung-infection")
MOST_BYTES = 24 * 2**20
"""Of all together: the tree must travel to a lent GPU."""
IMAGE = np.zeros((32, 32, 3), np.uint8)


@pytest.mark.parametrize("name", NAMES)
def test_no_sentence_to_begin_with_is_marked_as_never_taught(name: str) -> None:
    model = saywhere.load(name)
    suggestions = read_facts(locate.known()[name])["about"]["suggestions"]
    assert len(suggestions) >= 5
    strange = {words: model.segment(IMAGE, words).unfamiliarity for words in suggestions}
    assert {words: far for words, far in strange.items() if far is None or far > 1} == {}
    unlike = model.segment(IMAGE, "quarterly figures of a shipping company in Bremen").unfamiliarity
    assert unlike is not None
    assert unlike > 1


@pytest.mark.parametrize("name", NAMES)
def test_it_says_whose_left_it_was_taught(name: str) -> None:
    model = saywhere.load(name)
    assert model.prompt_facts.left == "left of the image"
    assert read_facts(locate.known()[name])["prompts"]["frame"] == "image"
    result = model.segment(IMAGE, "the spot on the left")
    assert result.frame == "image"
    assert result.caption.endswith("(left of the image)")
    # What `predict` writes into predictions.jsonl.
    assert result.to_json()["frame"] == "image"
    card = (locate.known()[name] / "README.md").read_text(encoding="utf-8")
    assert "left of the image" in card


@pytest.mark.parametrize("name", NAMES)
def test_its_files_are_those_that_were_pushed(name: str) -> None:
    folder = locate.known()[name]
    verified(folder)
    card = (folder / "README.md").read_text()
    for part in (
        "Research use only. Not a medical device.",
        "## How it reads a prompt",
        "Left and right are those of the image as it is shown",
        "## Data and terms",
        "## Does it listen?",
        "## Never tested",
    ):
        assert part in card


def test_they_are_small_enough_together() -> None:
    files = [file for file in locate.ours().rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= MOST_BYTES


def test_names_of_before_go_on_working() -> None:
    for name in ("polyp", "skin-lesion", "lung-infection", "lungs", "breast-tumour"):
        model = saywhere.load(name)
        assert model.folder.name == (name if name in NAMES else "general")
        assert model.segment(IMAGE, "lung").mask.shape == IMAGE.shape[:2]


def test_what_is_denied_is_left_empty_and_said() -> None:
    result = saywhere.load("general").segment(IMAGE, "no polyp")
    assert not result.mask.any()
    assert result.presence < 0.5


def test_what_blank_words_cost_was_measured_of_the_model_that_is_here() -> None:
    name = "lung-infection"
    kept = Path(__file__).parents[3] / "benchmarks" / "results" / "blank" / f"{name}.json"
    ours = read_facts(locate.known()[name])["evidence"]["evaluation"]["words"]
    for kind, words in (("right", "right"), ("blank", "empty")):
        assert json.loads(kept.read_text())[kind]["mean"] == pytest.approx(
            ours[words]["dice_mean"]["mean"], abs=1e-4
        )
