"""Volumes through `predict` and the library: slice by slice, in place, and no patient named."""

from __future__ import annotations

import json
import logging
import zipfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pydicom")
nibabel = pytest.importorskip("nibabel")

import dicom_file  # noqa: E402
from dicom_file import CANARY  # noqa: E402
from saywhere.errors import UnreadableFile, UsageError  # noqa: E402
from saywhere.inference.batch import run_jobs  # noqa: E402
from saywhere.inference.requests import plan_for  # noqa: E402
from saywhere.inference.segmenter import Segmenter  # noqa: E402


@pytest.fixture(scope="module")
def segmenter(trained: Path) -> Segmenter:
    return Segmenter(trained)


@pytest.fixture
def nifti(tmp_path: Path) -> Path:
    voxels = np.random.default_rng(0).integers(0, 900, (20, 24, 3)).astype(np.int16)
    path = tmp_path / "ct.nii.gz"
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([2, 2, 3, 1])), path)
    return path


@pytest.fixture
def series(tmp_path: Path) -> Path:
    folder = tmp_path / "chest"
    folder.mkdir()
    for number, place in enumerate([20, 0, 10]):
        content = dicom_file.file(
            dicom_file.ramp(900),
            SeriesInstanceUID="1.2.3",
            ImagePositionPatient=[0, 0, place],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            PixelSpacing=[0.5, 0.5],
            WindowCenter=[40, 50],
            WindowWidth=[400, 500],
        )
        (folder / f"IM{number}").write_bytes(content)
    return folder


def test_each_slice_of_a_nifti_is_a_prediction_with_its_place(
    segmenter: Segmenter, nifti: Path, tmp_path: Path
) -> None:
    plan = plan_for([nifti], ["upper left"])
    assert [job.stem for job in plan.jobs] == ["ct-001", "ct-002", "ct-003"]
    assert {job.volume for job in plan.jobs} == {"ct"}
    assert plan.notes == ["ct: 3 slices, each segmented on its own with the same prompt"]
    outcome = run_jobs(segmenter, plan.jobs, tmp_path / "out", notes=plan.notes)
    assert outcome.notes == plan.notes
    lines = [json.loads(line) for line in (tmp_path / "out/predictions.jsonl").open()]
    assert [(line["frame_number"], line["slice"], line["slices"]) for line in lines] == [
        (1, 1, 3),
        (2, 2, 3),
        (3, 3, 3),
    ]
    assert lines[0]["size"] == [24, 20]
    again = run_jobs(segmenter, plan.jobs, tmp_path / "out")
    assert again.n_skipped == 3


def test_several_prompts_on_a_volume_have_names_that_differ(nifti: Path) -> None:
    jobs = plan_for([nifti], ["left", "right"]).jobs
    assert len({job.stem for job in jobs}) == 6
    assert {job.volume for job in jobs} == {"ct-1", "ct-2"}
    assert {job.group for job in jobs} == {"ct"}


def test_segment_volume_gives_the_slices_in_their_order(
    segmenter: Segmenter, nifti: Path, series: Path
) -> None:
    results = segmenter.segment_volume(nifti, "upper left")
    assert [result.geometry.volume.index for result in results] == [0, 1, 2]
    places = [result.geometry.position[2] for result in segmenter.segment_volume(series, "left")]
    assert places == [0, 10, 20]
    with pytest.raises(UnreadableFile, match="segment_volume"):
        segmenter.segment(nifti, "upper left")


def test_segment_volume_takes_one_volume(segmenter: Segmenter, series: Path, nifti: Path) -> None:
    with pytest.raises(UsageError, match="one volume at a time"):
        segmenter.segment_volume(series.parent, "left")


def test_geometry_comes_with_a_dicom_s_answer(segmenter: Segmenter, series: Path) -> None:
    result = segmenter.segment(series / "IM0", "upper left")
    assert result.geometry.spacing_mm == (0.5, 0.5)
    assert result.geometry.source.PatientName == f"{CANARY}^Vera"
    assert segmenter.segment(np.zeros((8, 8), np.uint8), "left").geometry is None


def test_an_archive_is_predicted_as_its_folder_is(
    segmenter: Segmenter, series: Path, tmp_path: Path
) -> None:
    path = tmp_path / "chest.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in series.iterdir():
            archive.write(file, f"deep/{file.name}")
    stems = [job.stem for job in plan_for([series], [""]).jobs]
    jobs = plan_for([path], [""]).jobs
    assert [job.stem for job in jobs] == stems == ["IM1", "IM2", "IM0"]
    outcome = run_jobs(segmenter, jobs, tmp_path / "out")
    assert outcome.predictions[0].to_json()["member"] == "deep/IM1"


def test_nothing_that_is_written_or_told_names_the_patient(
    segmenter: Segmenter, series: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd
) -> None:
    caplog.set_level(logging.DEBUG)
    (series / "broken").write_bytes(dicom_file.file(dicom_file.ramp(9))[:-900])
    plan = plan_for([series], ["upper left"])
    outcome = run_jobs(segmenter, plan.jobs, tmp_path / "out", formats="png,geojson,coco")
    assert "first of 2 windows" in " ".join(outcome.notes)
    assert "truncated" in outcome.failures[0].reason
    texts = [
        *plan.notes,
        *outcome.notes,
        repr(outcome),
        repr(plan),
        caplog.text,
        *capfd.readouterr(),
    ]
    texts += [repr(segmenter.segment(series / "IM0", "")), repr(plan.jobs)]
    assert CANARY not in " ".join(texts)
    for path in (tmp_path / "out").rglob("*"):
        assert CANARY.encode() not in path.read_bytes()
        assert CANARY not in path.name
