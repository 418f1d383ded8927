"""Which pictures a model knows: learned by `calibrate`, told with every answer, passed on."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import saywhere
from saywhere.datasets.synthetic import make_phantoms
from saywhere.evaluation.known_pictures import MOST_PICTURES, one_per_picture
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
    class Row:
        def __init__(self, image: int) -> None:
            self.image = image

    rows = [Row(number // 3) for number in range(3 * MOST_PICTURES + 60)]
    chosen = one_per_picture(rows)  # type: ignore[arg-type]
    assert len({row.image for row in chosen}) == len(chosen) == MOST_PICTURES
    assert chosen == one_per_picture(rows)  # type: ignore[arg-type]
    assert one_per_picture(rows[:7]) == [rows[0], rows[3], rows[6]]  # type: ignore[arg-type]
