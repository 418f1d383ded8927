"""Tables and padding whose numbers are written in one of the ways that programs differ in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom")

from pydicom.dataset import Dataset  # noqa: E402
from pydicom.uid import (  # noqa: E402
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

import dicom_file  # noqa: E402
from saywhere.io import dicom  # noqa: E402

PATH = Path("a.dcm")
SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]
FILM = dicom_file.ramp(4095)
ROOTS = np.rint(4095 * np.sqrt(np.linspace(0, 1, 4096))).astype(np.uint16)


def shown(dataset: Dataset) -> np.ndarray:
    return dicom.read(dicom_file.to_bytes(dataset), PATH).pictures[0].pixels


def order(syntax: UID) -> str:
    return ">" if syntax == ExplicitVRBigEndian else "<"


def item(kind: str, first: int, entries: bytes) -> Dataset:
    table = Dataset()
    table.add_new("LUTDescriptor", kind, [4096, first, 12])
    table.add_new("LUTData", "OW", entries)
    return table


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_a_voi_table_is_read_in_its_files_order_of_bytes(syntax: UID) -> None:
    pixels = FILM.astype(f"{order(syntax)}u2")
    dataset = dicom_file.make(pixels, BitsStored=12, HighBit=11, syntax=syntax)
    dataset.VOILUTSequence = [item("US", 0, ROOTS.astype(f"{order(syntax)}u2").tobytes())]
    np.testing.assert_array_equal(shown(dataset), np.rint(ROOTS[FILM] / 4095 * 255))


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_a_palette_is_read_in_its_files_order_of_bytes(syntax: UID) -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    dataset = dicom_file.make(pixels, PhotometricInterpretation="PALETTE COLOR", syntax=syntax)
    dataset["PixelData"].VR = "OB"
    palette = np.random.default_rng(0).integers(0, 65536, (3, 256))
    for name, channel in zip(("Red", "Green", "Blue"), palette):
        dataset.add_new(f"{name}PaletteColorLookupTableDescriptor", "US", [256, 0, 16])
        entries = channel.astype(f"{order(syntax)}u2").tobytes()
        dataset.add_new(f"{name}PaletteColorLookupTableData", "OW", entries)
    expected = np.rint(palette / 65535 * 255).astype(np.uint8)
    np.testing.assert_array_equal(shown(dataset), np.moveaxis(expected[:, pixels], 0, -1))


@pytest.mark.parametrize("syntax", SYNTAXES[:2], ids=lambda syntax: syntax.name)
@pytest.mark.parametrize(("kind", "first"), [("SS", -1024), ("US", 64512)])
def test_a_voi_table_of_hounsfield_units_begins_below_zero(
    syntax: UID, kind: str, first: int
) -> None:
    dataset = dicom_file.make(
        FILM, BitsStored=12, HighBit=11, RescaleSlope=1, RescaleIntercept=-1024, syntax=syntax
    )
    dataset.VOILUTSequence = [item(kind, first, ROOTS.tobytes())]
    np.testing.assert_array_equal(shown(dataset), np.rint(ROOTS[FILM] / 4095 * 255))


@pytest.mark.parametrize(("kind", "value"), [("SS", -2000), ("US", 63536)])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_of_signed_pixels_may_be_written_unsigned(
    kind: str, value: int, photometric: str
) -> None:
    pixels = (FILM.astype(np.int32) - 1000).astype("<i2")
    pixels[:8] = -2000
    dataset = dicom_file.make(pixels, PhotometricInterpretation=photometric)
    dataset.add_new("PixelPaddingValue", kind, value)
    picture = shown(dataset)
    assert not picture[:8].any()
    # Black and white are those of the film alone, from the first row that is no padding on.
    inside = np.sort(picture[8:].ravel())
    assert (inside[0], inside[-1]) == (0, 255)
    assert abs(float(np.median(inside)) - 127.5) <= 1
