"""Two people, taking back, other words: what becomes of rows, and what a training then takes."""

from __future__ import annotations

import base64
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from saywhere.data.manifest import read_manifest
from unit.serve.conftest import png

WORDS = "one polyp, upper left"


def kept(client: TestClient, picture: np.ndarray, key: str, marked: int, **fields: Any) -> Any:
    """Keep a mask of so many marked rows under a key of one repeated digit."""
    mask = np.zeros((50, 70), np.uint8)
    mask[:marked] = 255
    files = {"image": png(picture), "mask": png(mask), "suggested": png(mask * 0)}
    return client.post("/v1/keep", files=files, data={"prompt": WORDS, "key": key * 32} | fields)


def rows_of(client: TestClient, picture: np.ndarray) -> list[dict[str, str]]:
    source = client.post("/v1/segment", files={"image": png(picture)}).json()["image_sha256"]
    return list(client.get("/v1/kept", params={"image": source}).json()["rows"])


def trained_on(folder: Path) -> list[tuple[str, str]]:
    """What a training takes: the first digit of each row's id, and its words."""
    return [(row.id[0], row.prompts["prompt"][0]) for row in read_manifest(folder / "kept").rows]


@pytest.mark.parametrize("names", [("A.", "B."), ("", "")])
def test_a_later_keep_takes_no_unseen_one_away(
    client: TestClient, picture: np.ndarray, tmp_path: Path, names: tuple[str, str]
) -> None:
    first, second = names
    assert kept(client, picture, "1", 9, who=first, seen=[""]).status_code == 200
    refused = kept(client, picture, "2", 20, who=second, seen=[""])
    assert refused.status_code == 409
    error = refused.json()["error"]
    assert error["code"] == "kept_meanwhile"
    assert (first or "without a name") in error["message"]
    assert trained_on(tmp_path) == [("1", WORDS)]
    beside = kept(client, picture, "2", 20, who=second, seen=[""], beside=True)
    assert beside.json()["n_kept"] == 2
    assert trained_on(tmp_path) == [("1", WORDS), ("2", WORDS)]
    assert [row["who"] for row in rows_of(client, picture)] == [first, second]
    own = kept(client, picture, "3", 30, who=second, seen=["1" * 32, "2" * 32])
    assert own.status_code == 200
    assert trained_on(tmp_path)[-1] == ("3", WORDS)
    again = kept(client, picture, "2", 20, who=second, seen=[""])
    assert again.status_code == 200  # a retry of what was written is no conflict


def test_other_words_take_the_place_of_the_old_ones(
    client: TestClient, picture: np.ndarray, tmp_path: Path
) -> None:
    kept(client, picture, "1", 9, prompt="one polpy")
    mended = kept(client, picture, "2", 9, replaces="1" * 32)
    assert mended.status_code == 200
    assert trained_on(tmp_path) == [("2", WORDS)]
    assert [row["prompt"] for row in rows_of(client, picture)] == [WORDS]
    nobodys = kept(client, picture, "3", 9, replaces="9" * 32)
    assert (nobodys.status_code, nobodys.json()["error"]["code"]) == (422, "usage")
    other = kept(client, 255 - picture, "4", 9, replaces="2" * 32)
    assert other.status_code == 422  # a row of another image


def test_what_is_taken_back_is_trained_on_no_more_and_stays_in_the_history(
    client: TestClient, picture: np.ndarray, tmp_path: Path
) -> None:
    kept(client, picture, "1", 9, who="A.")
    kept(client, picture, "2", 20, who="A.")  # in the place of the first
    kept(client, picture, "3", 9, prompt="another")
    gone = client.post("/v1/take-back", data={"key": "2" * 32, "who": "B."}).json()
    assert gone == {"keys": ["2" * 32, "1" * 32], "n_kept": 1}  # the older one does not come back
    assert trained_on(tmp_path) == [("3", "another")]
    assert [row["prompt"] for row in rows_of(client, picture)] == ["another"]
    lines = (tmp_path / "kept" / "history.jsonl").read_text(encoding="utf-8").splitlines()
    told = [json.loads(line) for line in lines]
    assert [(line["by"], line["row"]["key"][0]) for line in told] == [("B.", "2"), ("B.", "1")]
    assert (tmp_path / "kept" / told[0]["row"]["mask"]).is_file()
    twice = client.post("/v1/take-back", data={"key": "2" * 32})
    assert twice.status_code == 404
    assert kept(client, picture, "5", 9, who="A.").json()["n_kept"] == 2


def test_names_are_kept_where_they_are_sent(
    client: TestClient, picture: np.ndarray, tmp_path: Path
) -> None:
    kept(client, picture, "1", 9)
    kept(client, picture, "2", 9, prompt="another", name="film 7.png", group="patient 3")
    rows = read_manifest(tmp_path / "kept").rows
    assert "name" not in rows[0].extra
    assert (rows[1].extra["name"], rows[1].group) == ("film 7.png", "patient 3")


def values_of(client: TestClient, content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    """In the file's unit, and the answer."""
    answer = client.post("/v1/picture", files={"image": content}).json()
    upper, lower = (
        np.asarray(Image.open(BytesIO(base64.b64decode(answer[f"{part}_png"]))), np.uint16)
        for part in ("upper", "lower")
    )
    return answer["offset"] + answer["step"] * ((upper << 8) | lower), answer


def test_a_picture_of_16_bits_comes_with_all_its_values(client: TestClient) -> None:
    deep = np.arange(50 * 70, dtype=np.uint16).reshape(50, 70) * 7 + 1000
    written = BytesIO()
    Image.fromarray(deep).save(written, format="PNG")
    values, answer = values_of(client, written.getvalue())
    assert np.array_equal(values, deep)
    assert (answer["size"], answer["orientation"]) == ([50, 70], "")


def test_a_picture_of_8_bits_comes_as_it_is(client: TestClient, picture: np.ndarray) -> None:
    answer = client.post("/v1/picture", files={"image": png(picture)}).json()
    shown = np.asarray(Image.open(BytesIO(base64.b64decode(answer["image_png"]))))
    assert np.array_equal(shown, picture)
    assert client.post("/v1/picture", files={"image": b"none"}).status_code == 415


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_dicom_file_comes_in_its_unit_with_its_window(
    client: TestClient, photometric: str
) -> None:
    pytest.importorskip("pydicom")
    from dicom_file import file, ramp

    pixels = ramp(900)
    content = file(
        pixels,
        PhotometricInterpretation=photometric,
        RescaleSlope=2,
        RescaleIntercept=-1000,
        WindowCenter=100,
        WindowWidth=400,
        Modality="CT",
        PatientOrientation=["L", "F"],
    )
    values, answer = values_of(client, content)
    assert np.array_equal(values, 2.0 * pixels - 1000)
    assert (answer["step"] < 0) == (photometric == "MONOCHROME1")
    window = answer["windows"][0]
    ends = sorted((window["low"], window["high"]))
    assert ends == pytest.approx([100 - 0.5 - 399 / 2, 100 - 0.5 + 399 / 2])
    assert answer["orientation"] == "L\\F"
    assert "Lung" in [each["name"] for each in answer["windows"]]
