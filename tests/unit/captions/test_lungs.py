"""Sentences of chest films: which thirds of which lung."""

from __future__ import annotations

import warnings
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from saywhere.captions.lungs import EVERY, LungFit, LungRule, fit_lungs, named
from saywhere.data.manifest import read_manifest
from saywhere.data.manifest_row import Row
from saywhere.datasets.described import examples_of
from saywhere.io.images import write_mask

QATA = Path("../shared/data/qata")
RULE = LungRule(upper=0.3, lower=0.5, tall=0.4, least=0.003)
BOTH = (
    "bilateral pulmonary infection, four infected areas, "
    "upper middle lower left lung and lower right lung."
)
NONE = (False, False, False)
ALL = (True, True, True)
UPPER = (True, False, False)
MIDDLE = (False, True, False)
LOWER = (False, False, True)
TWO = "bilateral pulmonary infection, two infected areas, lower left lung and lower right lung."


def film(**sides: tuple[float, float]) -> np.ndarray:
    """What lies from one height to the other, left and right in the image."""
    mask = np.zeros((100, 101), bool)
    for side, (top, bottom) in sides.items():
        mask[
            round(100 * top) : round(100 * bottom),
            slice(20, 40) if side == "left" else slice(60, 80),
        ] = True
    return mask


@pytest.mark.parametrize(
    ("mask", "zones", "sentence"),
    [
        (
            film(left=(0.1, 0.3)),
            (UPPER, NONE),
            "unilateral pulmonary infection, one infected area, upper left lung.",
        ),
        (
            film(right=(0.35, 0.45)),
            (NONE, MIDDLE),
            "unilateral pulmonary infection, one infected area, middle right lung.",
        ),
        (film(left=(0.1, 0.7), right=(0.4, 0.7)), (ALL, LOWER), BOTH),
        (
            film(left=(0.35, 0.8), right=(0.2, 0.55)),
            ((False, True, True), (True, False, True)),
            "bilateral pulmonary infection, four infected areas, "
            "middle lower left lung and upper lower right lung.",
        ),
    ],
)
def test_a_mask_is_said_in_the_sets_own_words(
    mask: np.ndarray, zones: object, sentence: str
) -> None:
    assert RULE.zones(mask) == zones
    assert RULE.sentence(mask) == sentence
    assert RULE.rewrite(TWO, mask) == sentence
    assert RULE.rewrite(BOTH, mask) == sentence
    assert named(sentence) == zones


def test_a_crumb_on_the_other_side_is_not_said_unless_it_is_all() -> None:
    crumb = film(right=(0.6, 0.61))
    assert RULE.zones(film(left=(0.6, 0.8)) | crumb) == (LOWER, NONE)
    assert RULE.zones(crumb) == (NONE, LOWER)
    assert RULE.rewrite(BOTH, film()) == BOTH
    assert RULE.sentence(film()) == "no pulmonary infection"


def test_the_sentences_are_63_and_known_beforehand() -> None:
    versions = RULE.versions(BOTH)
    assert len(versions) == len(set(versions)) == len(EVERY) == 63
    assert {named(version) for version in versions} == set(EVERY)
    assert set(RULE.versions("infection, lower left lung")) == set(
        RULE.versions("infection, middle right lung")
    )


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "polyp, located in top left",
        "infection, left lung",
        "unilateral infection of the lower right",
    ],
)
def test_what_names_no_third_of_a_lung_is_not_of_this_form(prompt: str) -> None:
    assert named(prompt) is None


PUBLISHED = (
    "Bilateral pulmonary infection, two infected areas, all left lung and middle lower right lung."
)


def test_lvits_own_sentences_say_all_and_begin_with_a_capital() -> None:
    """As https://github.com/HUANGLIZI/LViT shows them.

    Its number is of areas, not of thirds, and is left alone.
    """
    assert named(PUBLISHED) == (ALL, (False, True, True))
    assert named(
        "Unilateral pulmonary infection, one infected area, lower right lung, upper left lung."
    ) == (UPPER, LOWER)
    lvit = LungRule(upper=0.3, lower=0.5, tall=0.4, least=0.003, says_all=True)
    assert (
        lvit.rewrite(PUBLISHED, film(right=(0.1, 0.7)))
        == "Unilateral pulmonary infection, two infected areas, all right lung."
    )
    assert lvit.rewrite(
        "Unilateral pulmonary infection, one infected area, upper left lung.",
        film(left=(0.1, 0.2), right=(0.6, 0.8)),
    ) == (
        "Bilateral pulmonary infection, two infected areas, upper left lung and lower right lung."
    )
    assert lvit.rewrite(PUBLISHED, film(right=(0.1, 0.7))) in lvit.versions(PUBLISHED)


