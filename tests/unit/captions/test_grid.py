"""Places, one a component, and the rule for them that a set follows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from saywhere.captions.grid import PLACES, PlaceRule, fit_places, replace_places
from saywhere.data.manifest import read_manifest
from saywhere.data.manifest_row import Row
from saywhere.datasets.described import examples_of
from saywhere.io.images import write_mask

KVASIR = Path("../shared/data/kvasir")


def blob(
    down: float, across: float, radius: tuple[float, float] = (9, 9), size: int = 120
) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size] + 0.5
    return ((rows - down * size) / radius[0]) ** 2 + (
        (columns - across * size) / radius[1]
    ) ** 2 < 1


@pytest.mark.parametrize(("number", "place"), list(enumerate(PLACES)))
def test_a_place_is_said_on_a_grid_of_three_by_three(number: int, place: str) -> None:
    row, column = divmod(number, 3)
    assert PlaceRule().place(blob((row + 0.5) / 3, (column + 0.5) / 3)) == place


def row(folder: Path, number: int, mask: np.ndarray, prompt: str) -> Row:
    """A row of the level "p6"; its mask is written, its image is not."""
    write_mask(folder / f"{number}.png", mask)
    return Row(str(number), folder / "image.png", folder / f"{number}.png", {"p6": (prompt,)})


def test_the_rule_is_fitted_to_the_sets_own_words(tmp_path: Path) -> None:
    """A set that says left below 0.2 and right from 0.5."""
    rows = []
    for number, across in enumerate(np.linspace(0.11, 0.89, 40)):
        side = ("left", "center", "right")[int(across >= 0.2) + int(across >= 0.5)]
        rows.append(
            row(tmp_path, number, blob(0.5, across), f"one polyp, located in {side} of the image")
        )
    rule = fit_places(examples_of(rows, ["p6"]))
    assert rule.agreement == 1
    assert rule.across == (pytest.approx(0.2, abs=0.025), pytest.approx(0.5, abs=0.025))
    assert rule.n == 40


def test_each_component_has_a_place_and_crumbs_have_none() -> None:
    mask = (
        blob(0.8, 0.8)
        | blob(0.2, 0.5, (14, 14))
        | blob(0.75, 0.85, (2, 2), 120)
        | blob(0.5, 0.1, (1, 1))
    )
    assert PlaceRule().places(mask) == ("top", "bottom right")
    assert PlaceRule().places(mask | blob(0.1, 0.5) | blob(0.4, 0.9), 2) == ("top", "bottom right")
    assert PlaceRule().places(blob(0.5, 0.42) | blob(0.5, 0.6)) == ("center", "center")
    assert PlaceRule().places(np.zeros((8, 8), bool)) == ()


def test_every_component_of_a_sentence_counts_for_the_fit_and_the_agreement(tmp_path: Path) -> None:
    """A set that names each polyp, from the top down, right from 0.4 on.

    A sentence of more places than polyps agrees with nothing.
    """
    rows = []
    for number, across in enumerate(np.linspace(0.36, 0.9, 19)):
        first = "top right" if across >= 0.4 else "top"
        prompt = f"two polyp, located in {first}, bottom left of the image"
        rows.append(row(tmp_path, number, blob(0.2, across) | blob(0.8, 0.2), prompt))
    rule = fit_places(examples_of(rows, ["p6"]))
    assert (rule.n, rule.agreement) == (19, 1)
    assert rule.across == (pytest.approx(1 / 3, abs=0.03), pytest.approx(0.4, abs=0.025))
    of_one = "two polyp, located in top left, center of the image"
    rows.append(row(tmp_path, 19, blob(0.5, 0.5), of_one))
    assert fit_places(examples_of(rows, ["p6"])).agreement == 0.95


def test_what_is_no_place_of_the_grid_does_not_count(tmp_path: Path) -> None:
    rows = [
        row(tmp_path, i, blob(0.5, 0.5), text)
        for i, text in enumerate(["polyp", "above the middle", "top center and left"])
    ]
    assert fit_places(examples_of(rows, ["p6"])) == PlaceRule()


@pytest.mark.parametrize(
    ("prompt", "places", "expected"),
    [
        (
            "one polyp, located in top left of the image",
            ["center"],
            "one polyp, located in center of the image",
        ),
        (
            "two small polyp, located in top left, center of the image",
            ["bottom"],
            "one small polyp, located in bottom of the image",
        ),
        (
            "two small polyp, located in left and right",
            ["top", "top"],
            "two small polyp, located in top, top",
        ),
        ("polyps in top left, center of the image", ["bottom"], "polyps in bottom of the image"),
        ("the polyp in the upper left image", ["top right"], "the polyp in the top right image"),
        ("a polyp", ["top"], "a polyp"),
        ("", ["top"], ""),
    ],
)
def test_places_and_their_number_are_replaced_and_all_else_is_kept(
    prompt: str, places: list[str], expected: str
) -> None:
    assert replace_places(prompt, places) == expected


TWO = "two polyp, located in top left, right of the image"


@pytest.mark.parametrize(
    ("prompt", "mask", "expected"),
    [
        (
            TWO,
            blob(0.8, 0.8) | blob(0.2, 0.5),
            "two polyp, located in top, bottom right of the image",
        ),
        (TWO, blob(0.8, 0.8), "one polyp, located in bottom right of the image"),
        (
            TWO,
            blob(0.8, 0.8, (14, 14)) | blob(0.2, 0.5) | blob(0.2, 0.2, (12, 12)),
            "two polyp, located in top left, bottom right of the image",
        ),
        ("the polyps on the left", blob(0.2, 0.5) | blob(0.8, 0.5), "the polyps on the center"),
        (
            "three polyp in left, right, top of it",
            blob(0.2, 0.5) | blob(0.8, 0.5),
            "two polyp in top, bottom of it",
        ),
        (TWO, np.zeros((8, 8), bool), TWO),
        ("polyp", blob(0.2, 0.5), "polyp"),
        ("the lesion at the top, on the left", blob(0.8, 0.8), "the lesion at the bottom right"),
        ("one lesion, left half, upper part", blob(0.8, 0.8), "one lesion, bottom right part"),
        (
            "Two polyp, located in Top left, right",
            blob(0.8, 0.8),
            "One polyp, located in bottom right",
        ),
    ],
)
def test_a_sentence_is_written_anew_from_the_mask_and_known_beforehand(
    prompt: str, mask: np.ndarray, expected: str
) -> None:
    assert PlaceRule().rewrite(prompt, mask) == expected
    versions = PlaceRule().versions(prompt)
    assert expected in versions
    assert len(versions) <= 1 + 9 + 45


def test_one_place_said_with_a_comma_is_one_place(tmp_path: Path) -> None:
    write_mask(tmp_path / "a.png", blob(0.2, 0.2))
    rows = [
        Row("a", tmp_path / "a.png", tmp_path / "a.png", {"p": (prompt,)})
        for prompt in ("lesion, top, on the left", "a lesion, left side, at the top")
    ]
    assert fit_places(examples_of(rows, ["p"])).agreement == 1
    two = Row("a", tmp_path / "a.png", tmp_path / "a.png", {"p": ("two lesions, top, left",)})
    assert fit_places(examples_of([*rows, two], ["p"])).agreement == pytest.approx(2 / 3, abs=1e-4)


def test_the_versions_are_in_a_fixed_order() -> None:
    """A training embeds them in this order; two places come after all single ones."""
    versions = PlaceRule().versions(TWO)
    assert versions[0] == TWO
    assert versions[1] == "one polyp, located in top left of the image"
    assert versions[10] == "two polyp, located in top left, top left of the image"


@pytest.mark.skipif(not KVASIR.is_dir(), reason="the shared data is not here")
def test_kvasirs_rule_is_found() -> None:
    """The set's README: left only below about 0.3 of the width, right from about 0.57."""
    rule = fit_places(examples_of(read_manifest(KVASIR).split("train")[:300], ["p6"]))
    assert rule.n == 300
    assert rule.agreement is not None
    # Of the box around all of a mask: 0.74. A seventh of the sentences name specks that the small
    # masks do not have.
    assert rule.agreement > 0.745
    assert rule.across == (pytest.approx(0.3, abs=0.08), pytest.approx(0.57, abs=0.05))
