"""Real files: those of ../shared/data/dicom and pydicom's own, against highdicom and each other."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pydicom")
highdicom = pytest.importorskip("highdicom")

from pydicom.data import get_testdata_file  # noqa: E402

from dicom_file import DATA  # noqa: E402
from saywhere.errors import UnreadableFile  # noqa: E402
from saywhere.io import dicom  # noqa: E402

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data/dicom is not there")
NAMES = sorted(path.name for path in DATA.glob("*.dcm")) if DATA.is_dir() else []
REFUSED = {
    "OT-PAL-8-face.dcm": "does not say how it is encoded",
    "emri_small_jpeg_2k_lossless_too_short.dcm": "without pixels",
}
SEGMENTATIONS = {"liver_expb.dcm": 3, "seg_image_cr_binary.dcm": 1, "seg_image_ct_binary.dcm": 3}
# One picture under two names; the second pair is compressed with loss, by at most so many greys.
TWINS = [
    ("CT2_JPLL.dcm", "CT2_JLSL.dcm", 0),
    ("RG3_JPLY.dcm", "RG3_J2KI.dcm", 12),
    ("XA1_JPLL.dcm", "XA1_JLSL.dcm", 0),
    ("emri_small_RLE.dcm", "emri_small.dcm", 0),
    ("emri_small_jpeg_ls_lossless.dcm", "emri_small.dcm", 0),
]
# What highdicom can decode and what is shown by a window, or in colours of 8 bits.
AGAINST_HIGHDICOM = [
    "CT2_JLSL.dcm",
    "RG1_J2KI.dcm",
    "RG3_J2KI.dcm",
    "SC_rgb.dcm",
    "SC_ybr_full_uncompressed.dcm",
    "US1_J2KI.dcm",
    "VL1_J2KI.dcm",
    "dx_image.dcm",
]
OF_PYDICOM = [
    "693_J2KI.dcm",
    "J2K_pixelrep_mismatch.dcm",
    "JPEGLSNearLossless_08.dcm",
    "MR_small.dcm",
    "MR_small_RLE.dcm",
    "MR_small_implicit.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "MR_small_padded.dcm",
    "SC_jpeg_no_color_transform.dcm",
    "SC_rgb_dcmtk_+eb+cr.dcm",
    "SC_rgb_dcmtk_+eb+cy+np.dcm",
    "SC_rgb_dcmtk_+eb+cy+s4.dcm",
    "SC_rgb_gdcm_KY.dcm",
    "SC_rgb_jls_lossy_line.dcm",
    "SC_rgb_jpeg.dcm",
    "SC_rgb_jpeg_app14_dcmd.dcm",
    "SC_rgb_rle_2frame.dcm",
    "SC_rgb_small_odd_jpeg.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
    "examples_overlay.dcm",
    "examples_ybr_color.dcm",
    "image_dfl.dcm",
]
OTHERS = {
    "DICOMDIR": "DICOMDIR",
    "MR_truncated.dcm": "truncated",
    "reportsi.dcm": "structured report",
    "rtdose.dcm": "radiotherapy dose",
    "rtplan.dcm": "radiotherapy object",
    "waveform_ecg.dcm": "waveform",
    "liver_1frame.dcm": "SEG",
    "no_meta.dcm": "does not say how it is encoded",
}


def pixels_of(path: Path) -> np.ndarray:
    return np.stack([picture.pixels for picture in dicom.read(path.read_bytes(), path).pictures])


def of_highdicom(path: Path) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = highdicom.imread(path)
        return np.stack(
            [
                image.get_frame(
                    number,
                    apply_real_world_transform=False,
                    apply_voi_transform=None,
                    apply_presentation_lut=True,
                    voi_output_range=(0, 255),
                    apply_icc_profile=False,
                )
                for number in range(1, (image.get("NumberOfFrames") or 1) + 1)
            ]
        )


@needs_data
def test_28_of_30_files_are_read_and_two_are_refused_in_words() -> None:
    n_images = n_masks = 0
    for name in NAMES:
        path = DATA / name
        content = path.read_bytes()
        if name in REFUSED:
            with pytest.raises(UnreadableFile, match=REFUSED[name]):
                dicom.read(content, path)
        elif name in SEGMENTATIONS:
            n_masks += 1
            assert len(dicom.read_segmentation(content, path).frames) == SEGMENTATIONS[name]
        else:
            n_images += 1
            assert dicom.read(content, path).pictures[0].pixels.dtype == np.uint8
    assert (n_images, n_masks) == (25, 3)


@needs_data
@pytest.mark.parametrize(("name", "twin", "most"), TWINS)
def test_a_picture_is_the_same_in_every_code(name: str, twin: str, most: int) -> None:
    difference = np.abs(pixels_of(DATA / name).astype(int) - pixels_of(DATA / twin))
    assert difference.max() <= most
    assert difference.mean() <= 0.3


@needs_data
@pytest.mark.parametrize("name", AGAINST_HIGHDICOM)
def test_a_file_is_shown_as_highdicom_shows_it(name: str) -> None:
    pixels = pixels_of(DATA / name)
    assert np.abs(pixels - of_highdicom(DATA / name).reshape(pixels.shape)).max() <= 0.51


@pytest.mark.parametrize("name", OF_PYDICOM)
def test_pydicom_s_files_are_shown_as_highdicom_shows_them(name: str) -> None:
    path = Path(get_testdata_file(name, download=False))
    pixels = pixels_of(path)
    assert np.abs(pixels - of_highdicom(path).reshape(pixels.shape)).max() <= 0.51


@pytest.mark.parametrize(
    ("name", "like"),
    [
        ("MR_small_bigendian.dcm", "MR_small.dcm"),
        ("MR_small_expb.dcm", "MR_small.dcm"),
        ("SC_rgb_small_odd_big_endian.dcm", "SC_rgb_small_odd.dcm"),
        ("SC_rgb_rle_16bit.dcm", "SC_rgb_rle_32bit.dcm"),
    ],
)
def test_the_order_and_the_number_of_bytes_make_no_difference(name: str, like: str) -> None:
    first, second = (Path(get_testdata_file(n, download=False)) for n in (name, like))
    assert (pixels_of(first) == pixels_of(second)).all()


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_image_is_refused_by_what_it_is(name: str) -> None:
    found = get_testdata_file(name, download=False)
    path = Path(found) if found else Path(get_testdata_file("dicomdirtests/DICOMDIR"))
    with pytest.raises(UnreadableFile, match=OTHERS[name]):
        dicom.read(path.read_bytes(), path)


@needs_data
def test_geometry_comes_from_the_header() -> None:
    path = DATA / "RG3_J2KI.dcm"
    geometry = dicom.read(path.read_bytes(), path).pictures[0].geometry
    assert geometry.patient_orientation == ("R", "F")
    assert (geometry.view_position, geometry.laterality) == ("AP", "R")
    path = DATA / "ct_image.dcm"
    geometry = dicom.read(path.read_bytes(), path).pictures[0].geometry
    assert geometry.spacing_mm == pytest.approx((0.661468, 0.661468))
    assert geometry.patient_orientation == ("L", "P")
    assert "PixelData" not in geometry.source
