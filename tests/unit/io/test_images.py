from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from saywhere.errors import UnreadableFile, UsageError
from saywhere.io.channels import of_channels
from saywhere.io.decode import NotFinite, WrongChannels, decode
from saywhere.io.images import (
    mask_values,
    own_pixels,
    read_image,
    read_mask,
    resize_image,
    write_image,
    write_mask,
)
from saywhere.io.mask_resize import resize_mask

COLOUR = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
GREY = COLOUR[..., 0]


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = BytesIO()
    picture.save(stream, format=kind, **options)
    return stream.getvalue()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "picture.any"


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_pixels_come_back_as_they_were_whatever_the_name_says(path: Path, kind: str) -> None:
    path.write_bytes(encoded(Image.fromarray(COLOUR), kind))
    np.testing.assert_array_equal(read_image(path), COLOUR)
    path.write_bytes(encoded(Image.fromarray(GREY), kind))
    np.testing.assert_array_equal(read_image(path), np.repeat(GREY[..., None], 3, axis=2))
    np.testing.assert_array_equal(read_image(path, channels=1), GREY[..., None])


def test_palette_and_opaque_alpha_are_looked_through(path: Path) -> None:
    few = Image.fromarray(COLOUR // 64 * 64).quantize(64)
    path.write_bytes(encoded(few, "PNG"))
    np.testing.assert_array_equal(read_image(path), np.asarray(few.convert("RGB")))
    path.write_bytes(encoded(Image.fromarray(COLOUR).convert("RGBA"), "PNG"))
    np.testing.assert_array_equal(read_image(path), COLOUR)


@pytest.mark.parametrize(("top", "whole"), [(200, 255), (1000, 1023), (4000, 4095), (60000, 65535)])
def test_sixteen_bits_are_scaled_by_the_depth_in_use(path: Path, top: int, whole: int) -> None:
    deep = np.linspace(0, top, 400).reshape(20, 20).astype(np.uint16)
    path.write_bytes(encoded(Image.fromarray(deep), "PNG"))
    np.testing.assert_array_equal(
        read_image(path, 1, "maximum")[..., 0], np.rint(deep.astype(float) * 255 / whole)
    )


@pytest.mark.parametrize("top", [1.0, 255.0])
def test_floats_are_read_from_0_to_1_or_255(path: Path, top: float) -> None:
    path.write_bytes(
        encoded(
            Image.fromarray((GREY / np.float32(255) * np.float32(top)).astype(np.float32)), "TIFF"
        )
    )
    np.testing.assert_array_equal(read_image(path, 1, "maximum")[..., 0], GREY)


def test_floats_of_another_range_are_refused(path: Path) -> None:
    path.write_bytes(encoded(Image.fromarray(GREY.astype(np.float32) * 10), "TIFF"))
    with pytest.raises(
        UnreadableFile, match=r"values from .* floats are in \[0, 1\] or \[0, 255\]: rescale"
    ):
        read_image(path, rule="maximum")


def test_nan_is_found_in_image_and_mask(path: Path) -> None:
    values = GREY.astype(np.float32)
    values[3, 4] = np.nan
    path.write_bytes(encoded(Image.fromarray(values), "TIFF"))
    for read in (read_image, read_mask):
        with pytest.raises(NotFinite, match="1 NaN or infinite values"):
            read(path)


MASK = np.zeros((40, 50), dtype=bool)
MASK[8:30, 10:35] = True


@pytest.mark.parametrize(
    "content",
    [
        encoded(Image.fromarray(MASK), "PNG"),
        encoded(Image.fromarray(MASK.astype(np.uint8)), "PNG"),
        encoded(Image.fromarray(MASK.astype(np.uint8) * 255), "TIFF"),
        encoded(Image.fromarray(MASK.astype(np.uint16) * 65535), "PNG"),
        encoded(Image.fromarray(MASK.astype(np.uint16)), "PNG"),
        encoded(Image.fromarray(MASK.astype(np.float32)), "TIFF"),
        encoded(Image.fromarray(MASK.astype(np.uint8) * 255).convert("RGB"), "PNG"),
        encoded(Image.fromarray(MASK.astype(np.uint8) * 255).convert("RGB"), "JPEG", quality=95),
        encoded(Image.fromarray(MASK.astype(np.uint8) * 255).convert("RGBA"), "PNG"),
        encoded(Image.fromarray(MASK.astype(np.uint8) * 255).convert("P"), "PNG"),
    ],
    ids=[
        "1 bit",
        "0/1",
        "0/255",
        "0/65535",
        "16-bit 0/1",
        "float",
        "rgb",
        "jpeg",
        "rgba",
        "palette",
    ],
)
def test_a_mask_is_the_same_however_it_was_saved(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    np.testing.assert_array_equal(read_mask(path), MASK)


def test_a_coloured_palette_names_labels_by_index(path: Path) -> None:
    picture = Image.fromarray(MASK.astype(np.uint8))
    picture.putpalette([0, 0, 0, 128, 0, 0])
    path.write_bytes(encoded(picture, "PNG"))
    np.testing.assert_array_equal(read_mask(path), MASK)


def test_the_noise_of_a_jpeg_mask_is_not_foreground(path: Path) -> None:
    disc = np.hypot(*np.mgrid[-60:60, -60:60]) < 40
    path.write_bytes(encoded(Image.fromarray(disc.astype(np.uint8) * 255), "JPEG", quality=60))
    stored = mask_values(path)
    assert stored.is_lossy
    assert (stored.grey > 0).sum() > 1.02 * disc.sum()
    assert abs(int(read_mask(path).sum()) - int(disc.sum())) < 0.01 * disc.sum()


def test_a_coloured_mask_is_refused(path: Path) -> None:
    path.write_bytes(encoded(Image.fromarray(COLOUR), "PNG"))
    with pytest.raises(WrongChannels, match="a coloured mask"):
        read_mask(path)


def test_masks_and_images_are_written_as_they_are(tmp_path: Path) -> None:
    write_mask(tmp_path / "masks" / "a.png", MASK)
    assert np.unique(np.asarray(Image.open(tmp_path / "masks" / "a.png"))).tolist() == [0, 255]
    np.testing.assert_array_equal(read_mask(tmp_path / "masks" / "a.png"), MASK)
    write_image(tmp_path / "a.png", COLOUR)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), COLOUR)


