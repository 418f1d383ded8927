"""NIfTI: the mask lies where its image lies (requirement R25)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saywhere.errors import UsageError
from saywhere.inference.answer import Answer

nibabel = pytest.importorskip("nibabel")

from saywhere.inference.writers.nifti_volume import WRITER, volume_of  # noqa: E402
from saywhere.inference.writers.writer import Options  # noqa: E402
from saywhere.io import clinic  # noqa: E402
from saywhere.io.geometry import Geometry  # noqa: E402


def affine_from(random: np.random.Generator) -> np.ndarray:
    """Any rotation or reflection, any voxel size, any origin, as float32 as files hold it."""
    rotation, _ = np.linalg.qr(random.normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.diag(random.uniform(0.2, 6, 3))
    affine[:3, 3] = random.uniform(-300, 300, 3)
    return affine.astype(np.float32).astype(np.float64)


def answers_to_volume(voxels: np.ndarray, affine: np.ndarray) -> list[Answer]:
    """Each slice is answered by the mask "brighter than the middle"."""
    image = nibabel.Nifti1Image(voxels, affine)
    answers = []
    for picture in clinic.read(image.to_bytes(), Path("a.nii")).pictures:
        mask = picture.pixels > 127
        probability = mask.astype(np.float32)
        pixels = picture.pixels[..., None]
        answers.append(Answer(pixels, "p", probability, mask, None, 0.0, geometry=picture.geometry))
    return answers


def check_geometry(seed: int, folder: Path) -> None:
    random = np.random.default_rng(seed)
    shape = tuple(random.integers(2, 7, 3))
    affine = affine_from(random)
    voxels = (255 * (random.random(shape) > 0.5)).astype(np.uint8)
    voxels.flat[:2] = (0, 255)
    path = folder / "mask.nii.gz"
    WRITER.write(answers_to_volume(voxels, affine), {"nifti": path}, Options())
    written = nibabel.load(path)
    assert np.abs(written.affine - affine).max() <= 1e-6 * max(1, np.abs(affine).max())
    assert (written.shape, written.get_data_dtype()) == (shape, np.uint8)
    assert np.array_equal(np.asarray(written.dataobj) > 0, voxels > 127)


@pytest.mark.parametrize("seed", range(25))
def test_a_volumes_mask_has_its_grid_and_affine(seed: int, tmp_path: Path) -> None:
    check_geometry(seed, tmp_path)


@pytest.mark.slow
def test_two_thousand_geometries(tmp_path: Path) -> None:
    for seed in range(2_000):
        check_geometry(seed, tmp_path)


def slices_of(seed: int, n: int = 4) -> tuple[list[Answer], list[np.ndarray]]:
    """A DICOM stack in any orientation, with the place of a pixel by DICOM's own formula."""
    random = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(random.normal(size=(3, 3)))
    row, column = rotation[:, 0], rotation[:, 1]
    height_mm, width_mm, step_mm = random.uniform(0.3, 5, 3)
    start = random.uniform(-200, 200, 3)
    normal = np.cross(row, column)
    answers = []
    places = []
    for number in range(n):
        origin = start + number * step_mm * normal
        geometry = Geometry(
            size=(5, 6),
            spacing_mm=(height_mm, width_mm),
            position=tuple(origin),
            orientation=(*row, *column),
        )
        mask = random.random((5, 6)) > 0.5
        answers.append(
            Answer(np.zeros((5, 6, 1), np.uint8), "p", mask * np.float32(1), mask, None, 0.0)
        )
        answers[-1] = replace(answers[-1], geometry=geometry)
        y, x = np.nonzero(mask)
        lps = origin + np.outer(x * width_mm, row) + np.outer(y * height_mm, column)
        places.append(lps * [-1, -1, 1])
    return answers, places


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**31), st.booleans())
def test_a_stack_of_dicom_slices_lies_where_dicom_says(seed: int, is_reversed: bool) -> None:
    answers, places = slices_of(seed)
    voxels, affine = volume_of(
        answers[::-1] if is_reversed else answers, lambda answer: answer.mask
    )
    marked = np.argwhere(voxels)
    found_mm = marked @ affine[:3, :3].T + affine[:3, 3]
    expected_mm = np.concatenate(places)
    assert len(found_mm) == len(expected_mm)
    distances = np.linalg.norm(found_mm[:, None] - expected_mm[None], axis=-1)
    assert distances.min(axis=1).max(initial=0) < 1e-3


def test_a_gap_in_a_stack_is_refused() -> None:
    answers, _ = slices_of(1)
    with pytest.raises(UsageError, match="slices at uneven distances"):
        volume_of([answers[0], answers[1], answers[3]], lambda answer: answer.mask)


def test_a_missing_slice_of_a_volume_is_refused() -> None:
    voxels = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    answers = answers_to_volume(voxels, np.eye(4))
    with pytest.raises(UsageError, match="slices of a volume of"):
        volume_of(answers[1:], lambda answer: answer.mask)


def test_a_plain_picture_is_shown_upright_at_one_millimetre(answer: Answer, out: Path) -> None:
    paths = WRITER.paths(out, "a")
    assert WRITER.write([answer], paths, Options()).parts == ("nifti", "nifti_probability")
    image = nibabel.load(paths["nifti"])
    assert (image.shape, image.header.get_zooms()) == ((7, 5, 1), (1, 1, 1))
    # Columns run to the patient's left, rows to the feet.
    assert nibabel.aff2axcodes(image.affine)[:2] == ("L", "I")
    assert np.array_equal(np.asarray(image.dataobj)[:, :, 0].T > 0, answer.mask)
    probability = np.asarray(nibabel.load(paths["nifti_probability"]).dataobj)[:, :, 0].T
    assert np.array_equal(probability, answer.probability)
