"""TIFFs that Pillow misreads or does not read, against libtiff by imagecodecs."""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from saywhere.errors import UnreadableFile
from saywhere.io import deep_tiff
from saywhere.io.decode import TruncatedFile, WrongChannels, decode, decode_bytes
from saywhere.io.images import read_image, read_mask
from saywhere.io.inputs import as_image

imagecodecs = pytest.importorskip("imagecodecs", reason="needs the extra clinic")
HERE = Path("film.tif")
KINDS = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]


def values(kind: str, shape: tuple[int, ...]) -> NDArray[Any]:
    random = np.random.default_rng(0)
    if kind[0] == "f":
        return (random.random(shape) * 200 - 50).astype(kind)
    low = -100 if kind[0] == "i" else 0
    return random.integers(low, 120, shape).astype(kind)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("u1", "u8", "i8")])
def test_whoever_reads_a_file_reads_its_values(kind: str, tmp_path: Path) -> None:
    """Pillow swaps the bytes of unpacked signed numbers and floats that were written MM."""
    expected = values(kind, (33, 40))
    mask = expected > 60
    for order in "<>":
        for compression in (None, "deflate", "lzw", "packbits", "zstd"):
            options: dict[str, Any] = {"byteorder": order}
            options |= {"compression": compression} if compression else {}
            content = imagecodecs.tiff_encode(expected.copy(), **options)
            read = np.asarray(decode_bytes(content, HERE).picture)
            np.testing.assert_array_equal(read, expected, err_msg=f"{order} {compression}")
            stored = (mask * 5).astype(kind)
            (tmp_path / "mask.tif").write_bytes(imagecodecs.tiff_encode(stored, **options))
            assert np.array_equal(read_mask(tmp_path / "mask.tif"), mask), (order, compression)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(33, 40), (33, 40, 3), (33, 40, 4)])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_samples_are_those_that_were_written(
    kind: str, shape: tuple[int, ...], order: str, tile: tuple[int, int] | None
) -> None:
    expected = values(kind, shape)
    for compression in (None, "deflate", "lzw"):
        for is_planar in (False, True)[: 1 if len(shape) == 2 else 2]:
            # A copy: the encoder turns the bytes of what it is given.
            stored = np.moveaxis(expected, -1, 0).copy() if is_planar else expected.copy()
            options: dict[str, Any] = {"byteorder": order}
            if compression:
                predictor = "floatingpoint" if kind[0] == "f" else "horizontal"
                options |= {"compression": compression, "predictor": predictor}
            if tile:
                options["tile"] = tile
            if len(shape) == 3:
                options["photometric"] = "rgb"
                options["planarconfig"] = "separate" if is_planar else "contig"
            content = imagecodecs.tiff_encode(stored, **options)
            head = deep_tiff.read_head(content)
            read = deep_tiff.read_samples(content, head, HERE)
            np.testing.assert_array_equal(read, expected)
            assert read.dtype == expected.dtype


