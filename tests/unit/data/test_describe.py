"""Sentences from masks, and the rule for places that a set follows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import saywhere
from saywhere.data.describe import PLACES, PlaceRule, describe, fit_places, replace_place
from saywhere.data.manifest import Row, read_manifest
from saywhere.errors import UsageError
from saywhere.io.images import write_mask

KVASIR = Path("../shared/data/kvasir")


def blob(down: float, across: float, radius: tuple[float, float] = (9, 9), size: int = 120) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size] + 0.5
    return ((rows - down * size) / radius[0]) ** 2 + ((columns - across * size) / radius[1]) ** 2 < 1


@pytest.mark.parametrize(("number", "place"), list(enumerate(PLACES)))
def test_a_place_is_said_on_a_grid_of_three_by_three(number: int, place: str) -> None:
    row, column = divmod(number, 3)
    assert PlaceRule().place(blob((row + 0.5) / 3, (column + 0.5) / 3)) == place


def test_number_size_shape_and_place_are_said_in_the_grammar_of_the_public_sets() -> None:
    assert describe(blob(0.2, 0.2), "polyp") == "one small round polyp, located in top left of the image"
    assert describe(blob(0.5, 0.5, (40, 40)), "lesion") == "one large round lesion, located in center of the image"
    assert describe(blob(0.8, 0.5, (6, 30)), "lesion") == "one medium elongated lesion, located in bottom of the image"
    assert describe(blob(0.5, 0.2) | blob(0.5, 0.4), "polyp") == "two medium polyps, located in left of the image"
    assert describe(np.zeros((8, 8), bool), "polyp") == "no polyp"


@pytest.mark.parametrize(("minor", "shape"), [(20, "round"), (17, "round"), (15, "oval"), (11, "oval"), (9, "elongated"), (4, "elongated")])
def test_the_shape_is_the_ratio_of_the_ellipses_axes(minor: float, shape: str) -> None:
    assert f" {shape} " in describe(blob(0.5, 0.5, (20, minor)), "polyp")
    assert f" {shape} " in describe(blob(0.5, 0.5, (minor, 20)), "polyp")


def test_crumbs_are_no_lesions() -> None:
    mask = blob(0.5, 0.5, (30, 30))
    mask[:2, :2] = True
    assert describe(mask, "polyp").startswith("one ")


def row(folder: Path, number: int, mask: np.ndarray, prompt: str) -> Row:
    write_mask(folder / f"{number}.png", mask)
    return Row(str(number), folder / "image.png", folder / f"{number}.png", {"p6": (prompt,)})


def test_the_rule_is_fitted_to_the_sets_own_words(tmp_path: Path) -> None:
    """A set that says left below 0.2 and right from 0.5."""
    rows = []
    for number, across in enumerate(np.linspace(0.11, 0.89, 40)):
        side = "left" if across < 0.2 else "right" if across >= 0.5 else "center"
        rows.append(row(tmp_path, number, blob(0.5, across), f"one polyp, located in {side} of the image"))
    rule = fit_places(rows, ["p6"])
    assert rule.agreement == 1
    assert rule.across == (pytest.approx(0.2, abs=0.025), pytest.approx(0.5, abs=0.025))
    assert rule.n == 40


def test_sentences_that_name_two_places_or_none_do_not_count(tmp_path: Path) -> None:
    rows = [row(tmp_path, i, blob(0.5, 0.5), text) for i, text in enumerate(["polyp", "in top left, center of the image", "left and right"])]
    assert fit_places(rows, ["p6"]) == PlaceRule()


@pytest.mark.parametrize(
    ("prompt", "place", "expected"),
    [
        ("one polyp, located in top left of the image", "center", "one polyp, located in center of the image"),
        ("polyps in top left, center of the image", "bottom", "polyps in bottom of the image"),
        ("the polyp in the upper left image", "top right", "the polyp in the top right image"),
        ("a polyp", "top", "a polyp"),
        ("", "top", ""),
    ],
)
def test_a_place_is_replaced_and_all_else_is_kept(prompt: str, place: str, expected: str) -> None:
    assert replace_place(prompt, place) == expected


@pytest.mark.skipif(not KVASIR.is_dir(), reason="the shared data is not here")
def test_kvasirs_rule_is_found() -> None:
    """The set's README: left only below about 0.3 of the width, right from about 0.57."""
    rule = fit_places(read_manifest(KVASIR).split("train")[:300], ["p6"])
    assert rule.n > 200
    assert rule.agreement is not None
    assert rule.agreement > 0.85
    assert rule.across == (pytest.approx(0.3, abs=0.08), pytest.approx(0.57, abs=0.05))


def test_a_mask_may_come_in_any_form_and_must_be_one() -> None:
    mask = blob(0.2, 0.2)
    for form in (mask, mask.astype(np.uint8) * 255, torch.from_numpy(mask)[None].float(), Image.fromarray(mask.astype(np.uint8) * 255)):
        assert saywhere.describe(form, "polyp") == "one small round polyp, located in top left of the image"
    assert saywhere.describe(mask).startswith("one small round lesion")
    with pytest.raises(UsageError, match="a mask is a dict"):
        saywhere.describe({}, "polyp")
    for target in ("", 3):
        with pytest.raises(UsageError, match=r"target is .* in describe; a noun"):
            saywhere.describe(mask, target)  # type: ignore[arg-type]
