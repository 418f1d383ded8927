"""DICOM and NIfTI by `/v1/segment`: answered as their pixels are, and no patient is named."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

pytest.importorskip("pydicom")

import dicom_file
from dicom_file import CANARY
from saywhere.io import images
from saywhere.io.images import png_bytes

FILM = dicom_file.file(dicom_file.ramp(900), WindowCenter=400, WindowWidth=800)


def post(client: TestClient, content: bytes, name: str = "upload", **headers: str):
    models = client.get("/v1/models").json()["models"]
    fields = {"prompt": "upper left", "model": models[0]["name"]}
    return client.post(
        "/v1/segment", files={"image": (name, content)}, data=fields, headers=headers
    )


def test_a_dicom_is_answered_as_its_picture_is(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "film").write_bytes(FILM)
    shown = png_bytes(images.read_image(tmp_path / "film"))
    of_dicom, of_png = (post(client, content).json() for content in (FILM, shown))
    assert of_dicom["size"] == [32, 32]
    assert of_dicom["results"][0]["mask"] == of_png["results"][0]["mask"]


def test_no_answer_and_no_log_names_the_patient(
    client: TestClient, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    answers = [post(client, content) for content in (FILM, FILM[:-900], FILM[:400])]
    assert [answer.status_code for answer in answers] == [200, 415, 415]
    texts = [answer.text for answer in answers] + [caplog.text, *capfd.readouterr()]
    assert CANARY not in " ".join(texts)
