"""R23 for DICOM: no name, number, date or UID of a header leaves `io/` by any verb of a set's way,
from `prepare` to `predict`; and the values on that way are right.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("pydicom")
nibabel = pytest.importorskip("nibabel")

import dicom_file  # noqa: E402
from console import Ended  # noqa: E402
from saywhere.io import images  # noqa: E402
from small_run import rows_of, write_rows  # noqa: E402

Say = Callable[..., Ended]
SIZE = 32
LEVELS = ("taught", "plain", "unseen")
SPLITS = ("train", "train", "train", "val", "val", "test", "test", "test")
# Each looks like nothing that a run writes by itself, and the UIDs stand in no file's name.
CANARIES = {
    "PatientName": "Kanarienvogel^Vera",
    "PatientID": "KNR-4711",
    "PatientBirthDate": "19010203",
    "StudyDate": "20010203",
    "StudyTime": "101112",
    "AccessionNumber": "ACC-815",
    "InstitutionName": "Kanarienklinik",
    "ReferringPhysicianName": "Zeisig^Otto",
    "StudyDescription": "Kanarienstudie",
    "SeriesDescription": "Kanarienserie",
    "StudyInstanceUID": "1.2.777.1",
    "SeriesInstanceUID": "1.2.777.2",
    "FrameOfReferenceUID": "1.2.777.3",
    "ImageComments": "Kanarienkommentar",
}
N_BROKEN = 300
"""Bytes that a damaged file lacks at its end."""


def secrets_of(content: bytes) -> Iterator[bytes]:
    """What of the canaries stands in some text or file."""
    traces = (*CANARIES.values(), "Kanarienvogel", "Vera", "Zeisig", "1.2.777.", "1.2.778.")
    return (trace.encode() for trace in traces if trace.encode() in content)


def square(number: int) -> np.ndarray:
    """A lesion that no two pictures have at one place."""
    mask = np.zeros((SIZE, SIZE), bool)
    mask[3 + 2 * number : 9 + 2 * number, 4:10] = True
    return mask


def picture(number: int) -> np.ndarray:
    noise = np.random.default_rng(number).integers(0, 60, (SIZE, SIZE))
    return (noise + 120 * square(number)).astype(np.uint8)


def dicom(number: int, **tags: object) -> bytes:
    """One film of the canary; the UIDs of its own begin alike, too."""
    own = {"SOPInstanceUID": f"1.2.778.{number}"}
    dataset = dicom_file.make(picture(number), **(CANARIES | own | tags))
    dataset.file_meta.MediaStorageSOPInstanceUID = own["SOPInstanceUID"]
    return dicom_file.to_bytes(dataset)


def write_pair(folder: Path, number: int, name: str) -> None:
    """Every second one a NIfTI of one slice with a NIfTI mask; the others DICOM, and PNG."""
    if number % 2:
        for part, pixels in (("images", picture(number)), ("masks", square(number))):
            volume = nibabel.Nifti1Image(pixels.astype(np.uint8).T[:, :, None], np.eye(4))
            nibabel.save(volume, folder / part / f"{name}.nii.gz")
        return
    # A patient each: the split would not divide one.
    tags = {"PatientID": f"KNR-4711-{number}", "StudyInstanceUID": f"1.2.777.1.{number}"}
    (folder / f"images/{name}.dcm").write_bytes(dicom(number, **tags))
    Image.fromarray(square(number)).save(folder / f"masks/{name}.png")


@pytest.fixture
def clinical(tmp_path: Path) -> Path:
    """A manifest that names DICOM and NIfTI images themselves, four of each."""
    folder = tmp_path / "set"
    rows = []
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number, split in enumerate(SPLITS):
        name = f"case-{number}"
        write_pair(folder, number, name)
        image = next((folder / "images").glob(f"{name}.*"))
        mask = next((folder / "masks").glob(f"{name}.*"))
        row = {"id": name, "image": f"images/{image.name}", "mask": f"masks/{mask.name}"}
        rows.append(row | {"split": split, "prompts": dict.fromkeys(LEVELS, "spot")})
    return write_rows(folder / "manifest.jsonl", rows)


@pytest.fixture
def damaged(clinical: Path) -> Path:
    """The same set; of its DICOM images one is cut, one is a report, one lies about its size."""
    folder = clinical.parent
    rows = rows_of(clinical)
    contents = (
        dicom(0)[:-N_BROKEN],
        dicom(2, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11"),
        dicom(4, Rows=7),
        dicom(6, BitsStored=77, PhotometricInterpretation="KANARIENGELB"),
    )
    for content, row in zip(contents, rows[::2]):
        row["image"] = f"images/bad-{row['id']}.dcm"
        (folder / row["image"]).write_bytes(content)
    return write_rows(folder / "damaged.jsonl", rows)


def leaks(ended: list[Ended], folder: Path, source: Path, caplog: pytest.LogCaptureFixture) -> set:
    """Where a canary stands that should stand in the source's own files alone."""
    texts = {f"verb {number}": each.out + each.err for number, each in enumerate(ended)}
    texts["log"] = "\n".join(caplog.messages)
    of_texts = {(name, one) for name, text in texts.items() for one in secrets_of(text.encode())}
    files = [path for path in folder.rglob("*") if source not in (path, *path.parents)]
    of_names = {(path.name, one) for path in files for one in secrets_of(path.name.encode())}
    of_files = {
        (str(path.relative_to(folder)), one)
        for path in files
        if path.is_file()
        for one in secrets_of(path.read_bytes())
    }
    return of_texts | of_names | of_files


