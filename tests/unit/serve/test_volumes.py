"""Volumes by `/v1/segment`: slice by slice, in the order of their places, back in their place."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from pycocotools import mask as coco

hd = pytest.importorskip("highdicom")
nibabel = pytest.importorskip("nibabel")

from pydicom.uid import generate_uid  # noqa: E402

import dicom_file  # noqa: E402
from archive_server import KIND, answering, archive  # noqa: E402
from dicom_file import CANARY  # noqa: E402
from saywhere.inference.segmenter import load  # noqa: E402
from saywhere.io import uploaded_volume  # noqa: E402
from saywhere.io.dicomweb import Archives  # noqa: E402
from saywhere.serve import segment_route  # noqa: E402
from saywhere.serve.app import build_app  # noqa: E402
from saywhere.serve.models import Models  # noqa: E402
from unit.serve.conftest import png  # noqa: E402

N = 4
RANDOM = np.random.default_rng(0)
SLICES = RANDOM.integers(0, 900, (N, 40, 48)).astype("<u2")
VOXELS = RANDOM.integers(0, 900, (10, 12, N)).astype(np.int16)
AFFINE = np.diag([-2.0, -2.0, 5.0, 1.0])


def series(uid: str = "") -> list[bytes]:
    """A CT of four slices; their names' order is not that of their places."""
    same = {
        "SeriesInstanceUID": uid or generate_uid(),
        "StudyInstanceUID": generate_uid(),
        "FrameOfReferenceUID": generate_uid(),
        "SOPClassUID": dicom_file.CT,
        "Modality": "CT",
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": [1, 1],
        "SliceThickness": 3,
        "WindowCenter": 450,
        "WindowWidth": 900,
    }
    places = [(pixels, 3 * n) for n, pixels in enumerate(SLICES)][::-1]
    return [
        dicom_file.file(
            pixels, **same, ImagePositionPatient=[0, 0, place], InstanceNumber=n, PatientSex="O"
        )
        for n, (pixels, place) in enumerate(places, start=1)
    ]


def packed(files: Sequence[bytes], **others: bytes) -> bytes:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as written:
        for n, content in enumerate(files):
            written.writestr(f"{CANARY}-{n}.dcm", content)
        for name, content in others.items():
            written.writestr(name, content)
    return stream.getvalue()


def post(client: TestClient, content: bytes, accept: str = "application/json", **more: Any) -> Any:
    model = client.get("/v1/models").json()["models"][0]["name"]
    fields = {"prompt": ["left", "right"], "model": model} | more
    headers = {"Accept": accept}
    return client.post("/v1/segment", files={"image": content}, data=fields, headers=headers)


def nifti_file() -> bytes:
    return nibabel.Nifti1Image(VOXELS, AFFINE).to_bytes()


def test_a_nifti_is_answered_slice_by_slice_as_the_library_answers(
    client: TestClient, trained: Path, tmp_path: Path
) -> None:
    (tmp_path / "volume.nii").write_bytes(nifti_file())
    expected = load(trained).segment_volume(tmp_path / "volume.nii", "left")
    answer = post(client, nifti_file()).json()
    assert (answer["slices"], answer["size"]) == (N, list(expected[0].mask.shape))
    told = [(one["slice"], one["prompt"]) for one in answer["results"]]
    assert told == [(n, prompt) for n in range(1, N + 1) for prompt in ("left", "right")]
    for one, mine in zip(answer["results"][::2], expected):
        assert np.array_equal(coco.decode(one["mask"]), mine.mask)


def test_slices_of_a_zip_are_in_the_order_of_their_places(client: TestClient) -> None:
    answer = post(client, packed(series(), **{"README.txt": b"text"})).json()
    assert answer["slices"] == N
    assert answer["notes"] == ["1 files of the archive are no images"]
    for n, pixels in enumerate(SLICES):
        alone = post(client, dicom_file.file(pixels, WindowCenter=450, WindowWidth=900)).json()
        of_both = answer["results"][2 * n : 2 * n + 2]
        assert [one["mask"] for one in of_both] == [one["mask"] for one in alone["results"]]
        assert (alone["slices"], alone["results"][0]["slice"]) == (1, None)


@pytest.fixture
def marking(client: TestClient) -> dict[str, float]:
    """A threshold at which this small model marks something in some slice."""
    answer = post(client, nifti_file()).json()
    assert max(one["presence"] for one in answer["results"]) > 0.05
    return {"threshold": 0.05}


