"""How a DICOM's values become a picture: each rule on a file made for it."""

from __future__ import annotations

import logging
import pickle
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom")

import dicom_file  # noqa: E402
from dicom_file import CANARY, ramp  # noqa: E402
from saywhere.errors import UnreadableFile  # noqa: E402
from saywhere.io import dicom  # noqa: E402
from saywhere.io.dicom import header  # noqa: E402

PATH = Path("a.dcm")


def read(pixels: np.ndarray, **tags: object) -> np.ndarray:
    return dicom.read(dicom_file.file(pixels, **tags), PATH).pictures[0].pixels


def notes(pixels: np.ndarray, **tags: object) -> str:
    return "; ".join(dicom.read(dicom_file.file(pixels, **tags), PATH).notes)


def linear(values: np.ndarray, center: float, width: float) -> np.ndarray:
    """PS3.3 C.11.2.1.2.1, by hand."""
    unit = (values.astype(float) - (center - 0.5)) / (width - 1) + 0.5
    return np.rint(np.clip(unit, 0, 1) * 255)


def test_eight_bits_without_a_window_stay_as_they_are() -> None:
    pixels = ramp(200, "u1")
    assert (read(pixels) == pixels).all()


def test_a_rescale_comes_before_the_window() -> None:
    pixels = ramp(3000)
    shown = read(pixels, RescaleSlope=2, RescaleIntercept=-1024, WindowCenter=40, WindowWidth=400)
    assert (shown == linear(pixels.astype(float) * 2 - 1024, 40, 400)).all()


def test_monochrome1_is_inverted_after_the_window() -> None:
    pixels = ramp(3000)
    window = {"WindowCenter": 1000, "WindowWidth": 500}
    inverted = read(pixels, PhotometricInterpretation="MONOCHROME1", **window)
    assert np.abs(inverted + read(pixels, **window).astype(int) - 255).max() <= 1


def test_the_first_window_of_several_is_taken_and_told_of() -> None:
    pixels = ramp(3000)
    tags = {"WindowCenter": [40, 450], "WindowWidth": [350, 1500]}
    assert (read(pixels, **tags) == linear(pixels, 40, 350)).all()
    assert "first of 2 windows" in notes(pixels, **tags)


@pytest.mark.parametrize(("function", "value"), [("LINEAR_EXACT", 0.25), ("SIGMOID", 0.2689)])
def test_other_functions_of_the_window(function: str, value: float) -> None:
    pixels = np.full((4, 4), 75, "<u2")
    shown = read(pixels, VOILUTFunction=function, WindowCenter=100, WindowWidth=100)
    assert shown[0, 0] == round(value * 255)


def test_a_window_without_a_width_is_left_out_and_told_of() -> None:
    tags = {"WindowCenter": 100, "WindowWidth": 0}
    assert read(ramp(3000), **tags).max() == 255
    assert "no width" in notes(ramp(3000), **tags)


def test_a_rescale_slope_of_zero_is_told_of() -> None:
    assert "slope is 0" in notes(ramp(3000), RescaleSlope=0, RescaleIntercept=5)


def test_a_negative_slope_turns_the_greys() -> None:
    shown = read(ramp(3000), RescaleSlope=-1, RescaleIntercept=0)
    assert shown[0, 0] > shown[-1, -1]


def test_a_voi_table_is_looked_up() -> None:
    item = dicom_file.table(4, 10, 8, [0, 100, 200, 255])
    pixels = np.array([[5, 10, 11], [12, 13, 99]], "<u2")
    assert read(pixels, VOILUTSequence=[item]).tolist() == [[0, 0, 100], [200, 255, 255]]


def test_a_modality_table_comes_before_the_window() -> None:
    item = dicom_file.table(3, 0, 16, [1000, 2000, 3000])
    item.ModalityLUTType = "US"
    pixels = np.array([[0, 1, 2, 2]], "<u2")
    shown = read(pixels, ModalityLUTSequence=[item], WindowCenter=2000.5, WindowWidth=2001)
    assert shown.tolist() == [[0, 128, 255, 255]]


def test_one_hot_pixel_does_not_darken_a_film() -> None:
    pixels = ramp(1000)
    hot = pixels.copy()
    hot[0, 0] = 65535
    assert np.abs(read(hot)[1:].astype(int) - read(pixels)[1:]).max() <= 1


