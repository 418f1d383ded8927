"""Which values are black and white, where there are more than 8 bits."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from saywhere.errors import UnreadableFile, UsageError
from saywhere.io.grey import NotFinite, check_rule, percentiles, to_bytes
from saywhere.io.images import read_image

HERE = Path("film.png")


def film(top: int = 4095) -> NDArray[np.uint16]:
    """A picture with structure: a slope, a bright disc, a dark border."""
    rows, columns = np.mgrid[0:120, 0:160]
    values = top * (0.1 + 0.5 * rows / 120)
    values[np.hypot(rows - 50, columns - 70) < 30] = 0.85 * top
    values[:, :8] = 0
    noise = np.random.default_rng(0).normal(0, top / 200, values.shape)
    return np.clip(values + noise, 0, top).astype(np.uint16)


def png16(values: NDArray[Any], extra: bytes = b"") -> bytes:
    """A 16-bit grey PNG, with other chunks before the pixels."""
    stream = BytesIO()
    Image.fromarray(values.astype(np.uint16)).save(stream, "PNG")
    content = stream.getvalue()
    return content[:33] + extra + content[33:]


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


@pytest.mark.parametrize("top", [1023, 4095, 16383, 65535])
@pytest.mark.parametrize("hot", [65535, 60000])
def test_one_hot_pixel_changes_nothing_elsewhere(tmp_path: Path, top: int, hot: int) -> None:
    path = tmp_path / "film.png"
    values = film(top)
    path.write_bytes(png16(values))
    before = read_image(path, 1)[..., 0].astype(int)
    values[60, 90] = hot
    path.write_bytes(png16(values))
    after = read_image(path, 1)[..., 0].astype(int)
    elsewhere = np.ones(values.shape, bool)
    elsewhere[60, 90] = False
    assert np.abs(after - before)[elsewhere].max() <= 1
    assert after[60, 90] == 255
    # The older rule darkens all of it, by up to the ratio of the two depths.
    old = read_image(path, 1, "maximum")[..., 0].astype(int)
    assert top == 65535 or old[elsewhere].mean() < 0.5 * after[elsewhere].mean()


def test_percentiles_are_ranks_of_the_picture_itself() -> None:
    values = np.arange(1000, dtype=np.int32)
    assert percentiles(values) == (5, 994)
    assert percentiles(values.astype(np.uint16)) == (5, 994)
    assert percentiles(values.astype(np.int16) - 500) == (-495, 494)
    assert percentiles(values.astype(np.float32)) == (5, 994)
    shuffled = np.random.default_rng(0).permutation(values).reshape(20, 50)
    assert percentiles(shuffled.astype(np.uint16)) == percentiles(shuffled.astype(np.float64))
    scaled = to_bytes(values.astype(np.uint16), HERE)
    expected = np.clip(np.rint((values - 5.0) * 255 / 989), 0, 255)
    np.testing.assert_array_equal(scaled, expected)


def test_signed_and_negative_values_are_read(tmp_path: Path) -> None:
    hounsfield = film().astype(np.float32) - 1024
    expected = to_bytes(film(), HERE)
    np.testing.assert_array_equal(to_bytes(hounsfield, HERE), expected)
    np.testing.assert_array_equal(to_bytes(hounsfield.astype(np.int16), HERE), expected)
    path = tmp_path / "ct.tif"
    Image.fromarray(hounsfield).save(path)
    np.testing.assert_array_equal(read_image(path, 1)[..., 0], expected)
    with pytest.raises(UnreadableFile, match=r"values from -1024 to .*rescale them"):
        read_image(path, 1, "maximum")


def test_floats_of_0_to_1_stay_as_they_are_with_a_hot_pixel_too() -> None:
    values = film().astype(np.float32) / 4095
    expected = np.rint(values.astype(np.float64) * 255)
    np.testing.assert_array_equal(to_bytes(values, HERE), expected)
    values[60, 90] = 37
    expected[60, 90] = 255
    np.testing.assert_array_equal(to_bytes(values, HERE), expected)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("value", [0, 1, 1234])
def test_a_constant_picture_is_constant(dtype: Any, value: int) -> None:
    assert len(np.unique(to_bytes(np.full((40, 50), value, dtype), HERE))) == 1
    assert to_bytes(np.full((1, 1), value, dtype), HERE).shape == (1, 1)


def test_a_small_bright_spot_on_one_background_is_seen() -> None:
    values = np.full((100, 100), 100, np.uint16)
    values[40:44, 40:44] = 3000
    scaled = to_bytes(values, HERE)
    assert scaled[0, 0] == 0
    assert scaled[41, 41] == 255
    values[40:44, 40:44] = 20
    assert to_bytes(values, HERE)[41, 41] == 0
    assert to_bytes(values, HERE)[0, 0] == 255


def test_an_8_bit_picture_stretched_to_16_is_the_8_bit_picture() -> None:
    shallow = to_bytes(film(), HERE)
    shallow[shallow > 180] = 180
    np.testing.assert_array_equal(to_bytes(shallow.astype(np.uint16) * 257, HERE), shallow)


def test_nan_and_infinity_are_refused_and_the_widest_floats_are_not() -> None:
    values = np.zeros((9, 9))
    values[0, :2] = np.nan, np.inf
    for rule in ("percentile", "maximum"):
        with pytest.raises(NotFinite, match=r"2 NaN or infinite values in film\.png"):
            to_bytes(values, HERE, grey=rule)
    wide = 1.7e308 * np.linspace(-1, 1, 900).reshape(30, 30)
    scaled = to_bytes(wide, HERE)
    assert scaled.dtype == np.uint8
    with pytest.raises(UsageError, match=r"grey is 'window'; percentile or maximum"):
        check_rule("window")


@pytest.mark.parametrize("n_bits", [10, 12, 14])
def test_the_significant_bits_of_a_png_are_its_depth(tmp_path: Path, n_bits: int) -> None:
    path = tmp_path / "film.png"
    values = film(2**n_bits - 1) // 2
    expected = np.rint(values * (255 / (2**n_bits - 1)))
    says = chunk(b"sBIT", bytes([n_bits]))
    # As many programs write it: the values as they are.
    path.write_bytes(png16(values, says))
    np.testing.assert_array_equal(read_image(path, 1)[..., 0], expected)
    # As the standard has it: stretched to 16 bits, by repeating the upper bits.
    stretched = (values << (16 - n_bits)) | (values >> (2 * n_bits - 16))
    path.write_bytes(png16(stretched, says))
    assert np.abs(read_image(path, 1)[..., 0] - expected).max() <= 1


def test_what_many_values_break_is_no_statement() -> None:
    values = film(4095)
    assert to_bytes(values, HERE, stated=(0, 255)).mean() == to_bytes(values, HERE).mean()
    values[60, 90] = 65535
    scaled = to_bytes(values, HERE, stated=(0, 4095))
    assert scaled[60, 90] == 255
    assert scaled[0, 80] == round(int(values[0, 80]) * 255 / 4095)


def test_deep_colours_are_scaled_alike_in_all_channels() -> None:
    grey = film()
    colour = np.dstack([grey, grey // 2, grey // 4])
    scaled = to_bytes(colour, HERE).astype(float)
    inner = scaled[60:, 20:]
    assert np.abs(inner[..., 0] - 2 * inner[..., 1]).max() < 6
    np.testing.assert_array_equal(to_bytes(colour, HERE, grey="maximum"), colour >> 8)


def test_either_order_of_bytes_is_read_alike(tmp_path: Path) -> None:
    values = (film(255) * 257).astype(np.uint16)
    np.testing.assert_array_equal(
        to_bytes(values.astype(">u2"), HERE), to_bytes(values, HERE), strict=True
    )
    assert to_bytes(values, HERE).max() == values.max() // 257


def test_a_see_through_grey_of_sixteen_bits_is_refused(tmp_path: Path) -> None:
    values = film()

    def chunk(grey: int) -> bytes:
        body = b"tRNS" + struct.pack(">H", grey)
        return struct.pack(">I", 2) + body + struct.pack(">I", zlib.crc32(body))

    path = tmp_path / "film.png"
    path.write_bytes(png16(values, chunk(int(values[60, 80]))))
    with pytest.raises(UnreadableFile, match="see-through"):
        read_image(path)
    path.write_bytes(png16(values, chunk(65535)))
    assert read_image(path, 1).max() == 255
