from __future__ import annotations

import hashlib
import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage, stats

from saywhere.datasets.synthetic import LEVELS, draw_phantom, make_phantoms
from saywhere.errors import UsageError
from saywhere.text.directions import OPPOSITES, contradict, count_positions

COUNTS = {"n_train": 40, "n_val": 12, "n_test": 16}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_phantoms(tmp_path_factory.mktemp("phantoms"), **COUNTS, seed=3)


@pytest.fixture(scope="module")
def rows(manifest: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def images_of(folder: Path) -> list[str]:
    """The digests of the images alone."""
    return [digest for name, digest in digests(folder).items() if name.startswith("images")]


def mask_of(manifest: Path, row: dict[str, Any]) -> np.ndarray:
    return np.asarray(Image.open(manifest.parent / row["mask"])) > 127


def texts(row: dict[str, Any], level: str) -> list[str]:
    prompts = row["prompts"][level]
    return [prompts] if isinstance(prompts, str) else prompts


def test_equal_seeds_give_equal_bytes_and_other_seeds_other_images(
    tmp_path: Path, manifest: Path
) -> None:
    again, other = (
        make_phantoms(tmp_path / name, **COUNTS, seed=seed).parent
        for name, seed in (("again", 3), ("other", 4))
    )
    assert digests(again) == digests(manifest.parent)
    assert not set(images_of(again)) & set(images_of(other))


def test_more_images_leave_the_first_ones_as_they_are(tmp_path: Path, manifest: Path) -> None:
    larger = digests(make_phantoms(tmp_path, n_train=44, n_val=0, n_test=0, seed=3).parent)
    assert {
        name: digest for name, digest in digests(manifest.parent).items() if "train" in name
    }.items() <= larger.items()


def test_images_are_grey_and_masks_black_or_white(
    manifest: Path, rows: list[dict[str, Any]]
) -> None:
    for row in rows:
        image = Image.open(manifest.parent / row["image"])
        mask = Image.open(manifest.parent / row["mask"])
        assert (image.mode, mask.mode, image.size, mask.size) == ("L", "L", (64, 64), (64, 64))
        assert set(np.unique(np.asarray(mask))) == {0, 255}


def test_rows_are_complete(rows: list[dict[str, Any]]) -> None:
    assert len({row["id"] for row in rows}) == len(rows)
    for row in rows:
        assert set(row["prompts"]) == set(LEVELS)
        assert (row["oracle"], row["frame"], len(row["prompts"]["taught"])) == (True, "image", 8)
        assert row["prompts"]["plain"] in row["prompts"]["taught"]
        assert row["prompts"]["place"] == row["place"]


def test_every_image_has_several_lesions_at_most_one_a_quadrant(rows: list[dict[str, Any]]) -> None:
    places: dict[str, list[str]] = {}
    for row in rows:
        places.setdefault(row["image"], []).append(row["place"])
    assert {len(named) for named in places.values()} == {2, 3, 4}
    assert all(len(set(named)) == len(named) for named in places.values())
    assert all(row["lesions"] == len(places[row["image"]]) for row in rows)


@pytest.mark.parametrize("size", [32, 48, 64, 97, 112])
def test_the_mask_is_one_piece_well_inside_of_the_quadrant_that_the_words_name(size: int) -> None:
    half = size / 2
    for index in range(30):
        for lesion in draw_phantom("train", index, size=size)[1]:
            row, column = np.nonzero(lesion.mask)
            assert ndimage.label(lesion.mask)[1] == 1
            rows = (
                (row.min() >= 1 and row.max() < half - 1)
                if lesion.place.startswith("upper")
                else (row.min() > half and row.max() <= size - 2)
            )
            columns = (
                (column.min() >= 1 and column.max() < half - 1)
                if lesion.place.endswith("left")
                else (column.min() > half and column.max() <= size - 2)
            )
            assert rows
            assert columns


def test_the_attributes_are_seen_in_the_image() -> None:
    areas: dict[bool, list[int]] = {True: [], False: []}
    for index in range(60):
        image, lesions = draw_phantom("train", index)
        for lesion in lesions:
            around = ndimage.binary_dilation(lesion.mask, iterations=6) & ~ndimage.binary_dilation(
                lesion.mask, iterations=2
            )
            assert (
                (image[lesion.mask].mean() - image[around].mean() > 12)
                if lesion.bright
                else (image[around].mean() - image[lesion.mask].mean() > 12)
            )
            areas[lesion.large].append(int(lesion.mask.sum()))
    assert max(areas[False]) < min(areas[True])
    assert min(areas[False]) > 30


def test_no_unseen_wording_is_ever_taught(rows: list[dict[str, Any]]) -> None:
    taught = {text for row in rows for text in texts(row, "taught")}
    assert not taught & {text for row in rows for text in texts(row, "unseen")}


def test_every_prompt_says_a_place_and_no_other_row_of_its_image_says_the_same(
    rows: list[dict[str, Any]],
) -> None:
    for level in LEVELS:
        assert all(contradict(text) for row in rows for text in texts(row, level))
        for one, other in combinations(rows, 2):
            assert one["image"] != other["image"] or not set(texts(one, level)) & set(
                texts(other, level)
            )


@pytest.mark.parametrize("rows_per_image", [None, 1, 2])
def test_opposite_words_are_said_equally_often(tmp_path: Path, rows_per_image: int | None) -> None:
    path = make_phantoms(
        tmp_path, n_train=64, n_val=0, n_test=0, size=32, seed=8, rows_per_image=rows_per_image
    )
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for level in LEVELS:
        counts = count_positions(text for row in rows for text in texts(row, level))
        assert counts["left"] > 0
        assert all(counts[word] == counts[opposite] for word, opposite in OPPOSITES.items())


def test_the_image_does_not_tell_which_lesion_was_drawn_first() -> None:
    first: list[tuple[float, ...]] = []
    others: list[tuple[float, ...]] = []
    for index in range(200):
        image, lesions = draw_phantom("train", index, size=48)
        described = [
            (lesion.mask.sum(), image[lesion.mask].mean(), *np.argwhere(lesion.mask).mean(0))
            for lesion in lesions
        ]
        first.append(described[0])
        others += described[1:]
    for one, other in zip(np.transpose(first), np.transpose(others)):  # area, tone, row, column
        assert stats.ks_2samp(one, other).pvalue > 0.01


@pytest.mark.parametrize(("rows_per_image", "expected"), [(1, 68), (2, 136)])
def test_rows_per_image_takes_the_first_drawn(
    tmp_path: Path, rows: list[dict[str, Any]], rows_per_image: int, expected: int
) -> None:
    few = [
        json.loads(line)
        for line in make_phantoms(tmp_path, **COUNTS, seed=3, rows_per_image=rows_per_image)
        .read_text()
        .splitlines()
    ]
    assert len(few) == expected
    assert {row["id"] for row in few} < {row["id"] for row in rows}


def test_no_image_or_patient_stands_in_two_splits(
    manifest: Path, rows: list[dict[str, Any]]
) -> None:
    for key in ("image", "group"):
        groups: dict[str, set[str]] = {"train": set(), "val": set(), "test": set()}
        for row in rows:
            groups[row["split"]].add(row[key])
        assert all(not groups[one] & groups[other] for one, other in combinations(groups, 2))
    images = images_of(manifest.parent)
    assert len(images) == len(set(images)) == 68


def test_a_second_run_with_fewer_rows_leaves_one_whole_manifest(tmp_path: Path) -> None:
    make_phantoms(tmp_path, n_train=4, n_val=0, n_test=0)
    path = make_phantoms(tmp_path, n_train=2, n_val=0, n_test=0, rows_per_image=1)
    assert len(path.read_text().splitlines()) == 2
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["manifest.jsonl"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_train": -1}, r"n_train is -1 in make_phantoms; .*0 or more"),
        ({"n_train": 0}, r"no images were asked for"),
        ({"size": 16}, r"size is 16 .*at least 32 pixels .*try 32"),
        ({"rows_per_image": 0}, r"rows_per_image is 0 .*leave it out"),
    ],
)
def test_bad_input_names_what_is_allowed(
    tmp_path: Path, wrong: dict[str, int], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        make_phantoms(tmp_path / "new", **{"n_train": 1, "n_val": 0, "n_test": 0, **wrong})
    assert not (tmp_path / "new").exists()
