"""Formats by their content: GIF, WebP, CMYK, deep JPEGs, and those refused by name."""

from __future__ import annotations

import re
import struct
import sys
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from saywhere.errors import UnreadableFile
from saywhere.io.decode import decode_bytes
from saywhere.io.image_formats import sniff, sniff_other
from saywhere.io.images import mask_values, read_image, read_mask
from saywhere.io.inputs import as_image, as_mask
from saywhere.io.labels import LabelMap

COLOUR = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
GREY = COLOUR[..., 0].copy()
MASK = np.zeros((40, 50), bool)
MASK[8:30, 10:35] = True
HERE = Path("picture")


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = BytesIO()
    picture.save(stream, format=kind, **options)
    return stream.getvalue()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "picture.any"


def test_webp_and_gif_are_read_as_they_are(path: Path) -> None:
    path.write_bytes(encoded(Image.fromarray(COLOUR), "WEBP", lossless=True))
    np.testing.assert_array_equal(read_image(path), COLOUR)
    path.write_bytes(encoded(Image.fromarray(GREY), "GIF"))
    np.testing.assert_array_equal(read_image(path, 1)[..., 0], GREY)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_is_refused_in_words(path: Path, kind: str) -> None:
    other = Image.fromarray(COLOUR[::-1].copy())
    content = encoded(Image.fromarray(COLOUR), kind, save_all=True, append_images=[other])
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=r"several frames .*save the frame that is meant"):
        read_image(path)


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_masks_come_in_both(path: Path, kind: str) -> None:
    for white in (1, 255):
        picture = Image.fromarray(MASK.astype(np.uint8) * np.uint8(white))
        options = {"lossless": True} if kind == "WEBP" else {}
        path.write_bytes(encoded(picture, kind, **options))
        np.testing.assert_array_equal(read_mask(path), MASK)


def test_the_noise_of_a_lossy_webp_is_not_foreground(path: Path) -> None:
    disc = np.hypot(*np.mgrid[-60:60, -60:60]) < 40
    picture = Image.fromarray(disc.astype(np.uint8) * 255)
    path.write_bytes(encoded(picture, "WEBP", quality=40))
    assert mask_values(path).is_lossy
    assert np.count_nonzero(read_mask(path) != disc) < 0.03 * disc.sum()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (32803, "raw values of a camera (CFA)"),
        (34892, "raw values of a camera (LinearRaw)"),
        (32845, "high-range colours (LogLuv)"),
        (8, "in colours (CIE L*a*b*)"),
    ],
)
def test_a_legal_tiff_of_another_kind_is_refused_by_its_kind(
    path: Path, code: int, words: str
) -> None:
    content = bytearray(encoded(Image.fromarray(GREY), "TIFF"))
    directory = int.from_bytes(content[4:8], "little") + 2
    tag = content.index((262).to_bytes(2, "little") + b"\x03\0", directory)
    content[tag + 8 : tag + 10] = code.to_bytes(2, "little")
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=re.escape(words)):
        read_image(path)


def test_a_see_through_gif_is_refused(path: Path) -> None:
    picture = Image.fromarray(GREY).convert("P")
    path.write_bytes(encoded(picture, "GIF", transparency=int(np.asarray(picture)[0, 0])))
    with pytest.raises(UnreadableFile, match="a see-through image"):
        read_image(path)


def test_inks_become_the_colours_that_a_screen_shows(path: Path) -> None:
    # Cyan, magenta, yellow, black and paper.
    inks = np.zeros((8, 5, 4), np.uint8)
    inks[:, 0, 0] = inks[:, 1, 1] = inks[:, 2, 2] = inks[:, 3, 3] = 255
    shown = [(0, 255, 255), (255, 0, 255), (255, 255, 0), (0, 0, 0), (255, 255, 255)]
    picture = Image.frombytes("CMYK", (5, 8), inks.tobytes())
    path.write_bytes(encoded(picture, "TIFF"))
    np.testing.assert_array_equal(read_image(path)[0], shown)
    # A JPEG of Adobe's holds the inks inverted; Pillow writes it so, too.
    large = picture.resize((80, 128), Image.Resampling.NEAREST)
    path.write_bytes(encoded(large, "JPEG", quality=100, subsampling=0))
    assert b"Adobe" in path.read_bytes()
    assert np.abs(read_image(path)[64, 8::16].astype(int) - shown).max() <= 3


