"""Prompts in another script or language than the training's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saywhere.text.languages import foreign, language_of, taught_languages, taught_scripts
from saywhere.text.prompt_facts import PromptFacts, facts_of

DATA = Path(__file__).parents[4] / "shared" / "data"
TAUGHT = (["Latin"], ["English"])


@pytest.mark.parametrize(
    ("prompt", "language"),
    [
        ("linke Lunge", "German"),
        ("der Polyp oben links", "German"),
        ("kleine Läsion am Rand", "German"),
        ("le polype en haut à gauche", "French"),
        ("poumon gauche", "French"),
        ("pulmón izquierdo", "Spanish"),
        ("polmone sinistro", "Italian"),
    ],
)
def test_another_language_is_named(prompt: str, language: str) -> None:
    assert language_of(prompt) == language
    sentence = foreign(prompt, *TAUGHT)
    assert f"reads as {language}; the model was taught English" in sentence


@pytest.mark.parametrize(
    ("prompt", "script"),
    [
        ("左肺", "Chinese"),
        ("左肺の上部", "Japanese"),
        ("الرئة اليسرى", "Arabic"),
        ("левое лёгкое", "Cyrillic"),
        ("왼쪽 폐", "Korean"),
    ],
)
def test_another_script_is_named(prompt: str, script: str) -> None:
    assert f"is in {script} script; the model was taught English" in foreign(prompt, *TAUGHT)
    # An older model may know its script alone.
    assert f"is in {script} script; the model was taught Latin" in foreign(prompt, ["Latin"], [])
    assert foreign(prompt, [script, "Latin"], []) == ""


@pytest.mark.parametrize(
    "prompt",
    [
        "reticulonodular honeycombing of the lingula",
        "cavum septum pellucidum et vergae de novo",
        "carcinoma in situ, pars flaccida, café-au-lait",
        "vena cava superior, situs inversus",
        "IFN-γ and β-cells, 5 µm",
        "αβ T-cells",
        "die cast artefact",
        "Ｌｅｆｔ lung",
        "lung",
        "λ=3",
        "12",
        "",
    ],
)
def test_unknown_words_are_no_other_language(prompt: str) -> None:
    assert foreign(prompt, *TAUGHT) == ""


def test_a_model_is_held_to_its_own_language() -> None:
    german = ["der Polyp oben links", "ein kleiner Polyp unten rechts", "Polyp in der Mitte"]
    facts = facts_of(german, "image")
    assert (facts.scripts, facts.languages) == (("Latin",), ("German",))
    assert foreign(german[0], facts.scripts, facts.languages) == ""
    assert "taught German" in foreign("the polyp on the left", facts.scripts, facts.languages)


def test_of_a_model_that_does_not_say_only_other_words_than_english_are_told_of() -> None:
    for prompt, language in (("linke Lunge", "German"), ("左肺", "Chinese script")):
        told = foreign(prompt, [], [])
        assert f"reads as {language}; which language this model was taught is not recorded" in told
    for prompt in ("left lung", "situs inversus", "β-cells", ""):
        assert foreign(prompt, [], []) == ""
    # Training prompts whose words do not tell are known by their script alone.
    assert foreign("linke Lunge", ["Latin"], []) == ""


def test_facts_survive_json_and_a_strangers_are_not_believed() -> None:
    facts = PromptFacts("both", "image", ("Latin",), ("English", "German"))
    assert PromptFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts
    for hostile in ([], "image", {"frame": ["image"], "scripts": "Latin", "languages": [3]}, None):
        assert PromptFacts.from_json(hostile) == PromptFacts()


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert isinstance(foreign(text, *TAUGHT), str)
    assert len(taught_scripts([text])) <= 1
    assert len(taught_languages([text])) <= 1


@pytest.mark.parametrize("name", ["kvasir", "isic", "qata", "lungs", "busi"])
def test_the_public_sentences_are_english(name: str) -> None:
    path = DATA / name / "annotations.jsonl"
    if not path.exists():
        pytest.skip(f"the shared set {name} is not here")
    texts: set[str] = set()
    for line in path.read_text(encoding="utf-8").splitlines():
        for stored in json.loads(line)["prompts"].values():
            texts |= {stored} if isinstance(stored, str) else set(stored)
    assert taught_languages(texts) == ("English",)
    assert [text for text in texts if foreign(text, *TAUGHT)] == []
