"""The seam for output formats: one file, one line, and every way out of the house knows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
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
from saywhere.inference.writers.writer import Options, Paths, Scope, Writer, Written
from saywhere.io import files
from small_run import rows_of

Say = Callable[..., Ended]


def write_area(answers: Sequence[Answer], paths: Paths, options: Options) -> Written:
    files.write_text(paths["area"], str(int(answers[0].mask.sum())))
    return Written(("area",))


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
    assert (ended.code, ended.out) == (
        0,
        f"1 prediction in {out}; left means the left of the image\n",
    )
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
    names = ", ".join(sorted(writers.WRITERS))
    assert "toy" in names
    assert f"no output format 'tiff'; formats: {names}: choose one" in ended.err


def test_names_are_read_from_a_text_or_a_list() -> None:
    assert writers.choose("png") == ["png"]
    assert writers.choose(" coco, png,coco ") == ["coco", "png"]
    assert writers.choose(["png", "coco"]) == ["png", "coco"]
    for nothing in ("", " , ", []):
        with pytest.raises(
            UsageError, match=r"no output format; formats: .*coco, .*png.*: name one"
        ):
            writers.choose(nothing)


def test_a_missing_package_is_said_before_anything_is_segmented(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    absent = Writer({"x": "-x"}, write_area, packages=("pytest", "no_such_package"), extra="some")
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


def test_kinds_choose_the_parts_of_a_format() -> None:
    assert writers.choose_parts("png") == ["mask", "overlay"]
    assert writers.choose_parts("png", "pseudo, mask") == ["mask", "pseudo"]
    assert writers.choose_parts("coco,png", "probability") == ["coco", "probability"]
    message = "no kind of file 'masks'; kinds: mask, overlay, probability, pseudo: choose one"
    with pytest.raises(UsageError, match=message):
        writers.choose_parts("png", "masks")


def test_a_second_kind_does_not_cost_the_files_of_the_first(
    segmenter: Segmenter, pictures: Path, out: Path
) -> None:
    jobs = jobs_for([pictures / "one/a.png"], ["left"])
    run_jobs(segmenter, jobs, out)
    assert {path.name for path in out.glob("*.png")} == {"a-mask.png", "a-overlay.png"}
    assert run_jobs(segmenter, jobs, out, save="probability").n_skipped == 0
    names = {"a-mask.png", "a-overlay.png", "a-probability.png"}
    assert {path.name for path in out.glob("*.png")} == names
    assert run_jobs(segmenter, jobs, out, save="mask,probability").n_skipped == 1


def test_what_there_is_nothing_of_is_not_sought_twice(
    image_only: Path, pictures: Path, out: Path
) -> None:
    jobs = jobs_for([pictures / "one/a.png"], [""])
    segmenter = Segmenter(image_only)
    run_jobs(segmenter, jobs, out, save="mask,pseudo")
    (line,) = rows_of(out / "predictions.jsonl")
    assert line["without"] == ["pseudo"]
    assert run_jobs(segmenter, jobs, out, save="mask,pseudo").n_skipped == 1


def write_count(answers: Sequence[Answer], paths: Paths, options: Options) -> Written:
    files.write_text(paths["count"], " ".join(answer.prompt for answer in answers))
    return Written(("count",), (f"{len(answers)} prompts",))


@pytest.fixture
def shared_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """A format whose files hold all prompts of a picture."""
    writer = Writer({"count": "-count.txt"}, write_count, scope=Scope.INPUT)
    monkeypatch.setitem(writers.WRITERS, "shared", writer)


@pytest.mark.usefixtures("shared_format")
def test_a_file_of_several_prompts_is_written_once_and_made_anew_with_other_prompts(
    segmenter: Segmenter, pictures: Path, out: Path
) -> None:
    image = pictures / "one/a.png"
    three = jobs_for([image], ["left", "right", "upper"])
    outcome = run_jobs(segmenter, three, out, formats="shared")
    assert (out / "a-count.txt").read_text() == "left right upper"
    assert [line["count"] for line in rows_of(out / "predictions.jsonl")] == ["a-count.txt"] * 3
    assert outcome.notes == ["a-count.txt: 3 prompts"]
    assert run_jobs(segmenter, three, out, formats="shared").n_skipped == 3
    two = jobs_for([image], ["left", "right"])
    outcome = run_jobs(segmenter, two, out, formats="shared")
    assert (outcome.n_skipped, outcome.n_others) == (0, 1)
    assert (out / "a-count.txt").read_text() == "left right"
    # The third one's answer is in no file any more, and its line does not say so.
    lines = {line["stem"]: line for line in rows_of(out / "predictions.jsonl")}
    assert "count" not in lines["a-3"]
    assert lines["a-1"]["count"] == "a-count.txt"


@pytest.mark.usefixtures("shared_format")
def test_a_file_of_several_prompts_stays_when_another_format_is_added(
    segmenter: Segmenter, pictures: Path, out: Path
) -> None:
    jobs = jobs_for([pictures / "one"], ["left", "right"])
    run_jobs(segmenter, jobs, out, formats="shared")
    run_jobs(segmenter, jobs, out, formats="png", save="mask")
    assert (out / "a-2-count.txt").read_text() == "left right"
    assert {path.name for path in out.glob("*-mask.png")} == {
        "a-1-mask.png",
        "a-2-mask.png",
        "a-2-1-mask.png",
        "a-2-2-mask.png",
    }
    assert run_jobs(segmenter, jobs, out, formats="png,shared", save="mask").n_skipped == 4


@pytest.mark.usefixtures("shared_format")
def test_a_line_of_another_hand_removes_no_file_outside_of_the_folder(
    segmenter: Segmenter, pictures: Path, out: Path
) -> None:
    jobs = jobs_for([pictures / "one/a.png"], ["left"])
    run_jobs(segmenter, jobs, out, formats="shared")
    outside = out.parent / "my-count.txt"
    outside.write_text("precious")
    ledger = out / "predictions.jsonl"
    ledger.write_text(ledger.read_text().replace("a-count.txt", "../my-count.txt"))
    run_jobs(segmenter, jobs, out, formats="shared", again=True)
    assert outside.read_text() == "precious"


def test_a_format_that_refuses_an_input_does_so_before_any_work(
    segmenter: Segmenter, pictures: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: Path) -> None:
        raise UsageError(f"{file.name} has no patient")

    writer = Writer({"area": "-area.txt"}, write_area, refuse=refuse)
    monkeypatch.setitem(writers.WRITERS, "choosy", writer)
    with pytest.raises(UsageError, match=r"a\.png has no patient"):
        run_jobs(segmenter, jobs_for([pictures / "one/a.png"], ["left"]), out, formats="choosy")
    assert not out.exists()
