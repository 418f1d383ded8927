"""A folder of pictures: nothing is lost, nothing overwrites anything."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from saywhere.errors import UsageError
from saywhere.inference.batch import run_jobs
from saywhere.inference.outcome import Outcome
from saywhere.inference.requests import Job, jobs_for
from saywhere.inference.segmenter import Segmenter
from small_run import rows_of


def lines_of(outcome: Outcome) -> list[dict[str, Any]]:
    """Its predictions, as predictions.jsonl holds them."""
    return [prediction.to_json() for prediction in outcome.predictions]


@pytest.fixture(scope="module")
def segmenter(trained: Path) -> Segmenter:
    return Segmenter(trained)


def test_equal_names_do_not_overwrite_each_other(segmenter: Segmenter, pictures: Path) -> None:
    jobs = jobs_for([pictures / "one", pictures / "two/a.png"], ["upper left"])
    assert [(job.image.relative_to(pictures).as_posix(), job.stem) for job in jobs] == [
        ("one/a.bmp", "a"),
        ("one/a.png", "a-2"),
        ("two/a.png", "a-3"),
    ]
    outcome = run_jobs(segmenter, jobs, pictures / "out")
    predictions = outcome.predictions
    assert (len(predictions), outcome.failures, outcome.n_skipped, outcome.n_others) == (
        3,
        [],
        0,
        0,
    )
    assert len(list((pictures / "out").glob("*.png"))) == 6
    for job, record in zip(jobs, predictions):
        alone = segmenter.segment(job.image, job.prompt)
        assert np.array_equal(
            np.asarray(Image.open(pictures / "out" / record.files["mask"])) > 0, alone.mask
        )
        assert record.confidence == (
            pytest.approx(float(alone.probability[alone.mask].mean()), abs=1e-4)
            if alone.mask.any()
            else None
        )
        assert record.presence == pytest.approx(float(alone.probability.max()), abs=1e-4)
        assert (record.size, record.area_px) == ((32, 32), int(alone.mask.sum()))


def test_an_unreadable_or_vanished_picture_is_set_aside_and_the_others_are_done(
    segmenter: Segmenter, pictures: Path
) -> None:
    (pictures / "one/b.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (pictures / "one/c.png").write_text("text")
    jobs = [
        *jobs_for([pictures / "one", pictures / "two"], ["left"]),
        Job(pictures / "gone.png", "left", "gone"),
    ]
    counted: list[int] = []
    outcome = run_jobs(segmenter, jobs, pictures / "out", advance=counted.append)
    predictions, failures = outcome.predictions, outcome.failures
    assert (len(predictions), len(failures), sum(counted)) == (3, 3, 6)
    written = outcome.to_json()
    assert rows_of(pictures / "out/predictions.jsonl") == written["predictions"]
    assert rows_of(pictures / "out/failures.jsonl") == written["failures"]
    assert [(Path(failure.image or "").name, failure.code) for failure in failures] == [
        ("b.png", "unreadable_file"),
        ("c.png", "unreadable_file"),
        ("gone.png", "missing_file"),
    ]


def test_the_list_of_failures_of_an_earlier_run_does_not_stay(
    segmenter: Segmenter, pictures: Path
) -> None:
    (pictures / "out").mkdir()
    (pictures / "out/failures.jsonl").write_text("{}\n")
    run_jobs(segmenter, jobs_for([pictures / "two"], ["left"]), pictures / "out")
    assert not (pictures / "out/failures.jsonl").exists()


def test_a_given_picture_is_never_overwritten(segmenter: Segmenter, pictures: Path) -> None:
    shutil.copy(pictures / "two/a.png", pictures / "two/a-mask.png")
    before = (pictures / "two/a-mask.png").read_bytes()
    with pytest.raises(
        UsageError,
        match=r"a-mask\.png would be overwritten, and it is one of the pictures: choose another f",
    ):
        run_jobs(segmenter, jobs_for([pictures / "two"], ["left"]), pictures / "two")
    assert (pictures / "two/a-mask.png").read_bytes() == before
    assert not (pictures / "two/predictions.jsonl").exists()


def test_a_link_to_a_given_picture_is_never_replaced(segmenter: Segmenter, pictures: Path) -> None:
    (pictures / "out").mkdir()
    (pictures / "out/a-mask.png").symlink_to(pictures / "two/a.png")
    with pytest.raises(UsageError, match=r"a-mask\.png would be overwritten"):
        run_jobs(segmenter, jobs_for([pictures / "two"], ["left"]), pictures / "out")


def test_a_second_run_writes_the_same(segmenter: Segmenter, pictures: Path) -> None:
    jobs = jobs_for([pictures / "one"], ["left"])
    found = []
    for _ in range(2):
        run_jobs(segmenter, jobs, pictures / "out")
        found.append({path.name: path.read_bytes() for path in (pictures / "out").iterdir()})
    assert found[0] == found[1]


def calls(
    monkeypatch: pytest.MonkeyPatch, segmenter: Segmenter, stop_at: int | None = None
) -> list[str]:
    """The prompts that are segmented from now on; at `stop_at` the process is interrupted."""
    prompts: list[str] = []
    real = Segmenter.read

    def read(self: Segmenter, prompt: str, *rest: Any) -> Any:
        prompts.append(prompt)
        if len(prompts) == stop_at:
            raise KeyboardInterrupt
        return real(self, prompt, *rest)

    monkeypatch.setattr(Segmenter, "read", read)
    return prompts


def test_what_is_done_is_not_done_twice_unless_asked_for(
    segmenter: Segmenter, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = jobs_for([pictures / "one"], ["left", "right"])
    out = pictures / "out"
    first = run_jobs(segmenter, jobs, out)
    prompts = calls(monkeypatch, segmenter)
    counted: list[int] = []
    second = run_jobs(segmenter, jobs, out, advance=counted.append)
    assert (second.predictions, second.n_skipped, prompts, sum(counted)) == (
        first.predictions,
        4,
        [],
        4,
    )
    assert run_jobs(segmenter, jobs, out, again=True).n_skipped == 0
    assert len(prompts) == 4


def test_a_stopped_batch_goes_on_with_the_case_in_flight(
    segmenter: Segmenter, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = jobs_for([pictures / "one"], ["left", "right"])
    out = pictures / "out"
    with monkeypatch.context() as patch:
        calls(patch, segmenter, stop_at=3)
        patch.setattr(Segmenter, "batch_size", 2)
        with pytest.raises(KeyboardInterrupt):
            run_jobs(segmenter, jobs, out)
    # Two threads write: either line may be the first.
    assert sorted(row["mask"] for row in rows_of(out / "predictions.jsonl")) == [
        "a-1-mask.png",
        "a-2-mask.png",
    ]
    with (out / "predictions.jsonl").open("a") as ledger:
        ledger.write('{"image": "cut of')  # as a kill in the middle of a write leaves it
    prompts = calls(monkeypatch, segmenter)
    outcome = run_jobs(segmenter, jobs, out)
    assert (len(prompts), outcome.n_skipped) == (2, 2)
    assert rows_of(out / "predictions.jsonl") == lines_of(outcome)
    assert [prediction.files["mask"] for prediction in outcome.predictions] == [
        "a-1-mask.png",
        "a-2-mask.png",
        "a-2-1-mask.png",
        "a-2-2-mask.png",
    ]


@pytest.mark.parametrize("change", ["image", "prompt", "threshold", "model", "file", "ledger"])
def test_an_old_result_counts_only_under_the_same_terms(
    segmenter: Segmenter, pictures: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    picture, out = pictures / "two/a.png", pictures / "out"
    run_jobs(segmenter, jobs_for([picture], ["left"]), out)
    if change == "image":
        shutil.copy(pictures / "one/a.png", picture)
    elif change == "model":
        monkeypatch.setitem(vars(segmenter), "digest", "another")
    elif change == "file":
        (out / "a-overlay.png").unlink()
    elif change == "ledger":
        (out / "predictions.jsonl").write_text('null\n{"mask": 7}\n{"mask": "../a-mask.png"}\n')
    prompts = calls(monkeypatch, segmenter)
    threshold = 0.9 if change == "threshold" else None
    outcome = run_jobs(
        segmenter,
        jobs_for([picture], ["right" if change == "prompt" else "left"]),
        out,
        threshold=threshold,
    )
    assert (len(prompts), outcome.n_skipped, outcome.n_others) == (1, 0, 0)
    assert rows_of(out / "predictions.jsonl") == lines_of(outcome)
    assert (out / "a-overlay.png").is_file()


def test_an_equal_picture_under_another_path_is_the_same_picture(
    segmenter: Segmenter, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_jobs(segmenter, jobs_for([pictures / "two/a.png"], ["left"]), pictures / "out")
    moved = (pictures / "three").mkdir() or shutil.copy(
        pictures / "two/a.png", pictures / "three/a.png"
    )
    outcome = run_jobs(segmenter, jobs_for([Path(moved)], ["left"]), pictures / "out")
    assert (outcome.n_skipped, outcome.predictions[0].image) == (1, str(moved))


def test_a_mask_of_a_picture_that_can_no_longer_be_read_does_not_stay(
    segmenter: Segmenter, pictures: Path
) -> None:
    picture, out = pictures / "two/a.png", pictures / "out"
    run_jobs(segmenter, jobs_for([picture], ["left"]), out)
    picture.write_bytes(b"no picture")
    outcome = run_jobs(segmenter, jobs_for([picture], ["left"]), out)
    assert [failure.code for failure in outcome.failures] == ["unreadable_file"]
    assert {path.name for path in out.iterdir()} == {"predictions.jsonl", "failures.jsonl"}
    assert rows_of(out / "predictions.jsonl") == []


def test_earlier_predictions_of_others_stay_listed_and_are_counted(
    segmenter: Segmenter, pictures: Path
) -> None:
    out = pictures / "out"
    first = run_jobs(segmenter, jobs_for([pictures / "two/a.png"], ["left"]), out)
    second = run_jobs(segmenter, jobs_for([pictures / "two/a.png"], ["left", "right"]), out)
    assert (second.n_others, second.n_skipped) == (1, 0)
    assert rows_of(out / "predictions.jsonl") == lines_of(first) + lines_of(second)


def test_an_image_only_models_answer_stands_beside_no_pseudo_image(
    segmenter: Segmenter, image_only: Path, pictures: Path
) -> None:
    out = pictures / "out"
    run_jobs(segmenter, jobs_for([pictures / "two/a.png"], ["left"]), out)
    (record,) = run_jobs(
        Segmenter(image_only), jobs_for([pictures / "two/a.png"], ["left"]), out
    ).predictions
    assert not (out / "a-pseudo.png").exists()
    assert "pseudo" not in record.files


def test_the_digest_is_the_models_own(
    segmenter: Segmenter, trained: Path, image_only: Path
) -> None:
    assert segmenter.digest == Segmenter(trained).digest != Segmenter(image_only).digest
    assert len(segmenter.digest) == 64


def test_a_key_that_the_weights_show_does_not_change_the_digest_of_models_that_are_older(
    segmenter: Segmenter, trained: Path
) -> None:
    other = Segmenter(trained)
    other.config = other.config.replace(**{"network.depth": 0.5})
    assert other.digest == segmenter.digest