@pytest.mark.parametrize("n_bits", [10, 12, 14])
def test_packed_bits_are_read_and_say_the_depth(tmp_path: Path, n_bits: int) -> None:
    film = np.linspace(0, 2**n_bits // 2, 700).reshape(20, 35).astype(np.uint16)
    content = imagecodecs.tiff_encode(film.copy(), bitspersample=n_bits)
    (tmp_path / "film.tif").write_bytes(content)
    np.testing.assert_array_equal(decode_bytes(content, HERE).picture, film)
    expected = np.rint(film * (255 / (2**n_bits - 1)))
    np.testing.assert_array_equal(read_image(tmp_path / "film.tif", 1)[..., 0], expected)


@pytest.mark.parametrize("kind", KINDS[1:])
@pytest.mark.parametrize("n_channels", [1, 3])
def test_a_file_and_an_array_of_its_values_are_one_image(
    tmp_path: Path, kind: str, n_channels: int
) -> None:
    shape = (33, 40) if n_channels == 1 else (33, 40, 3)
    array = values(kind, shape)
    options = {"photometric": "rgb", "planarconfig": "contig"} if n_channels == 3 else {}
    path = tmp_path / "a.tif"
    path.write_bytes(imagecodecs.tiff_encode(array.copy(), **options))
    np.testing.assert_array_equal(as_image(array), read_image(path))
    np.testing.assert_array_equal(as_image(array, 1), read_image(path, 1))


@pytest.mark.parametrize("kind", ["i4", "u4", "i8", "u8", "f4", "f8", "i1"])
def test_masks_of_every_type_are_masks(tmp_path: Path, kind: str) -> None:
    mask = np.zeros((30, 40), bool)
    mask[5:20, 8:30] = True
    path = tmp_path / "mask.tif"
    path.write_bytes(imagecodecs.tiff_encode((mask * 7).astype(kind)))
    np.testing.assert_array_equal(read_mask(path), mask)
    if kind[0] == "f":
        path.write_bytes(imagecodecs.tiff_encode((mask * 0.001).astype(kind)))
        np.testing.assert_array_equal(read_mask(path), mask)


def test_a_depth_that_the_tags_name_counts_and_the_pictures_own_maximum_does_not(
    tmp_path: Path,
) -> None:
    film = np.linspace(0, 2000, 1200).reshape(30, 40).astype(np.uint16)
    for tag, top, white in [(281, 4095, 4095), (281, 2000, None), (281, 65535, None)]:
        path = tmp_path / "film.tif"
        Image.fromarray(film).save(path, tiffinfo={tag: top})
        expected = as_image(film, 1) if white is None else np.rint(film * (255 / white))[..., None]
        np.testing.assert_array_equal(read_image(path, 1), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_pictures_are_turned_upright_as_shallow_ones_are(orientation: int) -> None:
    stored = np.random.default_rng(1).integers(0, 65536, (20, 30, 3), np.uint16)
    deep = imagecodecs.png_encode(stored)
    shallow = imagecodecs.png_encode((stored >> 8).astype(np.uint8))
    exif = Image.Exif()
    exif[274] = orientation
    data = exif.tobytes()[6:]
    chunk = struct.pack(">I4s", len(data), b"eXIf") + data
    chunk += struct.pack(">I", zlib.crc32(b"eXIf" + data))
    # Behind the header, which takes 33 bytes.
    upright = [decode_bytes(png[:33] + chunk + png[33:], HERE) for png in (deep, shallow)]
    assert upright[0].orientation == orientation
    np.testing.assert_array_equal(np.asarray(upright[0].picture) >> 8, upright[1].picture)


def test_what_is_legal_but_not_read_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = imagecodecs.tiff_encode(values("f8", (20, 30)), compression="lzw")
    assert decode_bytes(content, HERE).picture.shape == (20, 30)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(UnreadableFile, match=r"a TIFF of 64-bit floats, packed by LZW .*clinic"):
        decode_bytes(content, HERE)


def test_deep_colours_with_alpha_are_taken_only_where_opaque(tmp_path: Path) -> None:
    colours = values("u2", (20, 30, 4)) * np.uint16(300)
    colours[..., 3] = 65535
    path = tmp_path / "a.png"
    path.write_bytes(imagecodecs.png_encode(colours))
    np.testing.assert_array_equal(read_image(path), as_image(colours))
    np.testing.assert_array_equal(read_image(path), as_image(colours[..., :3]))
    np.testing.assert_array_equal(as_image(Image.open(path)), read_image(path))
    grey = np.ascontiguousarray(colours[..., [0, 3]])
    path.write_bytes(imagecodecs.png_encode(grey))
    np.testing.assert_array_equal(read_image(path, 1), as_image(grey, 1))
    np.testing.assert_array_equal(read_image(path, 1), as_image(colours[..., 0], 1))
    colours[3, 4, 3] = 65534
    path.write_bytes(imagecodecs.png_encode(colours))
    for picture in (path, colours):
        with pytest.raises(WrongChannels, match="a see-through image"):
            as_image(picture)


@pytest.mark.parametrize("kind", ["u1", "u2", "f8"])
def test_one_that_is_cut_before_its_directory_is_truncated(kind: str) -> None:
    content = imagecodecs.tiff_encode(values(kind, (64, 64)))
    for length in (100, len(content) // 2):
        with pytest.raises(TruncatedFile, match=r"a truncated TIFF"):
            decode_bytes(content[:length], HERE)


def test_a_big_tiff_is_read(tmp_path: Path) -> None:
    picture = values("u1", (20, 30))
    path = tmp_path / "a.tif"
    path.write_bytes(imagecodecs.tiff_encode(picture.copy(), bigtiff=True))
    np.testing.assert_array_equal(read_image(path, 1)[..., 0], picture)
    path.write_bytes(imagecodecs.tiff_encode(values("f8", (20, 30)), bigtiff=True))
    assert decode(path).picture.dtype == np.float64