def test_no_canary_of_a_header_leaves_io(
    say: Say, clinical: Path, toml: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = tmp_path / "run"
    few = ("--set", "train.epochs=1", "--set", "train.steps_per_epoch=1")
    data = ("--set", f"data.manifest={clinical}")
    image = clinical.parent / "images/case-6.dcm"
    verbs = [
        ("prepare", "folder", "--from", clinical.parent, "--to", tmp_path / "to", "--json"),
        ("prepare", "folder", "--from", clinical.parent, "--to", tmp_path / "plain"),
        ("check", clinical),
        ("check", clinical, "--json"),
        ("describe", clinical, "--to", tmp_path / "described.jsonl"),
        ("train", toml, *data, *few, "--set", "train.threads=1", "--out", run),
        ("evaluate", run),
        ("report", run, "--out", tmp_path / "report.html"),
        ("predict", run, image, "--prompt", "spot", "--out", tmp_path / "out"),
    ]
    with caplog.at_level("DEBUG"):
        ended = [say(*verb) for verb in verbs]
    assert [each.code for each in ended] == [0] * len(verbs), [each.err for each in ended]
    assert leaks(ended, tmp_path, clinical.parent, caplog) == set()
    assert list((tmp_path / "to").rglob("*.dcm")) == []
    assert (run / "run.json").is_file()


def test_no_refusal_quotes_a_header(
    say: Say, damaged: Path, toml: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = ("--set", f"data.manifest={damaged}", "--out", tmp_path / "run")
    raw = tmp_path / "raw"
    (raw / "images").mkdir(parents=True)
    (raw / "masks").mkdir()
    for path in sorted((damaged.parent / "images").glob("*.dcm")):
        (raw / "images" / path.name).write_bytes(path.read_bytes())
        Image.fromarray(square(0)).save(raw / f"masks/{path.stem}.png")
    # `describe` reads masks alone, which are whole.
    verbs = [
        ("prepare", "folder", "--from", raw, "--to", tmp_path / "to", "--json"),
        ("check", damaged),
        ("check", damaged, "--json"),
        ("describe", damaged, "--to", tmp_path / "described.jsonl"),
        ("train", toml, *run),
    ]
    with caplog.at_level("DEBUG"):
        ended = [say(*verb) for verb in verbs]
    assert [each.code for each in ended] == [3, 3, 3, 0, 3], [each.err for each in ended]
    texts = "".join(each.out + each.err for each in ended)
    assert "KANARIENGELB" not in texts
    sources = leaks(ended, tmp_path, damaged.parent, caplog)
    assert {leak for leak in sources if not leak[0].startswith("raw/")} == set()


def test_check_and_describe_read_the_right_values(say: Say, clinical: Path, tmp_path: Path) -> None:
    checked = json.loads(say("check", clinical, "--json").out)
    assert (checked["rows"], checked["clean"]) == (len(SPLITS), len(SPLITS))
    for number, row in enumerate(rows_of(clinical)):
        of_image = images.read_image(clinical.parent / row["image"], 1)[..., 0]
        of_mask = images.read_mask(clinical.parent / row["mask"])
        assert of_mask.sum() == square(number).sum()
        # The lesion is the brightest: image and mask lie in one frame, in both formats.
        assert of_image[of_mask].min() > of_image[~of_mask].max(), number
        if not number % 2:
            assert np.array_equal(of_image, picture(number))
    twin = png_twin(clinical, tmp_path / "twin")
    for manifest in (clinical, twin):
        assert say("describe", manifest, "--to", manifest.with_name("words.jsonl")).code == 0
    words = [row["prompts"] for row in rows_of(clinical.with_name("words.jsonl"))]
    assert words == [row["prompts"] for row in rows_of(twin.with_name("words.jsonl"))]
    assert "top left" in words[0]["described"]


def png_twin(clinical: Path, folder: Path) -> Path:
    """The same set as PNG."""
    rows = rows_of(clinical)
    folder.mkdir()
    for row in rows:
        pixels = images.read_image(clinical.parent / row["image"], 1)[..., 0]
        mask = images.read_mask(clinical.parent / row["mask"])
        row |= {"image": f"{row['id']}.png", "mask": f"{row['id']}-mask.png"}
        Image.fromarray(pixels).save(folder / row["image"])
        Image.fromarray(mask).save(folder / row["mask"])
    return write_rows(folder / "manifest.jsonl", rows)
