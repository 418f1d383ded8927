"""A real archive: images by reference, masks stored beside them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from console import Ended, invoke
from dicom_file import CT, make, to_bytes
from orthanc_server import orthanc
from saywhere.io import dicomweb
from saywhere.io.dicomweb import ArchiveError, parse

pytest.importorskip("highdicom")
client = pytest.importorskip("dicomweb_client")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with orthanc(tmp_path_factory.mktemp("orthanc")) as port:
        yield f"127.0.0.1:{port}/dicom-web"


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    return lambda *arguments: invoke(monkeypatch, capfd, *arguments)


def series_of(n: int) -> list:
    """A CT of n slices."""
    first = make(np.zeros((1, 1), np.uint8))
    random = np.random.default_rng(0)
    return [
        make(
            random.integers(0, 1000, (40, 50), dtype=np.uint16),
            SOPClassUID=CT,
            Modality="CT",
            StudyInstanceUID=first.StudyInstanceUID,
            SeriesInstanceUID=first.SeriesInstanceUID,
            FrameOfReferenceUID="1.2.3.4",
            InstanceNumber=number + 1,
            PixelSpacing=[0.5, 0.5],
            SliceThickness=2,
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            ImagePositionPatient=[0, 0, 2 * number],
        )
        for number in range(n)
    ]


def test_images_are_segmented_by_reference_and_their_masks_are_stored_beside_them(
    root: str, say: Callable[..., Ended], trained: Path, tmp_path: Path
) -> None:
    images = series_of(3)
    study = images[0].StudyInstanceUID
    reference = f"dicomweb://{root}/studies/{study}"
    dicomweb.store(parse(reference), [to_bytes(image) for image in images])
    out = tmp_path / "out"
    call = ("predict", trained, reference, "-p", "left", "--store", "--out", out)
    ended = say(*call, "--threshold", "0.5", "--empty", "write")
    assert (ended.code, "1 DICOM SEG stored in the archive" in ended.out) == (0, True), ended
    archive = client.DICOMwebClient(f"http://{root}")
    (series,) = archive.search_for_series(study, search_filters={"Modality": "SEG"})
    uid = series["0020000E"]["Value"][0]
    (stored,) = archive.retrieve_series(study, uid)
    import highdicom

    segmentation = highdicom.seg.Segmentation.from_dataset(stored)
    lines = [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]
    uids = [image.SOPInstanceUID for image in images]
    pixels = segmentation.get_pixels_by_source_instance(uids, assert_missing_frames_are_empty=True)
    assert [int(frame.sum()) for frame in pixels] == [line["area_px"] for line in lines]
    from PIL import Image

    for frame, line in zip(pixels, lines):
        mask = np.asarray(Image.open(out / line["mask"])) > 0
        assert np.array_equal(frame[..., 0] > 0, mask)
    # The same answer is in the archive once.
    say(*call, "--threshold", "0.5", "--empty", "write", "--again")
    assert len(archive.search_for_series(study, search_filters={"Modality": "SEG"})) == 1
    assert len(archive.retrieve_series(study, uid)) == 1


def test_what_the_archive_does_not_have_is_said(root: str) -> None:
    with pytest.raises(ArchiveError, match=r"the archive does not have it|holds no image"):
        dicomweb.fetch(parse(f"dicomweb://{root}/studies/1.2.3"))
