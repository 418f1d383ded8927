"""A folder of pictures: nothing is lost, nothing overwrites anything."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saywhere.data.manifest import read_manifest
from saywhere.engine.batch import Job, jobs_for, jobs_from_manifest, run_jobs
from saywhere.engine.predict import Segmenter
from saywhere.errors import MissingFile, UsageError
from small_run import rows_of, write_rows


@pytest.fixture(scope="module")
def segmenter(trained: Path) -> Segmenter:
    return Segmenter(trained)


@pytest.fixture
def pictures(manifest: Path, tmp_path: Path) -> Path:
    """Two folders with a picture of the same name in each."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    shutil.copy(manifest.parent / "images/test_0000.png", tmp_path / "one/a.png")
    shutil.copy(manifest.parent / "images/test_0001.png", tmp_path / "two/a.png")
    Image.open(tmp_path / "one/a.png").save(tmp_path / "one/a.bmp")
    return tmp_path


def test_equal_names_do_not_overwrite_each_other(segmenter: Segmenter, pictures: Path) -> None:
    jobs = jobs_for([pictures / "one", pictures / "two/a.png"], ["upper left"])
    assert [(job.image.relative_to(pictures).as_posix(), job.stem) for job in jobs] == [("one/a.bmp", "a"), ("one/a.png", "a-2"), ("two/a.png", "a-3")]
    predictions, failures = run_jobs(segmenter, jobs, pictures / "out")
    assert (len(predictions), failures) == (3, [])
    assert len(list((pictures / "out").glob("*.png"))) == 12
    for job, record in zip(jobs, predictions):
        alone = segmenter.segment(job.image, job.prompt)
        assert np.array_equal(np.asarray(Image.open(pictures / "out" / record["mask"])) > 0, alone.mask)
        assert (record["size"], record["area_px"]) == ([32, 32], int(alone.mask.sum()))


def test_every_prompt_for_every_picture(pictures: Path) -> None:
    jobs = jobs_for([pictures / "one"], ["left", "right"])
    assert [(job.image.name, job.prompt, job.stem) for job in jobs] == [
        ("a.bmp", "left", "a-1"), ("a.bmp", "right", "a-2"), ("a.png", "left", "a-2-1"), ("a.png", "right", "a-2-2"),
    ]  # fmt: skip


def test_a_folder_means_its_pictures_and_nothing_hidden(pictures: Path) -> None:
    for name in ("note.txt", ".a.png.77.tmp", "._a.png", "B.JPEG"):
        (pictures / "one" / name).write_bytes(b"")
    assert [job.image.name for job in jobs_for([pictures / "one"], [""])] == ["B.JPEG", "a.bmp", "a.png"]


def test_no_pictures_and_no_such_folder_are_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no pictures in .*empty; files ending in \.bmp, \.jpeg"):
        jobs_for([tmp_path / "empty"], [""])
    with pytest.raises(MissingFile, match=r"no such file or folder: .*none"):
        jobs_for([tmp_path / "none"], [""])


def test_an_unreadable_or_vanished_picture_is_set_aside_and_the_others_are_done(segmenter: Segmenter, pictures: Path) -> None:
    (pictures / "one/b.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (pictures / "one/c.png").write_text("text")
    jobs = [*jobs_for([pictures / "one", pictures / "two"], ["left"]), Job(pictures / "gone.png", "left", "gone")]
    counted: list[int] = []
    predictions, failures = run_jobs(segmenter, jobs, pictures / "out", advance=counted.append)
    assert (len(predictions), len(failures), sum(counted)) == (3, 3, 6)
    assert rows_of(pictures / "out/predictions.jsonl") == predictions
    assert rows_of(pictures / "out/failures.jsonl") == failures
    assert [(Path(row["image"]).name, row["code"]) for row in failures] == [
        ("b.png", "unreadable_file"), ("c.png", "unreadable_file"), ("gone.png", "missing_file"),
    ]  # fmt: skip


def test_the_list_of_failures_of_an_earlier_run_does_not_stay(segmenter: Segmenter, pictures: Path) -> None:
    (pictures / "out").mkdir()
    (pictures / "out/failures.jsonl").write_text("{}\n")
    run_jobs(segmenter, jobs_for([pictures / "two"], ["left"]), pictures / "out")
    assert not (pictures / "out/failures.jsonl").exists()


def test_a_given_picture_is_never_overwritten(segmenter: Segmenter, pictures: Path) -> None:
    shutil.copy(pictures / "two/a.png", pictures / "two/a-mask.png")
    before = (pictures / "two/a-mask.png").read_bytes()
    with pytest.raises(UsageError, match=r"a-mask\.png would be overwritten, and it is one of the pictures: choose another folder"):
        run_jobs(segmenter, jobs_for([pictures / "two"], ["left"]), pictures / "two")
    assert (pictures / "two/a-mask.png").read_bytes() == before
    assert not (pictures / "two/predictions.jsonl").exists()


def test_a_second_run_writes_the_same(segmenter: Segmenter, pictures: Path) -> None:
    jobs = jobs_for([pictures / "one"], ["left"])
    found = []
    for _ in range(2):
        run_jobs(segmenter, jobs, pictures / "out")
        found.append({path.name: path.read_bytes() for path in (pictures / "out").iterdir()})
    assert found[0] == found[1]


def test_a_manifests_rows_bring_their_own_words(segmenter: Segmenter, manifest: Path) -> None:
    jobs = jobs_from_manifest(manifest, segmenter, "test")
    assert [(job.image, job.prompt) for job in jobs] == [(row.image, row.prompts["plain"][0]) for row in read_manifest(manifest).split("test")]
    assert len(jobs_from_manifest(manifest, segmenter, None)) == len(rows_of(manifest))
    with pytest.raises(UsageError, match=r"no rows of split 'tset' in .*; splits there: train, val, test"):
        jobs_from_manifest(manifest, segmenter, "tset")


def test_an_id_is_never_a_path(segmenter: Segmenter, manifest: Path, tmp_path: Path) -> None:
    row = rows_of(manifest)[0] | {"image": str(manifest.parent / "images/test_0000.png")}
    ids = ["../../escape", "/etc/passwd", "a\\b", "..", ".hidden", "é ü", "x" * 300, "...", "a/b", "a:b"]
    jobs = jobs_from_manifest(write_rows(tmp_path / "m.jsonl", [row | {"id": id_} for id_ in ids]), segmenter, None)
    assert len({job.stem for job in jobs}) == len(ids)
    for job in jobs:
        assert job.stem == Path(job.stem).name
        assert not job.stem.startswith(".")
        assert len(job.stem) <= 110
