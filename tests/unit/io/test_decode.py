from __future__ import annotations

import os
import struct
import time
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from saywhere.errors import MissingFile, UnreadableFile
from saywhere.io.decode import TruncatedFile, WrongChannels, decode
from saywhere.io.images import read_image, read_mask
from saywhere.io.inputs import as_image, as_mask
from saywhere.io.limits import MAX_FILE_BYTES
from saywhere.io.orientation import TAG

COLOUR = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
GREY = COLOUR[..., 0]
HANG_S = 60  # no measure of speed: a picture of a few pixels that takes so long would take for ever
EXTREMES = [0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF]


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = BytesIO()
    picture.save(stream, format=kind, **options)
    return stream.getvalue()


def tiff(n_samples: int, extra: tuple[int, ...] = (), size: int = 8) -> bytes:
    """A bare grey-based TIFF of so many 8-bit channels, which Pillow itself does not write."""
    offset_bits = 8
    pixels = bytes(range(256)) * 8
    entries = [
        (256, 3, 1, size),
        (257, 3, 1, size),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (277, 3, 1, n_samples),
        (278, 3, 1, size),
        (279, 4, 1, size * size * n_samples),
    ]
    bits = struct.pack(f"<{n_samples}H", *[8] * n_samples)
    extras = struct.pack(f"<{len(extra)}H", *extra)
    offset_extras = offset_bits + len(bits)
    offset_pixels = offset_extras + len(extras)
    entries.append(
        (
            258,
            3,
            n_samples,
            offset_bits if n_samples > 2 else struct.unpack("<I", bits.ljust(4, b"\0"))[0],
        )
    )
    entries.append((273, 4, 1, offset_pixels))
    if extra:
        entries.append(
            (
                338,
                3,
                len(extra),
                offset_extras if len(extra) > 2 else struct.unpack("<I", extras.ljust(4, b"\0"))[0],
            )
        )
    directory = offset_pixels + size * size * n_samples
    body = (
        struct.pack("<H", len(entries))
        + b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
        + struct.pack("<I", 0)
    )
    return (
        b"II*\0"
        + struct.pack("<I", directory)
        + bits
        + extras
        + pixels[: size * size * n_samples]
        + body
    )


