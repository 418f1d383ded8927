"""NIfTI in: orientation against nibabel's own, grey values, and what is refused."""

from __future__ import annotations

import gzip
import itertools
import pickle
from pathlib import Path

import numpy as np
import pytest

nibabel = pytest.importorskip("nibabel")

from saywhere.errors import UnreadableFile  # noqa: E402
from saywhere.io import nifti  # noqa: E402

PATH = Path("a.nii")
VOLUME = np.random.default_rng(0).integers(0, 1000, (5, 6, 7)).astype(np.int16)


def image(voxels: np.ndarray, affine: np.ndarray | None = None):
    return nibabel.Nifti1Image(voxels, np.eye(4) if affine is None else affine)


def affines() -> list[np.ndarray]:
    """All 48 ways that a volume can lie along the patient's axes, with voxels of 1 × 2 × 3 mm."""
    made = []
    for axes in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            affine = np.eye(4)
            affine[:3, :3] = 0
            for voxel, (world, sign) in enumerate(zip(axes, signs)):
                affine[world, voxel] = sign * (voxel + 1)
            made.append(affine)
    return made


@pytest.mark.parametrize("affine", affines(), ids=lambda affine: str(affine[:3, :3].tolist()))
def test_slices_are_axial_with_the_right_on_the_left_and_the_front_above(
    affine: np.ndarray,
) -> None:
    stored = image(VOLUME, affine)
    slices = nifti.read_labels(stored.to_bytes(), PATH).slices
    # nibabel brings any volume to right, front, head; radiology shows it turned by half a turn.
    canonical = np.asarray(nibabel.as_closest_canonical(stored).dataobj)
    if affine[2, slices[0].geometry.volume.axis] < 0:
        canonical = canonical[..., ::-1]
    for index, part in enumerate(slices):
        assert (part.pixels == canonical[::-1, ::-1, index].T).all()
        assert part.geometry.patient_orientation == ("L", "P")
        assert part.geometry.volume.index == index


@pytest.mark.parametrize("affine", affines()[::7], ids=str)
def test_slices_put_back_are_the_volume(affine: np.ndarray) -> None:
    rebuilt = np.zeros(VOLUME.shape, np.int64)
    for part in nifti.read_labels(image(VOLUME, affine).to_bytes(), PATH).slices:
        volume = part.geometry.volume
        place = (slice(None),) * volume.axis + (volume.index,)
        rebuilt[place] = volume.place(part.pixels)
    assert (rebuilt == VOLUME).all()


@pytest.mark.parametrize(
    ("shape", "orientation"),
    [((1, 6, 7), ("P", "F")), ((5, 1, 7), ("L", "F")), ((5, 6, 1), ("L", "P"))],
)
def test_a_single_slice_is_shown_as_it_was_cut(shape, orientation) -> None:
    voxels = np.zeros(shape, np.uint8)
    slices = nifti.read(image(voxels).to_bytes(), PATH).slices
    assert len(slices) == 1
    assert slices[0].geometry.patient_orientation == orientation


def test_a_flat_image_has_one_slice() -> None:
    content = image(np.arange(20, dtype=np.uint8).reshape(4, 5)).to_bytes()
    assert nifti.count_slices(content, PATH) == 1
    assert nifti.read(content, PATH).slices[0].pixels.shape == (5, 4)


def test_eight_bits_stay_as_they_are() -> None:
    voxels = np.full((4, 4, 2), 7, np.uint8)
    assert (nifti.read(image(voxels).to_bytes(), PATH).slices[0].pixels == 7).all()


def test_slices_share_one_scale_and_one_hot_voxel_changes_nothing() -> None:
    voxels = np.zeros((32, 32, 4), np.int16)
    voxels[..., :] = np.linspace(0, 1000, 32)[:, None, None]
    voxels[0, 0, 0] = 30_000
    first, second = (part.pixels for part in nifti.read(image(voxels).to_bytes(), PATH).slices[1:3])
    assert (first == second).all()
    assert first.max() == 255


def test_scl_slope_and_cal_are_the_file_s_word() -> None:
    stored = image(np.full((4, 4, 1), 100, np.int16))
    stored.header.set_slope_inter(0.5, 10)
    stored.header["cal_min"], stored.header["cal_max"] = 0, 120
    content = stored.to_bytes()
    loaded = nibabel.Nifti1Image.from_bytes(content)
    expected = round(255 * float(loaded.get_fdata()[0, 0, 0]) / 120)
    file = nifti.read(content, PATH)
    assert file.slices[0].pixels[0, 0] == expected
    assert "cal_min" in file.notes[0]


