"""Where a picture lies: affines against nibabel's rules, and what a repr may show."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from saywhere.io.geometry import Geometry, VolumeSlice, letters

AFFINE = ((-2.0, 0.1, 0.0, 90.0), (0.0, 2.5, 0.2, -120.0), (0.1, 0.0, 3.0, -70.0), (0, 0, 0, 1.0))
SHAPE = (4, 5, 6)


def slices():
    for axis in range(3):
        for bits in range(8):
            flags = [bool(bits & bit) for bit in (1, 2, 4)]
            yield VolumeSlice(AFFINE, SHAPE, axis, 2, *flags)


@pytest.mark.parametrize("volume", list(slices()), ids=str)
def test_a_picture_goes_back_where_it_came_from(volume):
    voxels = np.arange(np.prod(SHAPE)).reshape(SHAPE).take(volume.index, axis=volume.axis)
    assert (volume.place(volume.show(voxels)) == voxels).all()


@pytest.mark.parametrize("volume", list(slices()), ids=str)
def test_each_pixel_has_the_place_of_its_voxel(volume):
    numbers = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    picture = volume.show(numbers.take(volume.index, axis=volume.axis))
    to_ras = Geometry(picture.shape, volume=volume).to_ras()
    for row, column in ((0, 0), (1, 2), (picture.shape[0] - 1, picture.shape[1] - 1)):
        voxel = np.unravel_index(picture[row, column], SHAPE)
        expected = np.array(AFFINE) @ [*voxel, 1]
        assert to_ras @ [column, row, 0, 1] == pytest.approx(expected)


def test_dicom_steps_along_a_row_by_the_distance_between_columns():
    geometry = Geometry(
        (10, 20),
        spacing_mm=(0.5, 0.25),
        thickness_mm=3.0,
        position=(-100.0, -50.0, 7.0),
        orientation=(1, 0, 0, 0, 1, 0),
    )
    # DICOM counts to the left and to the back, NIfTI to the right and to the front.
    assert geometry.to_ras() @ [4, 2, 0, 1] == pytest.approx([99.0, 49.0, 7.0, 1])
    assert geometry.to_ras()[:3, 2] == pytest.approx([0, 0, 3])


def test_a_film_without_a_place_has_none():
    assert Geometry((10, 20), spacing_mm=(0.1, 0.1)).to_ras() is None


@pytest.mark.parametrize(
    ("direction", "name"),
    [
        ((1, 0, 0), "L"),
        ((-1, 0, 0), "R"),
        ((0, 1, 0), "P"),
        ((0, -0.99, 0.1), "A"),
        ((0, 0, -1), "F"),
        ((0.8, 0, -0.6), "LF"),
    ],
)
def test_directions_have_dicom_s_letters(direction, name):
    assert letters(np.array(direction, dtype=float)) == name


def test_a_repr_shows_no_header_and_no_uid():
    geometry = Geometry((1, 1), frame_of_reference="1.2.3.4", source={"PatientName": "Doe^Jane"})
    assert "Doe" not in repr(geometry)
    assert "1.2.3.4" not in repr(geometry)


def test_a_geometry_goes_through_a_child_process():
    geometry = Geometry((1, 1), volume=next(slices()), source=[1])
    assert pickle.loads(pickle.dumps(geometry)) == geometry
