from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saywhere.errors import UnreadableFile
from saywhere.io.decode import WrongChannels
from saywhere.io.images import mask_values, read_mask
from saywhere.io.inputs import as_mask
from saywhere.io.labels import LabelMap, label_values

LABELS = np.zeros((20, 50), np.uint8)
LABELS[4:10, 5:15] = 1  # 60 px
LABELS[12:16, 20:30] = 2  # 40 px
ONE = LABELS == 1
VALUES = r"3 values \(0: 900 px, 1: 60 px, 2: 40 px\)"


def saved(tmp_path: Path, picture: Image.Image | np.ndarray, name: str = "mask.png") -> Path:
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    picture.save(tmp_path / name)
    return tmp_path / name


def palette(indices: np.ndarray, *colours: tuple[int, int, int]) -> Image.Image:
    picture = Image.fromarray(indices.astype(np.uint8)).convert("L")
    picture = Image.frombytes("P", picture.size, picture.tobytes())
    picture.putpalette([level for colour in colours for level in colour])
    return picture


@pytest.mark.parametrize("level", [1, 2, 60, 127, 128, 255])
def test_zero_and_one_other_value_is_a_mask(tmp_path: Path, level: int) -> None:
    path = saved(tmp_path, ONE.astype(np.uint8) * np.uint8(level))
    np.testing.assert_array_equal(read_mask(path), ONE)


@pytest.mark.parametrize("level", [1, 3, 1000, 40_000])
def test_so_is_it_in_sixteen_bits(tmp_path: Path, level: int) -> None:
    path = saved(tmp_path, ONE.astype(np.uint16) * np.uint16(level))
    np.testing.assert_array_equal(read_mask(path), ONE)


def test_a_label_map_is_refused_with_its_values_and_counts(tmp_path: Path) -> None:
    path = saved(tmp_path, LABELS)
    with pytest.raises(LabelMap, match=rf"{VALUES} in .*mask.png; a mask has .*--label") as caught:
        read_mask(path)
    assert isinstance(caught.value, UnreadableFile)
    with pytest.raises(LabelMap, match=VALUES):
        as_mask(Image.open(path))


def test_many_small_labels_are_no_soft_edge(tmp_path: Path) -> None:
    labels = np.zeros((20, 50), np.uint8)
    labels[4, :10] = np.arange(10)
    with pytest.raises(LabelMap, match=r"10 values \(0: 991 px, 1: 1 px, .*, and 2 more\)"):
        read_mask(saved(tmp_path, labels))


def test_labels_of_sixteen_bits_that_8_bits_would_join_are_told_apart(tmp_path: Path) -> None:
    deep = np.where(LABELS == 2, 1001, np.where(ONE, 1000, 0)).astype(np.uint16)
    with pytest.raises(LabelMap, match=r"0: 900 px, 1000: 60 px, 1001: 40 px"):
        read_mask(saved(tmp_path, deep))


@pytest.mark.parametrize("values", [LABELS + 1, ONE + np.uint8(1), np.full((5, 5), 7, np.uint8)])
def test_without_a_background_of_0_nobody_can_know(tmp_path: Path, values: np.ndarray) -> None:
    with pytest.raises(LabelMap, match="a mask has background 0 and one other value"):
        read_mask(saved(tmp_path, values))


@pytest.mark.parametrize("level", [0, 1, 255])
def test_a_mask_may_be_empty_or_whole(tmp_path: Path, level: int) -> None:
    mask = read_mask(saved(tmp_path, np.full((5, 5), level, np.uint8)))
    assert mask.all() if level else not mask.any()


def test_a_soft_edge_is_cut_at_128(tmp_path: Path) -> None:
    soft = np.clip(8.5 - np.hypot(*np.mgrid[-12:12, -12:12]), 0, 1) * 255
    soft = soft.astype(np.uint8)
    np.testing.assert_array_equal(read_mask(saved(tmp_path, soft)), soft >= 128)
    grey = palette(soft, *[(level, level, level) for level in range(256)])
    np.testing.assert_array_equal(read_mask(saved(tmp_path, grey)), soft >= 128)


def test_indices_of_a_palette_count_not_its_greys(tmp_path: Path) -> None:
    dark = palette(ONE, (0, 0, 0), (60, 60, 60))
    np.testing.assert_array_equal(read_mask(saved(tmp_path, dark)), ONE)
    inverted = palette(ONE, (200, 200, 200), (60, 60, 60))
    np.testing.assert_array_equal(read_mask(saved(tmp_path, inverted)), ONE)
    colours = palette(LABELS == 2, (0, 0, 0), (128, 0, 0))
    np.testing.assert_array_equal(read_mask(saved(tmp_path, colours)), LABELS == 2)
    for greys in ((0, 127, 255), (0, 1, 2)):
        of_labels = palette(LABELS, *[(grey, grey, grey) for grey in greys])
        with pytest.raises(LabelMap, match=VALUES):
            read_mask(saved(tmp_path, of_labels))