def bomb(height: int, width: int) -> bytes:
    """A small PNG that claims, and holds, height × width black pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    line = bytes(width + 1)
    content = b"".join(packer.compress(line) for _ in range(height)) + packer.flush()
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", content)
        + chunk(b"IEND", b"")
    )


def seeds() -> dict[str, list[bytes]]:
    generator = np.random.default_rng(0)
    colour = Image.fromarray(generator.integers(0, 256, (24, 20, 3), dtype=np.uint8))
    grey, palette = colour.convert("L"), colour.convert("P")
    deep = Image.fromarray(np.arange(480, dtype=np.uint16).reshape(24, 20) * 130)
    return {
        "PNG": [
            encoded(picture, "PNG")
            for picture in (colour, grey, palette, deep, colour.convert("RGBA"), grey.convert("1"))
        ],
        "JPEG": [
            encoded(colour, "JPEG"),
            encoded(grey, "JPEG"),
            encoded(colour, "JPEG", progressive=True, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"),
        ],
        "TIFF": [encoded(colour, "TIFF"), encoded(grey.convert("F"), "TIFF"), encoded(deep, "TIFF")]
        + [
            encoded(colour, "TIFF", compression=compression)
            for compression in ("tiff_lzw", "tiff_deflate", "jpeg", "packbits")
        ],
        "BMP": [encoded(picture, "BMP") for picture in (colour, grey, palette)],
    }


def mutant(content: bytes, generator: np.random.Generator) -> bytes:
    """One to four changes: a byte, a number in the head, a cut, a hole, a doubled piece."""
    changed = bytearray(content)
    for _ in range(int(generator.integers(1, 5))):
        at, length = int(generator.integers(len(changed) or 1)), int(generator.integers(1, 24))
        match int(generator.integers(6)):
            case 0 | 1:
                changed[at : at + 1] = bytes([int(generator.integers(256))])
            case 2:
                head = int(generator.integers(min(len(changed), 200) or 1))
                changed[head : head + 4] = struct.pack(
                    str(generator.choice(["<I", ">I"])), int(generator.choice(EXTREMES))
                )
            case 3:
                del changed[at:]
            case 4:
                del changed[at : at + length]
            case _:
                changed[at:at] = changed[at : at + length]
    return bytes(changed)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "picture.any"


def survive(path: Path, content: bytes) -> bool:
    """Read as image and as mask: an array or an UnreadableFile, in time. Was it readable?

    Any other exception is the test's failure.
    """
    path.write_bytes(content)
    is_readable = False
    for read in (read_image, read_mask):
        start = time.perf_counter()
        with suppress(UnreadableFile):
            is_readable |= read(path).size > 0
        assert time.perf_counter() - start < HANG_S
    return is_readable


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
@pytest.mark.parametrize("n", [120, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_damaged_file_is_unreadable_and_nothing_worse(path: Path, kind: str, n: int) -> None:
    generator = np.random.default_rng(n)
    originals = seeds()[kind]
    assert all(survive(path, original) for original in originals)
    results = [survive(path, mutant(originals[i % len(originals)], generator)) for i in range(n)]
    assert sum(results) < n
    # A PNG's pieces have checksums; in the others, a changed pixel is a pixel.
    assert kind == "PNG" or sum(results) > 0


@pytest.mark.parametrize("turned", [False, True])
def test_a_png_with_one_bit_changed_is_refused_or_shows_the_same(path: Path, turned: bool) -> None:
    """Pillow reads the pixels to look for an orientation; an error there must not be lost."""
    exif = Image.Exif()
    exif[TAG] = 6
    picture = Image.fromarray(COLOUR)
    content = encoded(picture, "PNG", exif=exif) if turned else encoded(picture, "PNG")
    path.write_bytes(content)
    whole = read_image(path)
    for place in range(8, len(content), 7):
        changed = bytearray(content)
        changed[place] ^= 1 << (place % 8)
        path.write_bytes(changed)
        with suppress(UnreadableFile):
            np.testing.assert_array_equal(read_image(path), whole)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
def test_a_file_that_is_cut_off_is_called_truncated(path: Path, kind: str) -> None:
    content = encoded(Image.fromarray(COLOUR), kind)
    for length in (0, 20, len(content) // 2, len(content) - 8):
        path.write_bytes(content[:length])
        with pytest.raises(TruncatedFile, match="truncated"):
            read_image(path)


@pytest.mark.parametrize(
    "content",
    [
        encoded(Image.fromarray(COLOUR).convert("LAB"), "TIFF"),
        encoded(Image.fromarray(np.dstack([COLOUR, GREY])), "PNG"),
        tiff(2),
        tiff(2, (0,)),
        tiff(4),
        tiff(5),
        tiff(5, (0, 0, 0, 0)),
    ],
    ids=["lab", "see-through", "2", "2 unspecified", "4", "5", "5 unspecified"],
)
def test_an_image_that_is_neither_grey_nor_colour_is_refused_as_such(
    path: Path, content: bytes
) -> None:
    path.write_bytes(content)
    with pytest.raises(WrongChannels):
        read_image(path)


def test_a_plain_tiff_of_our_own_making_is_read(path: Path) -> None:
    path.write_bytes(tiff(1))
    assert read_image(path, 1).ravel().tolist() == list(range(64))


def test_what_is_no_image_says_what_is(tmp_path: Path, path: Path) -> None:
    path.write_bytes(b"patient,mask\n1,yes\n" * 9)
    with pytest.raises(
        UnreadableFile,
        match=r"no image that can be read .* PNG, JPEG, TIFF, BMP, GIF and WebP are: convert it",
    ):
        read_image(path)
    with pytest.raises(UnreadableFile, match="a folder or a device"):
        read_image(tmp_path)
    with pytest.raises(MissingFile, match="no file"):
        read_image(tmp_path / "absent.png")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableFile, match="a folder or a device"):
        read_image(tmp_path / "pipe")  # and does not wait for a writer
    path.write_bytes(
        encoded(
            Image.fromarray(COLOUR), "TIFF", save_all=True, append_images=[Image.fromarray(COLOUR)]
        )
    )
    with pytest.raises(UnreadableFile, match="several frames"):
        read_image(path)


def test_pixels_are_limited_in_the_header(path: Path) -> None:
    path.write_bytes(bomb(5000, 8000))
    assert read_image(path, 1).shape == (5000, 8000, 1)
    path.write_bytes(bomb(5001, 8000))
    with pytest.raises(UnreadableFile, match=r"8000 × 5001 pixels .* at most 40,000,000 pixels"):
        read_image(path)


@pytest.mark.parametrize("side", [12_000, 25_000])
def test_a_decompression_bomb_is_refused_before_it_goes_off(
    path: Path, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(bomb(side, side))
    loaded: list[Image.Image] = []
    monkeypatch.setattr(ImageFile.ImageFile, "load", loaded.append)
    with pytest.raises(UnreadableFile, match="at most 40,000,000 pixels"):
        read_image(path)
    assert not loaded


def test_bytes_are_limited(path: Path) -> None:
    content = encoded(Image.fromarray(COLOUR), "PNG")
    path.write_bytes(content.ljust(MAX_FILE_BYTES, b"\0"))
    assert read_image(path).shape == (30, 40, 3)
    path.write_bytes(content.ljust(MAX_FILE_BYTES + 1, b"\0"))
    with pytest.raises(UnreadableFile, match=r"33,554,433 bytes .* at most 33,554,432"):
        read_image(path)


# What a viewer does with the stored pixels, by the EXIF standard.
TURNED = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).swapaxes(0, 1),
    8: lambda stored: np.rot90(stored, 1),
}


def oriented(picture: Image.Image, kind: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(picture, kind, exif=exif)


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_an_image_is_read_upright(path: Path, kind: str, orientation: int) -> None:
    picture = Image.fromarray(COLOUR)
    path.write_bytes(encoded(picture, kind))
    expected = TURNED[orientation](read_image(path))
    path.write_bytes(oriented(picture, kind, orientation))
    np.testing.assert_array_equal(read_image(path), expected)
    np.testing.assert_array_equal(as_image(Image.open(path)), expected)
    assert decode(path).orientation == orientation


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
@pytest.mark.parametrize("mode", ["L", "I;16", "P", "1"])
def test_a_mask_is_read_upright(path: Path, kind: str, orientation: int, mode: str) -> None:
    if kind == "JPEG" and mode != "L":
        pytest.skip("a JPEG has 8 bits")
    mask = np.zeros((32, 48), bool)
    mask[8:16, 8:40] = True
    mask[16:24, 8:16] = True
    if mode == "I;16":
        picture = Image.fromarray(mask.astype(np.uint16) * 65535)
    else:
        picture = Image.fromarray(mask.astype(np.uint8) * 255).convert(mode)
    content = oriented(picture, kind, orientation)
    path.write_bytes(content)
    np.testing.assert_array_equal(read_mask(path), TURNED[orientation](mask))
    # From memory: Pillow maps an uncompressed TIFF file as if it were stored upright.
    np.testing.assert_array_equal(as_mask(Image.open(BytesIO(content))), TURNED[orientation](mask))


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_turns_nothing(path: Path, orientation: int) -> None:
    path.write_bytes(oriented(Image.fromarray(COLOUR), "PNG", orientation))
    np.testing.assert_array_equal(read_image(path), COLOUR)
