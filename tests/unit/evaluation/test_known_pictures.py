"""Which pictures a model knows: learned by `calibrate`, told with every answer, passed on."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import saywhere
from saywhere.config import Config
from saywhere.data.manifest_row import Row
from saywhere.datasets.synthetic import make_phantoms
from saywhere.evaluation import known_pictures
from saywhere.evaluation.known_pictures import MOST_PICTURES, Seen, one_per_picture
from saywhere.hub.digests import verified
from saywhere.hub.metadata import About
from saywhere.hub.registry import push
from saywhere.inference.segmenter import STRANGE
from saywhere.runs import picture_file
from small_run import once, rows_of


@pytest.fixture
def phantoms(shared: Path) -> Path:
    """80 pictures to know, 60 to take the limit from, 20 more."""
    return once(
        "known phantoms",
        lambda: make_phantoms(
            shared / "known phantoms",
            n_train=80,
            n_val=60,
            n_test=20,
            size=32,
            seed=5,
            rows_per_image=1,
        ),
    )


@pytest.fixture
def calibrated(trained: Path, shared: Path, phantoms: Path, tmp_path: Path) -> Path:
    """A small run that knows its pictures."""

    def make() -> Path:
        run = shutil.copytree(trained, shared / "knows its pictures")
        found = saywhere.calibrate(run, manifest=phantoms)
        assert found["n_pictures"] == 80
        return run

    return shutil.copytree(once("knows its pictures", make), tmp_path / "run")


def test_its_own_pictures_are_known_and_a_chessboard_is_not(
    calibrated: Path, phantoms: Path
) -> None:
    segmenter = saywhere.load(calibrated)
    own = [phantoms.parent / row["image"] for row in rows_of(phantoms) if row["split"] == "test"]
    known = segmenter.segment_many(own, ["the bright spot"] * len(own))
    is_far = np.array([result.picture_unfamiliarity for result in known]) > 1
    assert is_far.mean() <= 0.2
    chequered = np.kron(np.indices((8, 8)).sum(0) % 2, np.full((4, 4), 255)).astype(np.uint8)
    strange = segmenter.segment(chequered, "the bright spot")
    assert strange.picture_unfamiliarity > 1
    assert strange.expected_dice is None
    assert strange.to_json()["picture_unfamiliarity"] > 1
    told = [STRANGE in result.warnings for result in (*known, strange)]
    assert told == [*is_far, True]


def test_a_batch_and_one_picture_are_told_alike(calibrated: Path, phantoms: Path) -> None:
    segmenter = saywhere.load(calibrated)
    own = [phantoms.parent / row["image"] for row in rows_of(phantoms)][:3]
    together = segmenter.segment_many(own, ["a spot"] * 3)
    for picture, result in zip(own, together):
        alone = segmenter.segment(picture, "a spot")
        assert alone.picture_unfamiliarity == pytest.approx(result.picture_unfamiliarity, rel=1e-4)


def test_it_is_passed_on_with_the_model_and_counts_in_its_digest(
    calibrated: Path, tmp_path: Path
) -> None:
    push(calibrated, str(tmp_path / "model"), About())
    verified(tmp_path / "model")
    passed, own = saywhere.load(tmp_path / "model"), saywhere.load(calibrated)
    assert passed.known_pictures is not None
    assert picture_file.identity(passed.known_pictures) == picture_file.identity(
        own.known_pictures  # type: ignore[arg-type]
    )
    before = own.digest
    (calibrated / picture_file.FILE).unlink()
    without = saywhere.load(calibrated)
    assert without.digest != before
    assert without.segment(np.zeros((40, 40), np.uint8), "a spot").picture_unfamiliarity is None


def test_too_few_pictures_teach_nothing_of_their_kind(run_copy: Path) -> None:
    found = saywhere.calibrate(run_copy, split="train")
    assert found["n_pictures"] is None
    assert not (run_copy / picture_file.FILE).exists()


def test_each_picture_counts_once_and_many_are_drawn_alike_each_time() -> None:
    rows = [
        Row(str(number), Path(f"{number // 3}.png")) for number in range(3 * MOST_PICTURES + 60)
    ]
    chosen = one_per_picture(rows)
    assert len({row.image for row in chosen}) == len(chosen) == MOST_PICTURES
    assert chosen == one_per_picture(rows)
    assert one_per_picture(rows[:7]) == [rows[0], rows[3], rows[6]]


def shown(n: int, name: str, start: int = 0) -> list[Row]:
    numbers = range(start, start + n)
    return [Row(f"{name} {i}", Path(f"{name} {i}.png"), extra={"shows": name}) for i in numbers]


def test_each_target_is_a_kind_of_its_own_where_the_rows_name_it() -> None:
    data = Config().replace(**{"data.target_column": "shows"}).data
    random = np.random.default_rng(0)
    rows = [*shown(70, "polyp"), *shown(60, "lung"), *shown(9, "tumor")]
    held = [*shown(55, "lung", 100), *shown(60, "polyp", 100), *shown(60, "tumor", 100)]
    at = {"polyp": -8.0, "lung": 8.0, "tumor": 30.0}

    def features(of: list[Row]) -> np.ndarray:
        return np.stack([random.normal(size=6) + at[str(row.extra["shows"])] for row in of])

    known = Seen(rows, [""] * len(rows), features(rows), features(rows))
    learned = known_pictures.learn(known, held, features(held), data)
    assert learned is not None
    assert [kind.n for kind in learned.kinds] == [70, 60]  # of tumors too few are known
    for kind, place in zip(learned.kinds, (-8, 8)):
        np.testing.assert_allclose(kind.mean, place, atol=0.6)
    alone = known_pictures.learn(known, held, features(held), Config().data)
    assert alone is not None
    assert [kind.n for kind in alone.kinds] == [139]


def test_a_rare_target_is_drawn_as_often_as_a_frequent_one() -> None:
    data = Config().replace(**{"data.target_column": "shows"}).data
    rows = [*shown(3 * MOST_PICTURES, "polyp"), *shown(MOST_PICTURES // 3, "lung")]
    chosen = known_pictures._of_each_target(data, rows)
    counts = Counter(str(row.extra["shows"]) for row in chosen)
    assert counts == {"polyp": MOST_PICTURES // 2, "lung": MOST_PICTURES // 3}


def test_a_picture_with_a_row_for_each_of_two_targets_is_of_both_kinds() -> None:
    data = Config().replace(**{"data.target_column": "shows"}).data
    rows = [
        Row(f"{i} {name}", Path(f"{i}.png"), extra={"shows": name})
        for i in range(60)
        for name in ("left lung", "right lung")
    ]
    chosen = known_pictures._of_each_target(data, rows)
    assert Counter(str(row.extra["shows"]) for row in chosen) == {"left lung": 60, "right lung": 60}
