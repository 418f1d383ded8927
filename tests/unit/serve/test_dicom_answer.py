"""DICOM through the service: a SEG as the answer, and images by reference from listed hosts."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from archive_server import KIND, answering, archive
from dicom_file import file
from saywhere.io.dicomweb import Archives
from saywhere.serve.app import build_app
from saywhere.serve.models import Models
from unit.serve.conftest import png

hd = pytest.importorskip("highdicom")
pydicom = pytest.importorskip("pydicom")
WANTED = {"Accept": "application/dicom"}


@pytest.fixture
def content() -> bytes:
    """A DICOM file of 40 × 50 px."""
    return file(np.random.default_rng(0).integers(0, 255, (40, 50), np.uint8))


@pytest.fixture
def listing(models: Models) -> Iterator[TestClient]:
    """A service that fetches from this machine."""
    app = build_app(models, archives=Archives.of(["127.0.0.1"]))
    with TestClient(app, base_url="http://localhost") as client:
        yield client


def fields(client: TestClient) -> dict[str, object]:
    model = client.get("/v1/models").json()["models"][0]["name"]
    return {"prompt": ["left", "right"], "model": model}


def test_the_answer_to_a_dicom_image_is_a_dicom_seg_of_it(
    client: TestClient, content: bytes
) -> None:
    data = fields(client)
    answer = client.post(
        "/v1/segment", files={"image": ("a.dcm", content)}, data=data, headers=WANTED
    )
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/dicom")
    segmentation = hd.seg.segread(BytesIO(answer.content))
    uid = pydicom.dcmread(BytesIO(content)).SOPInstanceUID
    pixels = segmentation.get_pixels_by_source_instance([uid], assert_missing_frames_are_empty=True)
    results = client.post("/v1/segment", files={"image": content}, data=data).json()["results"]
    assert [int(pixels[0, :, :, i].sum()) for i in (0, 1)] == [one["area_px"] for one in results]


def test_a_png_has_no_dicom_seg(client: TestClient, picture: np.ndarray) -> None:
    answer = client.post(
        "/v1/segment", files={"image": png(picture)}, data=fields(client), headers=WANTED
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "usage")
    assert "no DICOM file" in answer.json()["error"]["message"]


def test_another_kind_of_answer_is_refused(client: TestClient, picture: np.ndarray) -> None:
    answer = client.post(
        "/v1/segment",
        files={"image": png(picture)},
        data=fields(client),
        headers={"Accept": "text/html"},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (406, "not_acceptable")


def test_an_image_of_a_listed_host_is_fetched(listing: TestClient, content: bytes) -> None:
    head = b"--xyz\r\nContent-Type: application/dicom\r\n\r\n"
    with archive(answering(200, KIND, head + content + b"\r\n--xyz--\r\n")) as reference:
        text = f"dicomweb://127.0.0.1:{reference.port}/root/studies/1/series/2/instances/3"
        answer = listing.post("/v1/segment", data=fields(listing) | {"reference": text})
    assert (answer.status_code, answer.json()["size"]) == (200, [40, 50]), answer.text


@pytest.mark.parametrize(
    ("reference", "status", "message"),
    [
        ("dicomweb://localhost:1/studies/1", 422, "not on this server's list"),
        ("http://127.0.0.1/x", 422, "a reference of another form"),
        ("file:///etc/passwd", 422, "a reference of another form"),
        ("dicomweb://127.0.0.1:1/studies/1", 502, "cannot be reached"),
    ],
)
def test_each_other_reference_is_refused(
    listing: TestClient, reference: str, status: int, message: str
) -> None:
    answer = listing.post("/v1/segment", data=fields(listing) | {"reference": reference})
    assert answer.status_code == status
    assert message in answer.json()["error"]["message"]


def test_a_server_without_a_list_fetches_nothing(client: TestClient) -> None:
    data = fields(client) | {"reference": "dicomweb://127.0.0.1:1/studies/1"}
    answer = client.post("/v1/segment", data=data)
    assert answer.status_code == 422
    assert "not on this server's list" in answer.json()["error"]["message"]


def test_image_and_reference_are_one_or_the_other(listing: TestClient, content: bytes) -> None:
    data = fields(listing)
    neither = listing.post("/v1/segment", data=data)
    both = listing.post(
        "/v1/segment", data=data | {"reference": "dicomweb://x/studies/1"}, files={"image": content}
    )
    assert (neither.status_code, both.status_code) == (422, 422)
    assert "both image and reference" in both.json()["error"]["message"]


def corrected(client: TestClient, content: bytes, *masks: np.ndarray, **data: object) -> Any:
    sent = [("image", ("a.dcm", content)), *(("mask", ("mask", png(mask))) for mask in masks)]
    return client.post("/v1/dicom-seg", files=sent, data=fields(client) | data)


def test_corrected_masks_are_a_semi_automatic_dicom_seg_of_their_image(
    client: TestClient, content: bytes
) -> None:
    mask = np.zeros((40, 50), np.uint8)
    mask[5:20, 10:30] = 255
    empty = np.zeros_like(mask)
    answer = corrected(client, content, mask, empty)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/dicom")
    segmentation = hd.seg.segread(BytesIO(answer.content))
    source = pydicom.dcmread(BytesIO(content))
    assert segmentation.StudyInstanceUID == source.StudyInstanceUID
    assert [each.segment_label for each in segmentation.SegmentSequence] == ["left", "right"]
    kinds = {each.SegmentAlgorithmType for each in segmentation.SegmentSequence}
    assert kinds == {"SEMIAUTOMATIC"}
    pixels = segmentation.get_pixels_by_source_instance(
        [source.SOPInstanceUID], assert_missing_frames_are_empty=True
    )
    assert (pixels[0, :, :, 0] == mask // 255).all()
    assert not pixels[0, :, :, 1].any()
    own = client.post("/v1/segment", files={"image": content}, data=fields(client), headers=WANTED)
    by_model = hd.seg.segread(BytesIO(own.content))
    assert by_model.SeriesInstanceUID != segmentation.SeriesInstanceUID


def test_masks_that_do_not_fit_and_images_that_are_no_dicom_are_refused(
    client: TestClient, content: bytes, picture: np.ndarray
) -> None:
    mask = np.zeros((40, 50), np.uint8)
    assert "1 masks" in corrected(client, content, mask).json()["error"]["message"]
    other = corrected(client, content, mask, mask[:30])
    assert "mask is 30 × 50" in other.json()["error"]["message"]
    plain = corrected(client, png(picture), *[np.zeros((50, 70), np.uint8)] * 2)
    assert "no DICOM file" in plain.json()["error"]["message"]
    assert {one.status_code for one in (other, plain)} == {422}


def test_a_dicom_seg_of_all_that_is_kept_is_refused_with_the_way(client: TestClient) -> None:
    answer = client.get("/v1/export", params={"format": "dicom-seg"})
    assert answer.status_code == 422
    assert "/v1/dicom-seg" in answer.json()["error"]["remedy"]
