"""Sentences from masks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import saywhere
from saywhere.datasets.describe import describe
from saywhere.errors import UsageError


def blob(
    down: float, across: float, radius: tuple[float, float] = (9, 9), size: int = 120
) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size] + 0.5
    return ((rows - down * size) / radius[0]) ** 2 + (
        (columns - across * size) / radius[1]
    ) ** 2 < 1


def test_number_size_shape_and_place_are_said_in_the_grammar_of_the_public_sets() -> None:
    assert (
        describe(blob(0.2, 0.2), "polyp")
        == "one small round polyp, located in top left of the image"
    )
    assert (
        describe(blob(0.5, 0.5, (40, 40)), "lesion")
        == "one large round lesion, located in center of the image"
    )
    assert (
        describe(blob(0.8, 0.5, (6, 30)), "lesion")
        == "one medium elongated lesion, located in bottom of the image"
    )
    assert (
        describe(blob(0.2, 0.2) | blob(0.8, 0.8), "polyp")
        == "two medium polyps, located in top left, bottom right of the image"
    )
    assert describe(np.zeros((8, 8), bool), "polyp") == "no polyp"


@pytest.mark.parametrize(
    ("minor", "shape"),
    [(20, "round"), (17, "round"), (15, "oval"), (11, "oval"), (9, "elongated"), (4, "elongated")],
)
def test_the_shape_is_the_ratio_of_the_ellipses_axes(minor: float, shape: str) -> None:
    assert f" {shape} " in describe(blob(0.5, 0.5, (20, minor)), "polyp")
    assert f" {shape} " in describe(blob(0.5, 0.5, (minor, 20)), "polyp")


def test_crumbs_are_no_lesions() -> None:
    mask = blob(0.5, 0.5, (30, 30))
    mask[:2, :2] = True
    assert describe(mask, "polyp") == "one large round polyp, located in center of the image"


def test_of_many_each_place_is_said_once() -> None:
    mask = np.logical_or.reduce(
        [blob(0.1, across, (3, 3)) for across in (0.1, 0.25, 0.5, 0.7, 0.8, 0.9)]
    )
    assert (
        describe(mask, "cell")
        == "many small cells, located in top left, top, top right of the image"
    )


def test_a_mask_may_come_in_any_form_and_must_be_one() -> None:
    mask = blob(0.2, 0.2)
    for form in (
        mask,
        mask.astype(np.uint8) * 255,
        torch.from_numpy(mask)[None].float(),
        Image.fromarray(mask.astype(np.uint8) * 255),
    ):
        assert (
            saywhere.describe(form, "polyp")
            == "one small round polyp, located in top left of the image"
        )
    assert saywhere.describe(mask).startswith("one small round lesion")
    with pytest.raises(UsageError, match="a mask is a dict"):
        saywhere.describe({}, "polyp")
    for target in ("", 3):
        with pytest.raises(UsageError, match=r"target is .* in describe; a noun"):
            saywhere.describe(mask, target)  # type: ignore[arg-type]
