"""Who says what is to be predicted: the command line, a manifest, a file of jobs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from saywhere.config import Config
from saywhere.data.manifest import read_manifest
from saywhere.errors import ManifestError, MissingFile, UsageError
from saywhere.inference.requests import (
    jobs_for,
    jobs_from_file,
    jobs_from_manifest,
    skipped_files,
)
from saywhere.inference.segmenter import Segmenter
from saywhere.text.prompt_facts import PromptFacts
from small_run import rows_of, write_rows


@pytest.fixture(scope="module")
def segmenter(trained: Path) -> Segmenter:
    return Segmenter(trained)


def test_every_prompt_for_every_picture(pictures: Path) -> None:
    jobs = jobs_for([pictures / "one"], ["left", "right"])
    assert [(job.image.name, job.prompt, job.stem) for job in jobs] == [
        ("a.bmp", "left", "a-1"),
        ("a.bmp", "right", "a-2"),
        ("a.png", "left", "a-2-1"),
        ("a.png", "right", "a-2-2"),
    ]


def test_a_folder_means_its_pictures_and_nothing_hidden(pictures: Path) -> None:
    for name in ("note.txt", ".a.png.77.tmp", "._a.png", "B.JPEG"):
        (pictures / "one" / name).write_bytes(b"")
    assert [job.image.name for job in jobs_for([pictures / "one"], [""])] == [
        "B.JPEG",
        "a.bmp",
        "a.png",
    ]


def test_files_of_a_folder_that_are_no_jobs_are_listed(pictures: Path) -> None:
    for name in ("scan.dcm", "note.txt", "predictions.jsonl", ".hidden"):
        (pictures / "one" / name).write_bytes(b"")
    skipped = skipped_files([pictures / "one", pictures / "two/a.png"])
    assert [(file.path.name, file.reason[:14]) for file in skipped] == [
        ("note.txt", "it is no image"),
        ("scan.dcm", "its name says "),
    ]


def test_a_folder_of_scans_alone_says_why_nothing_is_read(tmp_path: Path) -> None:
    (tmp_path / "scan.dcm").write_bytes(b"")
    with pytest.raises(
        UsageError, match=r"no pictures in .*1 file is skipped .*its name says DICOM"
    ):
        jobs_for([tmp_path], [""])


def test_no_pictures_and_no_such_folder_are_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no pictures in .*empty; files ending in \.bmp, \.gif"):
        jobs_for([tmp_path / "empty"], [""])
    with pytest.raises(MissingFile, match=r"no such file or folder: .*none"):
        jobs_for([tmp_path / "none"], [""])


def test_a_manifests_rows_bring_their_own_words(segmenter: Segmenter, manifest: Path) -> None:
    jobs = jobs_from_manifest(manifest, segmenter, "test")
    assert [(job.image, job.prompt) for job in jobs] == [
        (row.image, row.prompts["plain"][0]) for row in read_manifest(manifest).split("test")
    ]
    assert len(jobs_from_manifest(manifest, segmenter, None)) == len(rows_of(manifest))
    with pytest.raises(
        UsageError, match=r"no rows of split 'tset' in .*; splits there: train, val, test"
    ):
        jobs_from_manifest(manifest, segmenter, "tset")


def test_an_id_is_never_a_path(segmenter: Segmenter, manifest: Path, tmp_path: Path) -> None:
    row = rows_of(manifest)[0] | {"image": str(manifest.parent / "images/test_0000.png")}
    ids = [
        "../../escape",
        "/etc/passwd",
        "a\\b",
        "..",
        ".hidden",
        "é ü",
        "x" * 300,
        "...",
        "a/b",
        "a:b",
    ]
    jobs = jobs_from_manifest(
        write_rows(tmp_path / "m.jsonl", [row | {"id": id_} for id_ in ids]), segmenter, None
    )
    assert len({job.stem for job in jobs}) == len(ids)
    for job in jobs:
        assert job.stem == Path(job.stem).name
        assert not job.stem.startswith(".")
        assert len(job.stem) <= 110


def test_a_file_of_jobs_has_its_own_prompts_a_picture(tmp_path: Path) -> None:
    lines = [
        {"image": "a.png", "prompt": "left"},
        {"image": "sub/b.png", "prompts": ["left", "right"], "id": "case/7"},
        {"image": str(tmp_path / "c.png"), "prompts": "", "note": "kept nowhere"},
        {"image": "a.png", "prompt": ["right"]},
        {"image": "d.png", "prompt": "up", "id": "case_7-1"},
    ]
    jobs, failures = jobs_from_file(write_rows(tmp_path / "jobs.jsonl", lines))
    assert failures == []
    assert [(job.image.relative_to(tmp_path).as_posix(), job.prompt, job.stem) for job in jobs] == [
        ("a.png", "left", "a"),
        ("sub/b.png", "left", "case_7-1"),
        ("sub/b.png", "right", "case_7-2"),
        ("c.png", "", "c"),
        ("a.png", "right", "a-2"),
        ("d.png", "up", "case_7-1-2"),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not valid JSON"),
        ("[1]", "a list"),
        ('{"prompt": "left"}', "no image"),
        (
            '{"image": "a.png"}',
            'no prompt in .*jobs.jsonl, row 2, column prompt; say what to segment: add "prompt"',
        ),
        ('{"image": "a.png", "prompts": []}', "no prompt"),
        ('{"image": "a.png", "prompt": "a", "prompts": "b"}', "both prompt and prompts"),
        ('{"image": "a.png", "prompts": {"p1": "b"}}', "prompts holds a dict"),
        ('{"image": "a.png", "prompt": 7}', "prompt holds a int"),
        ('{"image": 1.5, "prompt": "left"}', "image is a float"),
        ('{"image": "a\\u0000.png", "prompt": "left"}', "a NUL character"),
        ('{"image": "a.png", "prompt": "\\ud800"}', "half of a surrogate pair"),
        ('{"image": "a.png", "prompt": "left", "id": ["x"]}', "id is a list"),
    ],
)
def test_a_bad_line_is_set_aside_with_its_number_and_reason(
    tmp_path: Path, line: str, reason: str
) -> None:
    good = json.dumps({"image": "a.png", "prompt": "left"})
    (tmp_path / "jobs.jsonl").write_text(f"{good}\n{line}\n\n{good}\n")
    jobs, (failure,) = jobs_from_file(tmp_path / "jobs.jsonl")
    assert [job.stem for job in jobs] == ["a", "a-2"]
    assert (failure.line, failure.code) == (2, "manifest")
    assert re.search(reason, failure.reason)


def test_an_image_only_model_needs_no_prompts_in_jobs(tmp_path: Path) -> None:
    jobs, failures = jobs_from_file(
        write_rows(tmp_path / "jobs.jsonl", [{"image": "a.png"}]), hears_words=False
    )
    assert ([job.prompt for job in jobs], failures) == ([""], [])


def test_no_jobs_and_no_such_file_are_said(tmp_path: Path) -> None:
    (tmp_path / "jobs.jsonl").write_text("\n")
    with pytest.raises(ManifestError, match=r"no jobs in .*jobs\.jsonl: write one a line"):
        jobs_from_file(tmp_path / "jobs.jsonl")
    with pytest.raises(MissingFile):
        jobs_from_file(tmp_path / "none.jsonl")


def test_what_predict_wrote_into_a_folder_is_none_of_its_pictures(pictures: Path) -> None:
    write_rows(
        pictures / "one/predictions.jsonl", [{"mask": "a-mask.png", "overlay": "a-overlay.png"}]
    )
    for name in ("a-mask.png", "a-overlay.png", "b-mask.png"):
        (pictures / "one" / name).touch()
    assert [job.image.name for job in jobs_for([pictures / "one"], [""])] == [
        "a.bmp",
        "a.png",
        "b-mask.png",
    ]


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Six films in three folds; the patient's sides, of standard and of mirrored films."""
    Image.new("L", (8, 8), 90).save(tmp_path / "film.png")
    rows = [
        {
            "id": str(number),
            "image": "film.png",
            "prompt": "left lung",
            "frame": "patient",
            "orientation": "R\\F" if number % 2 else "L\\F",
            "split": "train",
            "fold": number % 3 + 1,
        }
        for number in range(6)
    ]
    return write_rows(tmp_path / "manifest.jsonl", rows)


def taught(frame: str, **changes: Any) -> Any:
    """As much of a segmenter as a manifest is read for."""
    return SimpleNamespace(config=Config().replace(**changes), prompt_facts=PromptFacts(frame))


def test_a_manifests_prompts_come_into_the_models_frame(films: Path) -> None:
    jobs = jobs_from_manifest(films, taught("image"), None)
    assert [job.prompt for job in jobs] == ["right lung", "left lung"] * 3
    jobs = jobs_from_manifest(films, taught("image"), None, orientation="R\\F")
    assert {job.prompt for job in jobs} == {"left lung"}, "what the user states goes before"
    for frame in ("patient", ""):
        jobs = jobs_from_manifest(films, taught(frame), None)
        assert {job.prompt for job in jobs} == {"left lung"}


def test_a_model_of_a_fold_predicts_the_rows_that_it_has_not_seen(films: Path) -> None:
    of_fold = taught("patient", **{"data.fold": 2})
    assert [job.stem for job in jobs_from_manifest(films, of_fold, "test")] == ["1", "4"]
    with pytest.raises(UsageError, match="no rows of split 'test'"):
        jobs_from_manifest(films, taught("patient"), "test")