@pytest.mark.parametrize("size", [(16, 24), (15, 80), (64, 48)])
@pytest.mark.parametrize("channels", [1, 3])
def test_resizing_agrees_with_torch(size: tuple[int, int], channels: int) -> None:
    image = COLOUR[..., :channels]
    batch = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float()
    expected = (
        torch.nn.functional.interpolate(batch, size=size, mode="bilinear", antialias=True)[0]
        .permute(1, 2, 0)
        .numpy()
    )
    assert np.abs(resize_image(image, size).astype(float) - expected).max() <= 1
    exact = (
        torch.nn.functional.interpolate(
            torch.from_numpy(MASK)[None, None].float(), size=size, mode="nearest-exact"
        )[0, 0].numpy()
        > 0
    )
    np.testing.assert_array_equal(resize_mask(MASK, size, "nearest"), exact)


def test_only_grey_and_colour_can_be_asked_for(path: Path) -> None:
    path.write_bytes(encoded(Image.fromarray(COLOUR), "PNG"))
    with pytest.raises(UsageError, match="channels is 4; an image is read with 1 or 3: choose"):
        read_image(path, channels=4)


@pytest.mark.parametrize("size", [(16, 16), (7, 53), (90, 33)])
def test_grey_as_one_channel_is_resized_as_three_equal_ones_are(size: tuple[int, int]) -> None:
    expected = Image.fromarray(of_channels(GREY, 3)).resize(size[::-1], Image.Resampling.BILINEAR)
    resized = of_channels(resize_image(GREY[..., None], size), 3)
    np.testing.assert_array_equal(resized, np.asarray(expected))


def test_own_pixels_are_as_many_channels_as_the_picture_has(path: Path) -> None:
    for pixels, own, most in ((GREY, 1, 3), (COLOUR, 3, 3), (COLOUR, 1, 1)):
        path.write_bytes(encoded(Image.fromarray(pixels), "PNG"))
        found = own_pixels(decode(path), path, channels=most)
        assert found.shape == (30, 40, own)
        np.testing.assert_array_equal(of_channels(found, most), read_image(path, channels=most))


def test_channels_are_made_as_pillow_makes_them() -> None:
    for pixels, channels, mode in ((GREY, 3, "RGB"), (COLOUR, 1, "L"), (COLOUR, 3, "RGB")):
        expected = np.atleast_3d(np.asarray(Image.fromarray(pixels).convert(mode)))
        np.testing.assert_array_equal(of_channels(pixels, channels), expected)