def test_packed_files_and_nifti_2_are_known_by_their_content() -> None:
    content = image(VOLUME).to_bytes()
    second = nibabel.Nifti2Image(VOLUME, np.eye(4)).to_bytes()
    for packed in (content, gzip.compress(content), second, gzip.compress(second)):
        assert nifti.is_nifti(packed)
        assert nifti.count_slices(packed, PATH) == 7
        assert len(nifti.read(packed, PATH).slices) == 7
    assert not nifti.is_nifti(gzip.compress(b"something else"))
    assert not nifti.is_nifti(b"")


def test_colours_are_colours() -> None:
    colours = np.zeros((4, 5, 2), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    colours["G"] = 200
    part = nifti.read(image(colours).to_bytes(), PATH).slices[0]
    assert part.pixels.shape == (5, 4, 3)
    assert part.pixels[0, 0].tolist() == [0, 200, 0]


def test_a_file_that_does_not_say_how_it_lies_says_so() -> None:
    stored = nibabel.Nifti1Image(VOLUME, None)
    file = nifti.read(stored.to_bytes(), PATH)
    assert file.slices[0].geometry.patient_orientation is None
    assert "which side is left" in file.notes[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (image(np.zeros((4, 4, 2, 3), np.int16)).to_bytes(), "shape 4 × 4 × 2 × 3"),
        (image(np.zeros((4, 4, 2), np.complex64)).to_bytes(), "complex64"),
        (image(np.full((4, 4, 2), np.nan, np.float32)).to_bytes(), "32 NaN"),
        (image(VOLUME).to_bytes()[:400], "damaged"),
        (gzip.compress(image(VOLUME).to_bytes())[:300], "damaged"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(content: bytes, message: str) -> None:
    with pytest.raises(UnreadableFile, match=message):
        nifti.read(content, PATH)


def test_a_mask_of_fractions_is_refused() -> None:
    content = image(np.full((4, 4, 2), 0.5, np.float32)).to_bytes()
    with pytest.raises(UnreadableFile, match="whole numbers"):
        nifti.read_labels(content, PATH)


def test_a_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saywhere.io.nifti_file.MAX_BYTES", 100_000)
    with pytest.raises(UnreadableFile, match="at most"):
        nifti.read(gzip.compress(bytes(image(VOLUME).to_bytes()[:352] + b"\0" * 10**6)), PATH)


def test_a_file_goes_through_a_child_process() -> None:
    file = nifti.read(image(VOLUME).to_bytes(), PATH)
    again = pickle.loads(pickle.dumps(file))
    assert again.slices[0].geometry == file.slices[0].geometry


def test_the_header_alone_says_where_the_first_slice_lies() -> None:
    voxels = np.zeros((3, 4, 5), np.int16)
    for affine in affines():
        content = image(voxels, affine).to_bytes()
        whole = nifti.read(content, Path("a.nii")).slices[0].geometry
        assert nifti.geometry_of(content[:540], Path("a.nii")) == whole
        assert whole.size == nifti.read(content, Path("a.nii")).slices[0].pixels.shape


def test_several_gzip_files_one_behind_the_other_are_one_file() -> None:
    content = image(VOLUME).to_bytes()
    packed = b"".join(gzip.compress(content[at : at + 200]) for at in range(0, len(content), 200))
    expected = nifti.read(content, PATH).slices
    for whole in (packed, packed + bytes(512)):
        slices = nifti.read(whole, PATH).slices
        assert all((a.pixels == b.pixels).all() for a, b in zip(slices, expected, strict=True))
    with pytest.raises(UnreadableFile, match="damaged"):
        nifti.read(packed[: len(packed) // 2], PATH)


@pytest.mark.parametrize(("side", "is_told"), [(1, False), (-1, True)])
def test_a_qform_of_another_side_than_the_sform_is_told(side: int, is_told: bool) -> None:
    stored = image(VOLUME)
    stored.set_sform(np.eye(4), 1)
    stored.set_qform(np.diag([side, 1, 1, 1]), 1)
    notes = nifti.read(stored.to_bytes(), PATH).notes
    assert any("qform" in note for note in notes) == is_told