def test_a_series_is_answered_with_one_seg_of_it(
    client: TestClient, marking: dict[str, float]
) -> None:
    files = series()
    answer = post(client, packed(files), "application/dicom", **marking)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/dicom")
    segmentation = hd.seg.segread(BytesIO(answer.content))
    # In the order of places, which is not that of the files.
    uids = [hd.imread(BytesIO(file)).SOPInstanceUID for file in files[::-1]]
    pixels = segmentation.get_pixels_by_source_instance(uids, assert_missing_frames_are_empty=True)
    results = post(client, packed(files), **marking).json()["results"]
    masks = [coco.decode(one["mask"]) for one in results]
    assert any(mask.any() for mask in masks)
    for number, mask in enumerate(masks):
        assert np.array_equal(pixels[number // 2, :, :, number % 2], mask)


def test_a_nifti_is_answered_with_one_in_its_place(
    client: TestClient, marking: dict[str, float], trained: Path, tmp_path: Path
) -> None:
    (tmp_path / "volume.nii").write_bytes(nifti_file())
    slices = load(trained).segment_volume(tmp_path / "volume.nii", "left", **marking)
    answer = post(client, nifti_file(), "application/x-nifti", prompt="left", **marking)
    assert answer.headers["content-type"] == "application/x-nifti"
    volume = nibabel.Nifti1Image.from_bytes(gzip.decompress(answer.content))
    voxels = np.asarray(volume.dataobj)
    assert np.allclose(volume.affine, AFFINE)
    assert voxels.shape == VOXELS.shape
    assert any(each.mask.any() for each in slices)
    for each in slices:
        at = each.geometry.volume
        assert np.array_equal(voxels[..., at.index], at.place(each.mask))


def test_one_slice_is_asked_for_by_its_number(client: TestClient) -> None:
    whole = post(client, nifti_file()).json()
    one = post(client, nifti_file(), slice=3, include="image").json()
    assert [(each["slice"], each["mask"]) for each in one["results"]] == [
        (each["slice"], each["mask"]) for each in whole["results"][4:6]
    ]
    assert (one["slices"], "image_png" in one) == (N, True)
    picture = post(client, nifti_file(), "image/png", slice=3, prompt="left")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    frames = dicom_file.file(SLICES, NumberOfFrames=N)
    assert [each["slice"] for each in post(client, frames, slice=2).json()["results"]] == [2, 2]
    of_zip = post(client, packed(series()), slice=2).json()["results"]
    assert [each["slice"] for each in of_zip] == [2, 2]


def test_what_cannot_be_answered_says_how_to_ask(
    client: TestClient, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = nifti_file()
    monkeypatch.setattr(segment_route, "MAX_ANSWERS", 2 * N - 1)
    many = post(client, volume)
    monkeypatch.undo()
    monkeypatch.setattr(uploaded_volume, "MAX_PIXELS", SLICES.size - 1)
    large = post(client, packed(series()))
    monkeypatch.undo()
    for answer, status, text in (
        (post(client, volume, "image/png", prompt="left"), 422, "name the slice"),
        (post(client, volume, include="image"), 422, "name the slice"),
        (post(client, volume, "application/dicom"), 422, "no DICOM file"),
        (post(client, volume, "application/x-nifti", slice=1, prompt="left"), 422, "each slice"),
        (post(client, volume, "application/x-nifti"), 422, "the mask of one"),
        (post(client, volume, slice=N + 1), 422, "from 1 to 4"),
        (post(client, png(picture), slice=2), 422, "from 1 to 1"),
        (post(client, volume, slice=0), 422, "slice"),
        (post(client, packed(series() + series())), 422, "2 series"),
        (post(client, packed([*series(), png(picture)])), 422, "not all of them DICOM"),
        (post(client, packed([b"text"])), 415, "without an image"),
        (post(client, packed(series())[:-40]), 415, "damaged zip"),
        (many, 422, "slices times prompts"),
        (large, 415, "ask for one slice"),
    ):
        error = answer.json()["error"]
        assert answer.status_code == status, answer.text
        assert text in f"{error['message']} {error['remedy']}"
        assert CANARY not in answer.text


def test_an_archive_that_unpacks_to_more_is_refused(client: TestClient) -> None:
    bomb = packed([b"\0" * uploaded_volume.MAX_FILE_BYTES for _ in range(5)])
    answer = post(client, bomb)
    assert len(bomb) < 1_000_000
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unreadable_file")
    assert "unpacked" in answer.json()["error"]["message"]


@pytest.fixture
def listing(models: Models) -> Iterator[TestClient]:
    """A service that fetches from this machine."""
    app = build_app(models, archives=Archives.of(["127.0.0.1"]))
    with TestClient(app, base_url="http://localhost") as client:
        yield client


def test_a_reference_to_a_series_is_a_volume(listing: TestClient) -> None:
    files = series()
    head = b"--xyz\r\nContent-Type: application/dicom\r\n\r\n"
    body = b"".join(head + content + b"\r\n" for content in files) + b"--xyz--\r\n"
    model = listing.get("/v1/models").json()["models"][0]["name"]
    with archive(answering(200, KIND, body)) as reference:
        text = f"dicomweb://127.0.0.1:{reference.port}/root/studies/1/series/2"
        fields = {"prompt": ["left", "right"], "model": model, "reference": text}
        answer = listing.post("/v1/segment", data=fields)
        kept = listing.post("/v1/picture", data={"reference": text})
    sent = post(listing, packed(files)).json()
    assert answer.json()["results"] == sent["results"]
    # What shows one picture takes one.
    assert (kept.status_code, kept.json()["error"]["code"]) == (422, "usage")
    assert "a reference to 4 images" in kept.json()["error"]["message"]
