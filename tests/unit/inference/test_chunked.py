"""Predictions in chunks, on Ray or here: the same bytes, nothing lost, nothing twice."""

from __future__ import annotations

import os
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

import dying_worker
from saywhere.errors import NotWritable, UsageError
from saywhere.inference import chunked, ray_pool
from saywhere.inference.batch import run_jobs
from saywhere.inference.chunk_worker import ChunkWorker, Recipe
from saywhere.inference.chunks import Chunk, cut, gathered
from saywhere.inference.requests import Job, jobs_from_manifest
from saywhere.inference.segmenter import Segmenter
from small_run import rows_of

FORMATS = "png,coco,parquet,labels"


@pytest.fixture(scope="module")
def segmenter(trained: Path) -> Segmenter:
    return Segmenter(trained)


@pytest.fixture
def jobs(manifest: Path, segmenter: Segmenter, tmp_path: Path) -> list[Job]:
    """Of the test split; one picture is damaged and one is gone."""
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(b"\x89PNG\r\n\x1a\n")
    found = jobs_from_manifest(manifest, segmenter, "test")
    others = [Job(damaged, "left", "damaged"), Job(tmp_path / "gone.png", "left", "gone")]
    return [*found[:3], *others, *found[3:]]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def recipe(trained: Path, out: Path | str) -> Recipe:
    here = str(Path.cwd())
    return Recipe(run=str(trained), out=str(out), folder=here, formats=FORMATS, chunk=3)


@pytest.fixture
def straight(segmenter: Segmenter, jobs: list[Job], tmp_path: Path) -> dict[str, bytes]:
    """What one machine writes."""
    outcome = run_jobs(segmenter, jobs, tmp_path / "straight", formats=FORMATS)
    assert len(outcome.failures) == 2
    return contents(tmp_path / "straight")


def test_jobs_of_one_file_stay_in_one_chunk() -> None:
    jobs = [Job(Path(f"{n % 3}.png"), "", f"{n}", group=f"{n % 3}") for n in range(9)]
    chunks = list(cut(gathered(jobs), 2))
    assert list(map(len, chunks)) == [3, 3, 3]
    cut_up = list(chain.from_iterable(chunks))
    assert "".join(job.group for job in cut_up) == "000111222"
    assert sorted(job.stem for job in cut_up) == [str(n) for n in range(9)]
    again = Chunk.from_text(Chunk(4, chunks[0], [{"stem": "0"}]).to_text())
    assert (again.number, list(again.jobs), list(again.earlier)) == (4, chunks[0], [{"stem": "0"}])
    (alone,) = again.alone(9, str)
    assert alone == Chunk(9, list(again.jobs), again.earlier)


def test_chunks_write_what_one_machine_writes(
    trained: Path,
    segmenter: Segmenter,
    jobs: list[Job],
    straight: dict[str, bytes],
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    first = chunked.run_chunked(jobs, recipe(trained, out), on=chunked.LOCAL)
    assert contents(out) == straight
    assert (first.n_skipped, len(first.failures)) == (0, 2)
    again = chunked.run_chunked(jobs, recipe(trained, out), on=chunked.LOCAL)
    assert again.n_skipped == len(jobs) - 2
    assert contents(out) == straight


def test_a_changed_prompt_replaces_its_files_alone(
    trained: Path, segmenter: Segmenter, jobs: list[Job], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    good = jobs[:3]
    chunked.run_chunked(good, recipe(trained, out), on=chunked.LOCAL)
    changed = [Job(good[0].image, "lower right", good[0].stem, group=good[0].group), *good[1:]]
    outcome = chunked.run_chunked(changed, recipe(trained, out), on=chunked.LOCAL)
    run_jobs(segmenter, changed, tmp_path / "fresh", formats=FORMATS)
    assert contents(out) == contents(tmp_path / "fresh")
    assert outcome.n_skipped == len({job.group for job in good}) - 1 or outcome.n_skipped == 2


class Killed(BaseException):
    """As a kill does: nothing in between catches it."""


@pytest.mark.parametrize("moment", ["files", "lines", "report"])
def test_killed_at_any_moment_and_called_again_it_is_the_straight_run(
    moment: str,
    trained: Path,
    segmenter: Segmenter,
    jobs: list[Job],
    straight: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    worker = ChunkWorker(recipe(trained, out))
    chunk = Chunk(0, jobs)

    def kill(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if moment == "files":
            patch.setattr(worker.outlet, "publish", kill)
        if moment == "lines":
            patch.setattr(worker, "record", kill)
        if moment == "report":
            patch.setattr(chunked, "_finish", kill)
            with pytest.raises(Killed):
                chunked.run_chunked(jobs, recipe(trained, out), on=chunked.LOCAL)
        else:
            with pytest.raises(Killed):
                worker.do(chunk)
    outcome = chunked.run_chunked(jobs, recipe(trained, out), on=chunked.LOCAL)
    assert outcome.n_skipped == (len(jobs) - 2 if moment == "report" else 0)
    assert contents(out) == straight


def test_a_full_disk_ends_it_and_damaged_places_are_refused(
    trained: Path, jobs: list[Job], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(NotWritable, match="file"):
        chunked.run_chunked(jobs, recipe(trained, tmp_path / "file"), on=chunked.LOCAL)
    beside = Job(jobs[0].image.with_name("a-mask.png"), "left", "a")
    with pytest.raises(UsageError, match="would be overwritten"):
        chunked.run_chunked([beside], recipe(trained, jobs[0].image.parent), on=chunked.LOCAL)


def test_a_job_that_no_worker_survives_is_set_aside_alone(
    trained: Path, jobs: list[Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Ray reports it: a chunk whose workers died is missing."""
    good = [job for job in jobs if job.image.parent != tmp_path]
    deadly = good[1]
    report = chunked._reports

    def surviving(chunks: list[Chunk], *given: Any) -> Any:
        return report([chunk for chunk in chunks if deadly not in chunk.jobs], *given)

    monkeypatch.setattr(chunked, "_reports", surviving)
    recipe_ = Recipe(run=str(trained), out=str(tmp_path / "out"), folder=str(tmp_path), chunk=3)
    outcome = chunked.run_chunked(good, recipe_, on=chunked.LOCAL)
    group = [job for job in good if job.group == deadly.group]
    assert len(outcome.failures) == len(group) < len(good)
    assert {failure.image for failure in outcome.failures} == {str(deadly.image)}
    assert chunked.DIED in outcome.failures[0].reason
    assert len(outcome.predictions) == len(good) - len(group)


def test_on_ray_who_is_killed_between_mask_and_record_loses_and_doubles_nothing(
    trained: Path,
    jobs: list[Job],
    straight: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("ray.data", reason="the extra `cluster` is not installed")
    marker = tmp_path / "killed"
    monkeypatch.setenv(dying_worker.MARKER, str(marker))
    # Ray's workers know nothing of pytest's path.
    folders = [Path(chunked.__file__).parents[2], Path(dying_worker.__file__).parent]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, folders)))
    monkeypatch.setattr(ray_pool, "Actor", dying_worker.DyingActor)
    out = tmp_path / "out"
    counted: list[int] = []
    outcome = chunked.run_chunked(
        jobs, recipe(trained, out), on="ray", workers=2, advance=counted.append
    )
    assert int(marker.read_text()) != os.getpid()
    assert contents(out) == straight
    assert sum(counted) == len(jobs)
    assert [failure.code for failure in outcome.failures] == ["unreadable_file", "missing_file"]
    stems = [row["stem"] for row in rows_of(out / "predictions.jsonl")]
    assert len(stems) == len(set(stems)) == len(jobs) - 2
