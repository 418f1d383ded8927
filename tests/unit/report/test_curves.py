"""Training against steps, and how Dice is distributed over the images."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from saywhere.config import Config
from unit.report.parsed import page


def test_training_is_drawn_against_steps(run: Path) -> None:
    text = page(run).text
    assert "32 1280 step" in text  # 40 epochs of 32 steps
    (run / "checkpoints/best/state.json").unlink()
    text = page(run).text
    assert "1 40 epoch" in text
    (run / "config.toml").write_text(Config().replace(**{"train.steps_per_epoch": 10}).to_toml())
    assert "10 400 step" in page(run).text


@pytest.mark.parametrize(
    "state", [{}, {"step": 7, "history": []}, {"step": 7, "history": [1, 2]}, {"step": "x"}, 3]
)
def test_steps_that_make_no_sense_are_epochs(
    run: Path, fake: SimpleNamespace, state: object
) -> None:
    fake.write(run / "checkpoints/best/state.json", {"state": state})
    assert "1 40 epoch" in page(run).text


def test_dice_per_image_is_a_histogram_with_its_numbers(run: Path) -> None:
    built = page(run)
    assert "40 images, median 0.512, 19 below 0.5" in built.text
    assert "40 images, median 0.300, 40 below 0.5" in built.text
    labels = [drawing.get("aria-label", "") for drawing in built.of("svg")]
    assert (
        "Histogram of Dice per image: 40 images, median 0.512, 19 below 0.5, "
        "lowest 0.025, highest 1.000" in labels
    )
