"""What people kept as a zip, second looks at it, and how far two readers agree."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from saywhere.data.manifest import read_manifest
from unit.serve.conftest import png
from unit.serve.test_kept import WORDS, kept


@pytest.fixture
def filled(client: TestClient, picture: np.ndarray) -> TestClient:
    """Two readers' masks of one picture, one replaced row, and an empty mask of other words."""
    kept(client, picture, "1", 5, who="A.", name="Müller, Anna.png")
    kept(client, picture, "2", 10, who="A.", name="Müller, Anna.png")
    kept(client, picture, "3", 20, who="B.", seen=[""], beside=True)
    kept(client, picture, "4", 0, who="A.", prompt="another", group="p7")
    return client


def unpacked(client: TestClient, folder: Path, **query: Any) -> list[str]:
    answer = client.get("/v1/export", params=query)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(BytesIO(answer.content)) as archive:
        for name in archive.namelist():
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(archive.read(name))
        return sorted(archive.namelist())


def test_the_zip_is_a_manifest_that_a_training_takes(
    filled: TestClient, picture: np.ndarray, tmp_path: Path
) -> None:
    folder = tmp_path / "zip"
    names = unpacked(filled, folder)
    assert "Anna" not in " ".join(names) + (folder / "manifest.jsonl").read_text(encoding="utf-8")
    rows = read_manifest(folder / "manifest.jsonl").rows
    assert [(row.id[0], row.prompts["prompt"][0]) for row in rows] == [
        ("2", WORDS),
        ("3", WORDS),
        ("4", "another"),
    ]
    assert rows[2].group == "p7"
    areas = [np.asarray(saved(row.mask), bool).sum() for row in rows]
    assert areas == [700, 1400, 0]
    assert np.array_equal(saved(rows[0].image), picture)


def saved(path: Path | None) -> np.ndarray:
    from PIL import Image

    assert path is not None
    return np.asarray(Image.open(path))


def test_names_go_along_where_they_were_kept_and_are_wanted(
    filled: TestClient, tmp_path: Path
) -> None:
    names = unpacked(filled, tmp_path / "zip", names=True)
    masks = [name for name in names if name.startswith("masks/")]
    assert "masks/Müller_Anna-22222222.png" in masks
    assert f"masks/{'3' * 32}.png" in masks  # without a name


def test_coco_yolo_and_nifti_hold_the_same_masks(filled: TestClient, tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    nibabel = pytest.importorskip("nibabel")
    folder = tmp_path / "zip"
    unpacked(filled, folder, format=["coco", "yolo", "nifti"])
    data = coco.COCO(str(folder / "coco.json"))
    assert [data.annToMask(each).sum() for each in data.loadAnns(data.getAnnIds())] == [700, 1400]
    assert [each["name"] for each in data.loadCats(data.getCatIds())] == [WORDS, "another"]
    labels = (folder / "labels" / f"{'2' * 32}.txt").read_text().split()
    corners = np.array(labels[1:], float).reshape(-1, 2)
    assert labels[0] == "0"
    assert (corners.min(0).tolist(), corners.max(0).tolist()) == ([0, 0], [1, 0.2])
    assert (folder / "labels" / f"{'4' * 32}.txt").read_text() == ""
    volume = nibabel.load(folder / "nifti" / f"{'2' * 32}.nii.gz")
    assert int(np.asarray(volume.dataobj).sum()) == 700


def test_nothing_kept_is_nothing_to_export(client: TestClient) -> None:
    assert client.get("/v1/export").status_code == 422
    assert client.get("/v1/export", params={"format": "tiff"}).status_code == 422


def test_two_readers_agreement_is_their_dice(filled: TestClient) -> None:
    (pair,) = filled.get("/v1/agreement").json()["pairs"]
    assert pair["readers"] == ["A.", "B."]
    assert pair["dice"] == round(2 * 700 / (700 + 1400), 4)


def test_a_review_says_who_and_when_and_the_newest_counts(
    filled: TestClient, tmp_path: Path
) -> None:
    for verdict, comment in (("rejected", "too small"), ("accepted", "")):
        fields = {"key": "2" * 32, "verdict": verdict, "comment": comment, "who": "C."}
        answer = filled.post("/v1/review", data=fields).json()
        assert (answer["verdict"], answer["who"]) == (verdict, "C.")
    (newest,) = filled.get("/v1/reviews", params={"key": ["2" * 32, "9" * 32]}).json()["reviews"]
    assert (newest["verdict"], newest["comment"]) == ("accepted", "")
    lines = (tmp_path / "kept" / "reviews.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["comment"] for line in lines] == ["too small", ""]
    nobodys = {"key": "9" * 32, "verdict": "accepted"}
    assert filled.post("/v1/review", data=nobodys).status_code == 404
    assert filled.post("/v1/review", data=nobodys | {"verdict": "fine"}).status_code == 422


def test_a_mask_made_elsewhere_is_read_and_a_label_map_refused(
    client: TestClient, picture: np.ndarray
) -> None:
    mask = np.zeros((50, 70), np.uint8)
    mask[:10] = 255
    answer = client.post("/v1/mask", files={"mask": png(mask)}).json()
    assert answer["size"] == [50, 70]
    mask[20:30] = 80
    refused = client.post("/v1/mask", files={"mask": png(mask)})
    assert refused.status_code == 415
