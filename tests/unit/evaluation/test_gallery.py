"""Which pictures an evaluation shows (that they are written is in test_evaluate)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saywhere.data.manifest import read_manifest
from saywhere.data.manifest_row import Row
from saywhere.evaluation import gallery
from saywhere.evaluation.cases import Case
from saywhere.inference.segmenter import Segmenter


def case(number: object, dice: float, prompt: str = "") -> Case:
    return Case(str(number), "right", prompt, dice, *[0.5] * 5, *[1] * 3)


def cases(*dice: float) -> list[Case]:
    return [case(number, value) for number, value in enumerate(dice)]


def test_best_median_and_worst_are_by_dice() -> None:
    ranked = gallery._ranked(cases(0.5, 0.1, 0.9, 0.7, 0.3, 0.8, 0.2))
    assert [(rank, one.dice) for rank, _, one in ranked] == [
        ("best", 0.9),
        ("best", 0.8),
        ("median", 0.3),
        ("median", 0.5),
        ("worst", 0.1),
        ("worst", 0.2),
    ]


@pytest.mark.parametrize(
    ("dice", "shown"),
    [
        ([0.5], [("best", 0.5)]),
        ([0.5, 0.7], [("best", 0.7), ("worst", 0.5)]),
        ([0.5, 0.7, 0.6], [("best", 0.7), ("median", 0.6), ("worst", 0.5)]),
        ([0.5, 0.7, 0.6, 0.9], [("best", 0.9), ("median", 0.6), ("worst", 0.5)]),
        ([0.1, 0.2, 0.3, 0.4, 0.5], [("best", 0.5), ("median", 0.3), ("worst", 0.1)]),
    ],
)
def test_of_few_cases_each_is_shown_once(dice: list[float], shown: list[tuple[str, float]]) -> None:
    assert [(rank, one.dice) for rank, _, one in gallery._ranked(cases(*dice))] == shown


def test_pictures_of_an_earlier_evaluation_do_not_stay(
    trained: Path, manifest: Path, tmp_path: Path
) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures/old.png").write_text("old")
    row = read_manifest(manifest).split("test")[0]
    gallery.write(
        tmp_path,
        Segmenter(trained),
        [row],
        [case(row.id, 0.5, "the lesion in the upper left")],
    )
    assert "old.png" not in {path.name for path in (tmp_path / "pictures").iterdir()}


def test_where_an_image_has_one_lesion_it_is_asked_with_its_own_the_opposite_and_no_words(
    trained: Path, manifest: Path, tmp_path: Path
) -> None:
    row = read_manifest(manifest).split("test")[0]
    gallery.write(
        tmp_path,
        Segmenter(trained),
        [row],
        [case(row.id, 0.5, "lesion, upper left")],
    )
    asked = json.loads((tmp_path / "pictures.json").read_text())["prompts"]
    assert [answer["prompt"] for answer in asked[0]["answers"]] == [
        "lesion, upper left",
        "lesion, lower right",
        "",
    ]
    assert [answer["dice"] is None for answer in asked[0]["answers"]] == [False, True, True]


def test_the_most_the_median_and_the_least_changed_by_contradictory_words_are_asked() -> None:
    rows = [Row(str(i), Path(f"{i}.png"), Path(f"{i}-mask.png")) for i in range(5)]
    right = [case(i, 0.9, f"upper left {i}") for i in range(5)]
    wrong = [case(i, dice, f"lower right {i}") for i, dice in enumerate((0.5, 0.9, 0.1, 0.8, 0.7))]
    asked = gallery._one_lesion(rows, right, wrong)
    assert [question.image.stem for question in asked] == ["2", "4", "1"]
    assert asked[0].prompts == [
        ("upper left 2", Path("2-mask.png")),
        ("lower right 2", None),
        ("", None),
    ]


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((50, 70), (50, 70)),
        ((800, 20), (800, 20)),
        ((1600, 1200), (800, 600)),
        ((1, 9999), (1, 800)),
    ],
)
def test_large_pictures_are_shrunk_to_what_a_report_shows(
    tmp_path: Path, size: tuple[int, int], shown: tuple[int, int]
) -> None:
    gallery._draw(tmp_path / "image.png", np.full((*size, 3), 90, np.uint8))
    gallery._draw(tmp_path / "grey.png", np.full((*size, 1), 90, np.uint8))
    gallery._draw_mask(tmp_path / "mask.png", np.ones(size, bool))
    for name, mode, values in (("image", "RGB", 90), ("grey", "L", 90), ("mask", "L", 255)):
        picture = Image.open(tmp_path / f"{name}.png")
        assert (picture.size, picture.mode) == (shown[::-1], mode)
        assert set(np.unique(np.asarray(picture))) == {values}
