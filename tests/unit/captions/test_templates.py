from __future__ import annotations

from itertools import product

import pytest

from saywhere.captions import templates
from saywhere.seeds import generator
from saywhere.text.directions import contradict

DIAGONAL = {
    "upper left": "lower right",
    "upper right": "lower left",
    "lower left": "upper right",
    "lower right": "upper left",
}


def every_wording(template: str, place: str) -> set[str]:
    """All texts that a template can give for a place."""
    texts = set()
    for bright, large in product((True, False), repeat=2):
        choices = templates.synonyms(place, bright=bright, large=large)
        chosen = product(*choices.values())
        texts |= {template.format(**dict(zip(choices, one_each))) for one_each in chosen}
    return texts


TAUGHT = (*templates.PLACE_TEMPLATES, *templates.ATTRIBUTE_TEMPLATES)


def test_there_are_many_templates_and_none_twice() -> None:
    assert len(set(TAUGHT)) == len(TAUGHT) >= 60
    assert not set(TAUGHT) & set(templates.UNSEEN_TEMPLATES)


def test_no_wording_comes_of_two_templates_or_means_two_places() -> None:
    origins: dict[str, tuple[str, str]] = {}
    for template, place in product((*TAUGHT, *templates.UNSEEN_TEMPLATES), templates.PLACES):
        for text in every_wording(template, place):
            assert origins.setdefault(text.lower(), (template, place)) == (template, place)


@pytest.mark.parametrize("template", [*TAUGHT, *templates.UNSEEN_TEMPLATES])
def test_every_wording_contradicted_names_the_diagonal_place(template: str) -> None:
    for place, diagonal in DIAGONAL.items():
        texts = every_wording(template, place)
        opposites = every_wording(template, diagonal)
        assert {contradict(text) for text in texts} == opposites


@pytest.mark.parametrize("template", templates.PLACE_TEMPLATES)
def test_place_templates_tell_no_attribute(template: str) -> None:
    assert not {"s", "t"} & set(templates.slots(template))


@pytest.mark.parametrize("template", templates.ATTRIBUTE_TEMPLATES)
def test_attribute_templates_tell_one(template: str) -> None:
    assert {"s", "t"} & set(templates.slots(template))


@pytest.mark.parametrize("n", [1, 8, 60])
def test_taught_wordings_are_different_paraphrases(n: int) -> None:
    texts = templates.taught(
        "upper left", bright=True, large=False, random=generator(0, "test"), n=n
    )
    assert len(texts) == len(set(texts)) == n


def test_attributes_are_told_as_they_are() -> None:
    texts = (
        " ".join(
            templates.taught(
                "lower right", bright=False, large=True, random=generator(1, "test"), n=60
            )
        )
        .replace(",", " ")
        .split()
    )
    assert {"dark", "dim", "large", "big", "lower", "bottom", "right"} <= set(texts)
    assert not {"bright", "light", "small", "little", "upper", "top", "left"} & set(texts)