def test_signed_values_are_signed() -> None:
    pixels = np.linspace(-500, 500, 256).astype("<i2").reshape(16, 16)
    shown = read(pixels, WindowCenter=0, WindowWidth=1001)
    assert (shown == linear(pixels, 0, 1001)).all()


def test_bits_beside_the_stored_ones_are_cut_off() -> None:
    pixels = ramp(4095)
    dirty = pixels | np.uint16(0xF000)
    tags = {"BitsStored": 12, "HighBit": 11, "WindowCenter": 2048, "WindowWidth": 4096}
    assert (read(dirty, **tags) == linear(pixels, 2048, 4096)).all()


def test_padding_is_black_and_does_not_count() -> None:
    pixels = ramp(1000).astype("<i2")
    padded = pixels.copy()
    padded[:16] = -2000
    shown = read(padded, PixelPaddingValue=-2000)
    assert (shown[:16] == 0).all()
    assert shown[16:].max() - shown[16:].min() > 250


def test_all_frames_share_one_scale_and_have_numbers() -> None:
    pixels = np.stack([ramp(1000), ramp(2000)])
    file = dicom.read(dicom_file.file(pixels, NumberOfFrames=2), PATH)
    first, second = (picture.pixels for picture in file.pictures)
    assert second.max() > 1.9 * first.max() > 0
    assert [picture.geometry.frame for picture in file.pictures] == [1, 2]


def test_frames_have_their_own_rescale_and_window_or_share_one() -> None:
    ramp = dicom_file.ramp(4000)
    values = ramp.astype(float)
    for is_shared in (False, True):
        groups = [_functional_groups(n) for n in ((1, 1, 1) if is_shared else (1, 2, 3))]
        dataset = dicom_file.make(np.stack([ramp] * 3), NumberOfFrames=3)
        if is_shared:
            dataset.SharedFunctionalGroupsSequence = groups[:1]
        else:
            dataset.PerFrameFunctionalGroupsSequence = groups
        pictures = dicom.read(dicom_file.to_bytes(dataset), Path("a.dcm")).pictures
        for n, picture in zip((1, 1, 1) if is_shared else (1, 2, 3), pictures, strict=True):
            # PS3.3 C.11.2.1.2.1, of a window 2,000 wide.
            shown = ((values * n - 100 - (1000 * n - 0.5)) / 1999 + 0.5) * 255
            assert np.abs(picture.pixels - np.clip(shown, 0, 255)).max() <= 0.51


def _functional_groups(n: int) -> pydicom.Dataset:
    """Of a frame: rescaled by n, with a window about 1000 n."""
    rescale = pydicom.Dataset()
    rescale.RescaleSlope = n
    rescale.RescaleIntercept = -100
    window = pydicom.Dataset()
    window.WindowCenter = 1000 * n
    window.WindowWidth = 2000
    group = pydicom.Dataset()
    group.PixelValueTransformationSequence = [rescale]
    group.FrameVOILUTSequence = [window]
    return group


def test_planes_of_colour_one_after_the_other() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 6, 3), dtype=np.uint8)
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1)).tobytes()
    assert (read(pixels, PlanarConfiguration=1, PixelData=planes) == pixels).all()


def test_deep_colours_are_scaled_by_the_bits_stored() -> None:
    pixels = np.full((4, 4, 3), 1023, "<u2")
    assert (read(pixels, BitsStored=10, HighBit=9) == 255).all()


def test_a_palette_is_looked_up() -> None:
    tags: dict[str, object] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name, entries in (("Red", [0, 65535]), ("Green", [65535, 0]), ("Blue", [0, 32768])):
        tags[f"{name}PaletteColorLookupTableDescriptor"] = [2, 7, 16]
        tags[f"{name}PaletteColorLookupTableData"] = np.array(entries, "<u2").tobytes()
    shown = read(np.array([[7, 8]], np.uint8), **tags)
    assert shown.tolist() == [[[0, 255, 0], [255, 0, 128]]]


