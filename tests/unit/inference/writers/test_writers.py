"""The seam for output formats: one file, one line, and every way out of the house knows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from console import Ended
from saywhere.errors import MissingExtra, UsageError
from saywhere.inference import writers
from saywhere.inference.answer import Answer
from saywhere.inference.batch import run_jobs
from saywhere.inference.requests import jobs_for
from saywhere.inference.segmenter import Segmenter
from saywhere.inference.writers.writer import Paths, Writer
from saywhere.io import files
from small_run import rows_of

Say = Callable[..., Ended]


def write_area(answer: Answer, paths: Paths) -> list[str]:
    files.write_text(paths["area"], str(int(answer.mask.sum())))
    return ["area"]


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new format: the line that its author adds."""
    monkeypatch.setitem(writers.WRITERS, "toy", Writer({"area": "-area.txt"}, write_area))


@pytest.fixture(scope="module")
def segmenter(trained: Path) -> Segmenter:
    return Segmenter(trained)


@pytest.mark.usefixtures("toy")
def test_a_toy_format_is_written_by_predict(
    say: Say, trained: Path, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    image = pictures / "one/a.png"
    call = ("predict", trained, image, "-p", "left", "--out", out, "--format", "toy")
    ended = say(*call)
    assert (ended.code, ended.out) == (0, f"1 prediction in {out}\n")
    assert {path.name for path in out.iterdir()} == {"a-area.txt", "predictions.jsonl"}
    (line,) = rows_of(out / "predictions.jsonl")
    assert line["area"] == "a-area.txt"
    assert int((out / "a-area.txt").read_text()) == line["area_px"]
    assert "1 of them done before" in say(*call).out


@pytest.mark.usefixtures("toy")
def test_a_toy_format_is_written_by_save(segmenter: Segmenter, out: Path) -> None:
    result = segmenter.segment(np.full((8, 9), 90, np.uint8), "left")
    assert result.save(out, "b", format="toy") == {"area": out / "b-area.txt"}


@pytest.mark.usefixtures("toy")
def test_a_refused_name_lists_it(say: Say, trained: Path, tmp_path: Path) -> None:
    ended = say("predict", trained, tmp_path, "-p", "left", "--format", "png,tiff")
    assert (ended.code, ended.out) == (2, "")
    assert "no output format 'tiff'; formats: coco, png, toy: choose one" in ended.err


def test_names_are_read_from_a_text_or_a_list() -> None:
    assert writers.choose("png") == ["png"]
    assert writers.choose(" coco, png,coco ") == ["coco", "png"]
    assert writers.choose(["png", "coco"]) == ["png", "coco"]
    for nothing in ("", " , ", []):
        with pytest.raises(UsageError, match="no output format; formats: coco, png: name one"):
            writers.choose(nothing)


def test_a_missing_package_is_said_before_anything_is_segmented(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    absent = Writer({"x": "-x"}, write_area, package="no_such_package", extra="some")
    monkeypatch.setitem(writers.WRITERS, "absent", absent)
    message = (
        r"format 'absent' needs no_such_package, which is not installed: "
        r"pip install 'saywhere\[some\]'"
    )
    with pytest.raises(MissingExtra, match=message):
        writers.choose("absent")


def test_no_two_formats_share_a_part_or_a_file() -> None:
    parts = Counter(part for writer in writers.WRITERS.values() for part in writer.endings)
    endings = Counter(end for writer in writers.WRITERS.values() for end in writer.endings.values())
    assert max(parts.values()) == 1
    assert max(endings.values()) == 1


@pytest.mark.usefixtures("toy")
def test_a_second_format_does_not_cost_the_files_of_the_first(
    segmenter: Segmenter, pictures: Path, out: Path
) -> None:
    jobs = jobs_for([pictures / "one/a.png"], ["left"])
    run_jobs(segmenter, jobs, out)
    mask = (out / "a-mask.png").read_bytes()
    outcome = run_jobs(segmenter, jobs, out, formats="toy")
    assert outcome.n_skipped == 0
    assert (out / "a-mask.png").read_bytes() == mask
    (line,) = rows_of(out / "predictions.jsonl")
    assert (line["area"], line["mask"]) == ("a-area.txt", "a-mask.png")
    assert run_jobs(segmenter, jobs, out, formats="png,toy").n_skipped == 1
    assert run_jobs(segmenter, jobs, out).n_skipped == 1