def test_a_profile_of_another_space_is_not_used_for_inks(path: Path) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = Image.fromarray(COLOUR).convert("CMYK")
    for profile in (srgb, b"no profile"):
        path.write_bytes(encoded(picture, "JPEG", icc_profile=profile))
        with pytest.raises(UnreadableFile, match="a CMYK picture whose colour profile cannot be"):
            read_image(path)


def grey_png(labels: np.ndarray, n_bits: int) -> bytes:
    """A grey PNG of few bits, which Pillow does not write."""
    height, width = labels.shape
    bits = (labels[..., None] >> np.arange(n_bits - 1, -1, -1)) & 1
    rows = np.packbits(bits.reshape(height, -1).astype(np.uint8), axis=1)
    pixels = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    head = struct.pack(">IIBBBBB", width, height, n_bits, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for name, data in ((b"IHDR", head), (b"IDAT", pixels), (b"IEND", b"")):
        content += struct.pack(">I", len(data)) + name + data
        content += struct.pack(">I", zlib.crc32(name + data))
    return content


@pytest.mark.parametrize("n_bits", [2, 4])
def test_labels_of_few_bits_are_the_stored_numbers(path: Path, n_bits: int) -> None:
    labels = MASK.astype(np.uint8)
    labels[12:20, 15:25] = 2
    labels[22:28, 15:25] = 3
    path.write_bytes(grey_png(labels, n_bits))
    assert list(mask_values(path).counts) == [0, 1, 2, 3]
    for picture in (path, Image.open(path)):
        with pytest.raises(LabelMap, match=r"4 values \(0: .*, 1: .*, 2: 80 px, 3: 60 px\)"):
            as_mask(picture)
    path.write_bytes(grey_png(MASK.astype(np.uint8), n_bits))
    np.testing.assert_array_equal(read_mask(path), MASK)
    full = np.full((9, 9), 2**n_bits - 1, np.uint8)
    path.write_bytes(grey_png(full, n_bits))
    assert read_mask(path).all()
    # As an image it is white.
    assert (read_image(path) == 255).all()


def test_a_jpeg_of_12_bits_is_read_by_its_depth(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codecs = pytest.importorskip("imagecodecs", reason="needs the extra clinic")
    film = np.linspace(0, 2000, 64 * 64).reshape(64, 64).astype(np.uint16)
    path.write_bytes(codecs.jpeg_encode(film, bitspersample=12, level=98))
    shown = read_image(path, 1)[..., 0]
    assert np.abs(shown - np.rint(film * (255 / 4095))).max() <= 1
    colours = np.dstack([film, film // 2, film // 4])
    path.write_bytes(codecs.jpeg_encode(colours, bitspersample=12, level=98))
    assert read_image(path).shape == (64, 64, 3)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(UnreadableFile, match=r"a JPEG of 12 bits .*pip install .*clinic"):
        read_image(path)


def test_a_dicom_with_a_tiffs_preamble_is_a_dicom() -> None:
    content = (b"II*\0" + bytes(124) + b"DICM").ljust(600, b"\0")
    assert sniff(content) is None
    assert sniff_other(content) == "DICOM"
    with pytest.raises(UnreadableFile, match="DICOM"):
        decode_bytes(content, HERE)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"\0\0\0\x1cftypheic\0\0\0\0", "HEIC"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0", "HEIC"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "AVIF"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\xff\xd8\xff\xf7", "JPEG-LS"),
        (b"%PDF-1.7", "PDF"),
        (b"NRRD0004", "NRRD"),
    ],
)
def test_what_is_not_read_is_refused_by_name(content: bytes, name: str) -> None:
    with pytest.raises(UnreadableFile, match=rf"a {name} file, which is not read"):
        decode_bytes(content.ljust(600, b"\0"), HERE)


def test_arrays_of_bytes_are_read_as_files_of_them(path: Path) -> None:
    opaque = np.full((30, 40), 255, np.uint8)
    for array in (GREY, COLOUR, np.dstack([GREY, opaque]), np.dstack([COLOUR, opaque])):
        path.write_bytes(encoded(Image.fromarray(array), "PNG"))
        for channels in (1, 3):
            np.testing.assert_array_equal(as_image(array, channels), read_image(path, channels))
    path.write_bytes(encoded(Image.fromarray(MASK), "PNG"))
    np.testing.assert_array_equal(as_image(MASK), read_image(path))
    through = np.dstack([COLOUR, GREY])
    path.write_bytes(encoded(Image.fromarray(through), "PNG"))
    for picture in (through, path):
        with pytest.raises(UnreadableFile, match="a see-through image"):
            as_image(picture)