def test_float_values_are_shown_between_percentiles_and_nan_is_refused() -> None:
    pixels = np.linspace(-1, 1, 400, dtype="<f4").reshape(20, 20)
    assert read(pixels).max() == 255
    pixels[3, 3] = np.nan
    with pytest.raises(UnreadableFile, match="1 NaN"):
        read(pixels)


def test_overlays_are_told_of_and_not_drawn() -> None:
    pixels = np.zeros((8, 8), np.uint8)
    dataset = dicom_file.make(pixels)
    dataset.add_new(0x60003000, "OW", b"\xff" * 8)
    file = dicom.read(dicom_file.to_bytes(dataset), PATH)
    assert not file.pictures[0].pixels.any()
    assert "overlays" in file.notes[0]


def test_pixels_that_are_not_square_are_told_of() -> None:
    assert "not square" in notes(np.zeros((8, 8), np.uint8), PixelAspectRatio=["4", "3"])


def test_a_file_without_preamble_is_read() -> None:
    pixels = ramp(200, "u1")
    content = dicom_file.file(pixels)[132:]
    assert header.is_dicom(content)
    assert (dicom.read(content, PATH).pictures[0].pixels == pixels).all()


def test_a_deflated_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header, "MAX_INFLATED_BYTES", 1000)
    content = dicom_file.file(ramp(200), syntax=pydicom.uid.DeflatedExplicitVRLittleEndian)
    with pytest.raises(UnreadableFile, match="deflated DICOM file that is too large"):
        dicom.read(content, PATH)


def test_a_header_that_promises_too_many_pixels_is_refused() -> None:
    with pytest.raises(UnreadableFile, match="pixels"):
        read(np.zeros((8, 8), np.uint8), Rows=60000, Columns=60000)
    with pytest.raises(UnreadableFile, match="in all frames"):
        read(np.zeros((1, 8, 8), np.uint8), NumberOfFrames=2_000_000_000)


def test_a_truncated_file_says_so() -> None:
    pixels = ramp(3000)
    with pytest.raises(UnreadableFile, match=r"truncated DICOM file \(100 of 2,048 bytes"):
        read(pixels, PixelData=pixels.tobytes()[:100])


def test_an_unknown_code_is_refused() -> None:
    content = dicom_file.to_bytes(dicom_file.make(ramp(200, "u1")))
    mpeg = b"1.2.840.10008.1.2.4.100"
    assert len(mpeg) > 19
    changed = content.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0")
    with pytest.raises(UnreadableFile, match=r"not read|damaged"):
        dicom.read(changed, PATH)


@pytest.mark.parametrize("seed", range(60))
def test_damaged_bytes_raise_nothing_else_and_name_no_patient(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    rng = np.random.default_rng(seed)
    content = bytearray(dicom_file.file(ramp(3000), WindowCenter=40, WindowWidth=400))
    for position in rng.integers(128, len(content) - 2048, 12):
        content[position] = rng.integers(256)
    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        try:
            file = dicom.read(bytes(content), PATH)
            text = repr(file.pictures[0].geometry) + str(file.notes)
        except UnreadableFile as error:
            text = str(error)
    text += caplog.text + "".join(str(warning.message) for warning in raised)
    assert CANARY not in text


def test_debug_logs_of_pydicom_name_no_patient(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="pydicom")
    pydicom.config.debug(True)
    try:
        dicom.read(dicom_file.file(ramp(3000)), PATH)
    finally:
        pydicom.config.debug(False)
    assert CANARY not in caplog.text


def test_a_file_goes_through_a_child_process() -> None:
    file = dicom.read(dicom_file.file(ramp(200, "u1")), PATH)
    again = pickle.loads(pickle.dumps(file))
    assert (again.pictures[0].pixels == file.pictures[0].pixels).all()
    assert again.pictures[0].geometry.source.PatientName == f"{CANARY}^Vera"


def test_zlib_is_what_deflated_files_use() -> None:
    pixels = ramp(3000)
    content = dicom_file.file(pixels, syntax=pydicom.uid.DeflatedExplicitVRLittleEndian)
    assert zlib.MAX_WBITS == 15
    plain = dicom.read(dicom_file.file(pixels), PATH).pictures[0].pixels
    assert (dicom.read(content, PATH).pictures[0].pixels == plain).all()
