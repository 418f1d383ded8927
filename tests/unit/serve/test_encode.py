"""The answer to a DICOM image is written without reading its file again."""

from __future__ import annotations

import numpy as np
import pytest
from fastapi.testclient import TestClient

pytest.importorskip("highdicom")
nibabel = pytest.importorskip("nibabel")

from dicom_file import file  # noqa: E402
from saywhere.io import clinic  # noqa: E402
from saywhere.io.dicom import stored  # noqa: E402


@pytest.fixture(autouse=True)
def no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process; the child has its own."""

    def fail(*args: object, **options: object) -> None:
        raise AssertionError("decoded in the service's own process")

    monkeypatch.setattr(clinic, "read", fail)
    monkeypatch.setattr(clinic.nifti, "read", fail)
    monkeypatch.setattr(stored, "read_frames", fail)


@pytest.mark.parametrize("accept", ["application/json", "application/dicom"])
def test_a_dicom_is_decoded_in_the_child_alone(client: TestClient, accept: str) -> None:
    content = file(np.random.default_rng(0).integers(0, 255, (40, 50), np.uint8))
    answer = post(client, content, accept)
    assert (answer.status_code, answer.headers["content-type"]) == (200, accept), answer.text


def test_a_nifti_is_decoded_in_the_child_alone(client: TestClient) -> None:
    content = nibabel.Nifti1Image(np.zeros((8, 9, 1), np.uint8), np.eye(4)).to_bytes()
    assert post(client, content, "application/json").json()["size"] == [9, 8]
    refused = post(client, content, "application/dicom")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "usage")


def post(client: TestClient, content: bytes, accept: str):
    model = client.get("/v1/models").json()["models"][0]["name"]
    return client.post(
        "/v1/segment",
        files={"image": ("image", content)},
        data={"prompt": "upper left", "model": model},
        headers={"Accept": accept},
    )