def test_whether_a_set_says_all_is_learned_from_it(tmp_path: Path) -> None:
    own = rows(tmp_path)
    rule = fit_lungs(examples_of(own, ["text"]))
    assert rule is not None
    assert not rule.says_all
    with_all = [
        Row(
            row.id,
            row.image,
            row.mask,
            {"text": (row.prompts["text"][0].replace("upper middle lower", "all"),)},
        )
        for row in own
    ]
    rule = fit_lungs(examples_of(with_all, ["text"]))
    assert rule is not None
    assert rule.says_all
    assert rule.to_json()["says_all"]


def test_masks_that_are_never_where_their_sentences_say_give_no_rule(tmp_path: Path) -> None:
    write_mask(tmp_path / "left.png", film(left=(0.1, 0.3)))
    row = Row(
        "a", tmp_path / "a.png", tmp_path / "left.png", {"text": ("infection, upper right lung",)}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fit_lungs(examples_of([row] * 5, ["text"])) is None


def test_a_mask_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    broken = Row(
        "b", tmp_path / "b.png", tmp_path / "broken.png", {"text": ("infection, upper right lung",)}
    )
    readable = rows(tmp_path)
    expected = fit_lungs(examples_of(readable, ["text"]))
    assert fit_lungs(examples_of([broken, *readable], ["text"])) == expected


def rows(folder: Path) -> list[Row]:
    """A set that says upper above 0.2, lower below 0.6, and middle from half of the height."""
    films = product(np.arange(0.05, 0.6, 0.05), (0.15, 0.3, 0.45, 0.6))
    made = []
    for number, (top, height) in enumerate(films):
        bottom = min(top + height, 0.95)
        is_middle = bottom - top > 0.5 or (top >= 0.2 and bottom <= 0.6)
        covered = zip(("upper", "middle", "lower"), (top < 0.2, is_middle, bottom > 0.6))
        thirds = [third for third, is_covered in covered if is_covered]
        if thirds:
            mask = folder / f"{number}.png"
            write_mask(mask, film(right=(top, bottom)))
            prompt = f"unilateral infection, {' '.join(thirds)} right lung."
            made.append(Row(str(number), folder / "image.png", mask, {"text": (prompt,)}))
    return made


def test_the_rule_is_fitted_to_the_sets_own_words(tmp_path: Path) -> None:
    rule = fit_lungs(examples_of(rows(tmp_path), ["text"]))
    assert rule is not None
    assert (rule.upper, rule.lower) == (pytest.approx(0.2, abs=0.05), pytest.approx(0.6, abs=0.05))
    assert rule.fit is not None
    assert rule.fit.sides == 1
    assert rule.agreement is not None
    assert rule.agreement > 0.9
    assert rule.fit_on(examples_of(rows(tmp_path), ["text"])) == rule.fit
    assert rule.fit_on(examples_of([], ["text"])) == LungFit()


def test_a_set_that_says_it_otherwise_has_no_such_rule(tmp_path: Path) -> None:
    own = rows(tmp_path)[:3]
    other = Row("a", Path("a.png"), own[0].mask, {"text": ("one polyp, top left",)})
    assert fit_lungs(examples_of([other] * 3 + own, ["text"])) is None
    assert fit_lungs(examples_of(own, ["other"])) is None


def test_a_fit_is_written_without_what_was_not_measured() -> None:
    assert LungFit().to_json() == {"n": 0}
    assert list(RULE.to_json()) == ["upper", "lower", "tall", "least", "says_all"]
    fit = LungFit(n=2, agreement=0.5, zones=0.75, count=1.0, sides=1.0)
    assert list(fit.to_json()) == ["n", "agreement", "zones", "count", "sides"]


@pytest.mark.skipif(not QATA.is_dir(), reason="the shared data is not here")
def test_qatas_sentences_are_given_back() -> None:
    """And left is the left of the image: the other way round, few one-sided sentences would fit."""
    manifest = read_manifest(QATA)
    rule = fit_lungs(examples_of(manifest.split("train")[:600], ["text"]))
    assert rule is not None
    assert rule.fit is not None
    assert rule.fit.n == 600
    assert rule.fit.sides > 0.97
    assert rule.fit.zones > 0.88
    assert rule.agreement is not None
    assert rule.agreement > 0.6  # six areas for all would be a third
    assert all(named(row.prompts["text"][0]) in EVERY for row in manifest.rows)
