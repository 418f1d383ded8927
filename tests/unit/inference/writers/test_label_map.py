"""Label maps: each pixel belongs to the surer answer, and the overlap is counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from console import Ended
from saywhere.errors import UsageError
from saywhere.inference.answer import Answer
from saywhere.inference.writers.label_map import WRITER, join
from saywhere.inference.writers.writer import Options


def answers_of(answer: Answer, *rows: list[float]) -> list[Answer]:
    """One answer for each row of probabilities, in an image of one row."""
    probabilities = [np.array([row], np.float32) for row in rows]
    image = np.zeros((1, len(rows[0]), 1), np.uint8)
    return [
        replace(answer, image=image, prompt=f"p{i}", probability=values, mask=values > 0.5)
        for i, values in enumerate(probabilities)
    ]


def test_the_surer_answer_has_the_pixel(answer: Answer) -> None:
    answers = answers_of(answer, [0.9, 0.6, 0.1, 0.7, 0.4], [0.8, 0.7, 0.2, 0.7, 0.9])
    # Of equal ones the first; a probability below the threshold wins nothing.
    assert join(answers).tolist() == [[1, 2, 0, 1, 2]]


def test_the_legend_says_which_value_is_which_and_how_much_overlaps(
    answer: Answer, out: Path
) -> None:
    answers = answers_of(answer, [0.9, 0.6, 0.1, 0.7, 0.4], [0.8, 0.7, 0.2, 0.7, 0.9])
    paths = WRITER.paths(out, "a")
    written = WRITER.write(answers, paths, Options())
    assert written.parts == ("labels", "legend")
    assert written.notes == (
        "3 pixels are in the masks of several prompts; the surer answer has each",
    )
    assert np.asarray(Image.open(paths["labels"])).tolist() == [[1, 2, 0, 1, 2]]
    legend = json.loads(paths["legend"].read_text())
    assert [(row["value"], row["prompt"]) for row in legend["labels"]] == [(1, "p0"), (2, "p1")]
    assert [row["area_px"] for row in legend["labels"]] == [2, 2]
    assert [row["mask_area_px"] for row in legend["labels"]] == [3, 4]
    assert (legend["background"], legend["overlap_px"]) == (0, 3)


def test_masks_that_do_not_overlap_need_no_note(answer: Answer, out: Path) -> None:
    written = WRITER.write(
        answers_of(answer, [0.9, 0.1], [0.1, 0.9]), WRITER.paths(out, "a"), Options()
    )
    assert written.notes == ()


def test_more_prompts_than_a_byte_counts_are_refused(answer: Answer, out: Path) -> None:
    with pytest.raises(UsageError, match="256 prompts for one label map; at most 255"):
        WRITER.write([answer] * 256, WRITER.paths(out, "a"), Options())
    assert not out.exists()


def test_predict_writes_one_map_of_all_prompts_and_tells_of_the_overlap(
    say: Callable[..., Ended], trained: Path, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    call = ("predict", trained, pictures / "one/a.png", "-p", "left", "-p", "right")
    ended = say(*call, "--out", out, "--format", "labels", "--threshold", "0.001")
    assert ended.code == 0
    assert {path.name for path in out.iterdir()} == {
        "a-labels.png",
        "a-labels.json",
        "predictions.jsonl",
    }
    # At this threshold both mark everything.
    assert "a-labels.json: 1,024 pixels are in the masks of several prompts" in ended.err