def test_black_and_white_is_read_as_a_person_sees_it(tmp_path: Path) -> None:
    """Programs that shrink PNGs put white first into the palette."""
    white_first = palette(~ONE, (255, 255, 255), (0, 0, 0))
    np.testing.assert_array_equal(read_mask(saved(tmp_path, white_first)), ONE)


def test_one_colour_is_a_mask_and_several_are_refused_by_name(tmp_path: Path) -> None:
    one = np.zeros((20, 50, 3), np.uint8)
    one[ONE] = (0, 60, 10)
    np.testing.assert_array_equal(read_mask(saved(tmp_path, one)), ONE)
    one[LABELS == 2] = (255, 0, 0)
    message = r"3 colours \(#000000: 900 px, #003c0a: 60 px, #ff0000: 40 px\) in .*mask.png"
    with pytest.raises(WrongChannels, match=message):
        read_mask(saved(tmp_path, one))


def test_a_third_area_in_a_jpeg_is_refused_its_noise_is_not(tmp_path: Path) -> None:
    bright = np.kron(np.where(ONE, 255, 0), np.ones((4, 4))).astype(np.uint8)
    mask = read_mask(saved(tmp_path, bright, "mask.jpg"))
    assert abs(int(mask.sum()) - 16 * 60) < 60
    bright += np.kron(np.where(LABELS == 2, 128, 0), np.ones((4, 4))).astype(np.uint8)
    path = saved(tmp_path, bright, "mask.jpg")
    with pytest.raises(LabelMap, match=r"values \(0: .*mask.jpg"):
        read_mask(path)
    with pytest.raises(LabelMap, match=r"a JPEG with more than two values .*as PNG or TIFF"):
        label_values(mask_values(path), path)


def test_named_labels_are_the_values_as_stored(tmp_path: Path) -> None:
    path = saved(tmp_path, LABELS)
    stored = label_values(mask_values(path), path)
    assert {stored.name(value): n for value, n in stored.counts.items()} == {
        "0": 900,
        "1": 60,
        "2": 40,
    }


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 0), (255, 255, 255), (255, 255, 0)])
@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("kind", ["png", "gif", "bmp", "tif"])
def test_black_beside_one_colour_is_background_at_either_index(
    tmp_path: Path, colour: tuple[int, int, int], is_first: bool, kind: str
) -> None:
    colours = (colour, (3, 2, 5)) if is_first else ((0, 0, 0), colour)
    path = saved(tmp_path, palette(~ONE if is_first else ONE, *colours), f"mask.{kind}")
    np.testing.assert_array_equal(read_mask(path), ONE)


def test_a_mask_reduced_to_a_palette_is_what_it_was_in_colours(tmp_path: Path) -> None:
    colours = np.where(ONE[..., None], np.array([255, 0, 0], np.uint8), np.uint8(0))
    reduced = Image.fromarray(colours).quantize(2)
    assert reduced.getpalette()[:3] != [0, 0, 0]  # red first, as Pillow writes it
    np.testing.assert_array_equal(read_mask(saved(tmp_path, reduced)), ONE)
    path = saved(tmp_path, Image.fromarray(colours), "mask.gif")
    np.testing.assert_array_equal(read_mask(path), ONE)


@pytest.mark.parametrize("level", [2, 7, 60, 100, 127, 128])
@pytest.mark.parametrize("name", ["mask.jpg", "mask.webp"])
def test_a_lossy_mask_that_the_threshold_would_empty_or_halve_is_refused(
    tmp_path: Path, level: int, name: str
) -> None:
    path = tmp_path / name
    Image.fromarray(ONE.astype(np.uint8) * np.uint8(level)).save(path, quality=95)
    with pytest.raises(LabelMap, match="a mask has background 0"):
        read_mask(path)


def test_an_empty_jpeg_mask_is_empty(tmp_path: Path) -> None:
    path = saved(tmp_path, np.zeros((20, 50), np.uint8), "mask.jpg")
    assert not read_mask(path).any()


def test_a_soft_mask_whose_area_lies_at_the_threshold_is_refused(tmp_path: Path) -> None:
    large = Image.fromarray(np.kron(ONE, np.ones((4, 4))).astype(np.uint8) * np.uint8(128))
    soft = large.resize((75, 30), Image.Resampling.BILINEAR)
    with pytest.raises(LabelMap, match="128"):
        read_mask(saved(tmp_path, soft))
