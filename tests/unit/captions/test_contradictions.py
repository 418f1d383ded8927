"""Claims of sentences against what their masks show."""

from __future__ import annotations

import numpy as np
import pytest

from saywhere.captions.claims import Claim, claims_of, shape_of
from saywhere.captions.contradictions import contradictions


def blob(top: int, left: int, side: int = 8, size: int = 60) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def claimed(sentence: str, mask: np.ndarray) -> dict[str, str]:
    shape = shape_of(mask)
    assert shape is not None
    return {claim.aspect: claim.names[claim.claimed] for claim in claims_of(sentence, shape)}


def test_a_sentence_claims_side_height_number_and_size() -> None:
    claims = claimed("one small round polyp, located in top left of the image", blob(2, 2))
    assert claims == {"across": "left", "down": "upper", "number": "one", "size": "small"}


def test_a_sentence_of_lungs_claims_sides_and_thirds() -> None:
    mask = blob(2, 2) | blob(40, 45)
    claims = claimed("two infected areas, upper left lung and lower right lung.", mask)
    assert claims["left lung"] == "left lung"
    assert claims["right lung"] == "right lung"
    assert claims["number"] == "two"


@pytest.mark.parametrize(
    ("sentence", "number"),
    [("both lungs", "two"), ("one of the lungs", None), ("the left one", None), ("polyp", None)],
)
def test_only_what_counts_is_a_number(sentence: str, number: str | None) -> None:
    assert claimed(sentence, blob(2, 2)).get("number") == number


def test_an_empty_mask_has_no_shape() -> None:
    assert shape_of(np.zeros((4, 4), bool)) is None


def sides(n: int, wrong: int) -> list[Claim]:
    """n claims of masks far left and far right, the first `wrong` of them exchanged."""
    claims = []
    for number in range(n):
        is_right = number % 2 == 1
        says_right = is_right != (number < wrong)
        value = 0.9 - number / (10 * n) if is_right else 0.1 + number / (10 * n)
        claims.append(Claim("across", "side", 2 * says_right, value, ("left", "centre", "right")))
    return claims


def test_the_exchanged_ones_are_found_and_no_others() -> None:
    judged = [one for one in contradictions(sides(200, 2)) if one.score >= 0.9]
    assert {(one.number, one.shown) for one in judged} == {(0, "left"), (1, "right")}


def test_a_set_with_a_rule_of_its_own_is_judged_by_that() -> None:
    # "Left" only below 0.3, "right" from 0.57 on: as Kvasir's sentences have it.
    values = np.linspace(0.05, 0.95, 300)
    classes = np.searchsorted([0.3, 0.57], values, side="right")
    names = ("left", "centre", "right")
    claims = [Claim("across", "side", int(c), float(v), names) for c, v in zip(classes, values)]
    assert [one for one in contradictions(claims) if one.score > 0.5] == []


def test_words_without_a_rule_list_nothing() -> None:
    claims = [
        Claim("size", "size", number % 3, 0.1 + number / 1000, ("small", "medium", "large"))
        for number in range(90)
    ]
    assert [one for one in contradictions(claims) if one.score >= 0.9] == []


def test_a_few_sentences_are_judged_where_the_side_is_the_opposite_one() -> None:
    names = ("left", "centre", "right")
    few = [Claim("across", "side", 0, 0.9, names), Claim("across", "side", 0, 0.5, names)]
    assert [(one.number, one.shown) for one in contradictions(few)] == [(0, "right")]


def test_specks_count_where_the_set_counts_them() -> None:
    mask = blob(2, 2, 20) | blob(50, 50, 1)
    shape = shape_of(mask)
    assert shape is not None
    counted = claims_of("two polyps", shape) * 30
    # 1 of 400 pixels is a speck to the rule of places; this set's sentences count it.
    assert contradictions(counted) == []


def test_time_grows_with_the_number_of_claims_alone() -> None:
    # Judged in counts: each aspect sorts its claims, and no claim meets every other one.
    judged = [one for one in contradictions(sides(40_000, 4)) if one.score >= 0.9]
    assert {one.number for one in judged} == {0, 1, 2, 3}
