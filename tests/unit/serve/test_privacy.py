"""R23: 40 canaries (names, dates, numbers, words) through every call at DEBUG.

None is in a log, an error, the metrics or a temporary file's name.
"""

from __future__ import annotations

import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

KINDS = ("name", "id", "date", "path", "words", "exif", "who", "header")
ROUNDS = 5


def picture(said: str) -> bytes:
    """A JPEG that names someone in its EXIF."""
    written = BytesIO()
    exif = Image.Exif()
    exif[0x010E] = said
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(written, format="JPEG", exif=exif)
    return written.getvalue()


def calls(client: TestClient, number: int) -> list[Any]:
    """Every call that there is, well and badly made, with a canary wherever something can stand."""
    name, identity, date, path, words, exif, who, header = (
        f"canary-{kind}-{number}" for kind in KINDS
    )
    headers = {
        "X-Patient": header,
        "Referer": f"http://localhost/{header}",
        "Cookie": header,
        "User-Agent": header,
    }
    whole, broken = (f"{name}.jpg", picture(exif)), (f"/{path}/a.png", date.encode())
    kept = {"prompt": words, "who": who}
    answers = [
        client.post("/v1/segment", files={"image": file}, data={"prompt": [words]}, headers=headers)
        for file in (whole, broken)
    ]
    answers += [
        client.post("/v1/segment", files={"image": whole}, data={"prompt": words, field: date})
        for field in ("threshold", "include")
    ]
    answers.append(
        client.post("/v1/segment", files={"image": whole}, data={"prompt": words + "x" * 10_001})
    )
    answers += [
        client.post(
            "/v1/keep",
            files=dict.fromkeys(("image", "mask", "suggested"), file),
            data=kept | {"key": "0" * 32},
        )
        for file in (whole, broken)
    ]
    answers.append(
        client.post(
            "/v1/keep",
            files=dict.fromkeys(("image", "mask", "suggested"), whole),
            data=kept | {"key": identity},
        )
    )
    answers.append(
        client.post(
            "/v1/opposite", data={identity: words}, headers=headers | {"Origin": f"http://{header}"}
        )
    )
    answers += [
        client.get(f"{place}?{identity}={date}", headers=headers)
        for place in ("/", f"/{path}", "/v1/models", "/healthz", "/readyz", "/v1/kept")
    ]
    answers += [
        client.request(verb, f"/v1/{path}", headers=headers)
        for verb in ("PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")
    ]
    return answers


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of every temporary file that is made."""
    made: list[str] = []
    real = tempfile._get_candidate_names()  # type: ignore[attr-defined]
    monkeypatch.setattr(
        tempfile, "_get_candidate_names", lambda: (made.append(name) or name for name in real)
    )
    return made


def test_no_canary_is_written_down(
    client: TestClient, caplog: pytest.LogCaptureFixture, names: list[str], tmp_path: Path
) -> None:
    with caplog.at_level("DEBUG"):
        answers = [answer for number in range(ROUNDS) for answer in calls(client, number)]
    logged = [
        record.getMessage() for record in caplog.records if not record.name.startswith("httpx")
    ]  # the test's own client
    assert len(logged) >= len(answers)
    told = [answer.text for answer in answers if answer.status_code >= 400]
    assert len(told) > 10 * ROUNDS
    assert {answer.status_code for answer in answers} <= {200, 401, 404, 405, 415, 422}
    for texts in (
        logged,
        told,
        [client.get("/metrics").text],
        names,
        [path.name for path in tmp_path.rglob("*")],
    ):
        assert not [text for text in texts if "canary" in text]


def test_a_large_upload_leaves_no_file_behind(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """R16: over 1 MiB a part goes through a file without a name."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    assert (
        client.post(
            "/v1/segment", files={"image": bytes(3 * 1024 * 1024)}, data={"prompt": "x"}
        ).status_code
        == 415
    )
    assert list((tmp_path / "temporary").iterdir()) == []
