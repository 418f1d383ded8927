"""What a caller hands over, in any form, is one array; what is none is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from saywhere.errors import MissingFile, UnreadableFile, UsageError
from saywhere.io.grey import DEFAULT
from saywhere.io.inputs import as_image, as_mask
from saywhere.io.source_reader import Reader
from saywhere.io.sources import Source

COLOUR = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
GREY = COLOUR[..., 0].copy()
MASK = GREY > 128


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    for name, pixels in {
        "colour": COLOUR,
        "grey": GREY,
        "mask": MASK.astype(np.uint8) * 255,
    }.items():
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    return {path.stem: path for path in tmp_path.iterdir()}


def test_every_form_of_a_colour_image_is_one_array(files: dict[str, Path]) -> None:
    tensor = torch.from_numpy(COLOUR.copy())
    forms: list[Any] = [
        files["colour"],
        str(files["colour"]),
        Image.open(files["colour"]),
        COLOUR,
        COLOUR / 255,
        COLOUR.astype(np.float32) / 255,
        tensor,
        tensor.permute(2, 0, 1),
        tensor.permute(2, 0, 1) / 255,
        (tensor / 255).requires_grad_(),
    ]
    for form in forms:
        assert np.array_equal(as_image(form, 3), COLOUR)


def test_grey_and_colour_become_what_the_model_takes(files: dict[str, Path]) -> None:
    for form in (
        GREY,
        GREY[..., None],
        torch.from_numpy(GREY),
        torch.from_numpy(GREY)[None],
        Image.fromarray(GREY),
        files["grey"],
    ):
        assert np.array_equal(as_image(form, 1), GREY[..., None])
        assert np.array_equal(as_image(form, 3), np.repeat(GREY[..., None], 3, 2))
    for form in (COLOUR, Image.fromarray(COLOUR), files["colour"]):
        assert np.array_equal(
            as_image(form, 1)[..., 0], np.asarray(Image.fromarray(COLOUR).convert("L"))
        )


def test_half_precision_and_sixteen_bits_are_read() -> None:
    half = as_image(torch.from_numpy(GREY / 255).bfloat16(), 1)[..., 0]
    assert np.abs(half.astype(int) - GREY).max() <= 1
    deep = Image.fromarray(GREY.astype(np.uint16) * 257)
    assert np.array_equal(as_image(deep, 1)[..., 0], GREY)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (
            None,
            "an image is a NoneType; a path, a PIL image, a NumPy array or a torch tensor: "
            "one at a time",
        ),
        ([COLOUR], r"an image is a list"),
        (b"bytes", r"an image is a bytes"),
        (np.zeros(7, np.uint8), r"an image of shape \(7,\); .*one image at a time"),
        (torch.zeros(2, 3, 8, 8), r"an image of shape \(2, 3, 8, 8\); .*one image at a time"),
        (np.zeros((3, 8, 8), np.uint8), r"an image of shape \(3, 8, 8\); .*put the channel last"),
        (torch.zeros(4, 8, 8), r"a see-through image \(alpha channel\) in the array"),
        (torch.zeros(5, 8, 8), r"an image of shape \(5, 8, 8\)"),
        (np.zeros((0, 8), np.uint8), r"an image of shape \(0, 8\)"),
        (GREY.astype(np.complex64), r"an image of type complex64 .*; integers or floats of up to"),
        (np.full((8, 8), np.nan), r"64 NaN or infinite values in the array"),
        (np.dstack([MASK] * 3), r"an image of type bool and shape \(6, 9, 3\)"),
        (np.array([["a"]]), r"an image of type <U1"),
    ],
)
def test_what_is_no_image_is_named(picture: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        as_image(picture)


def test_a_see_through_pil_image_is_refused_as_a_file_is() -> None:
    with pytest.raises(UnreadableFile, match=r"a see-through image .* in the PIL image"):
        as_image(Image.new("RGBA", (4, 4), (9, 9, 9, 0)))
    assert as_image(Image.new("RGBA", (4, 4), (9, 9, 9, 255))).shape == (4, 4, 3)


def test_every_form_of_a_mask_is_one_array(files: dict[str, Path]) -> None:
    ones = MASK.astype(np.uint8)
    forms: list[Any] = [
        files["mask"],
        str(files["mask"]),
        Image.open(files["mask"]),
        Image.fromarray(ones * 255),
        MASK,
        MASK[..., None],
        ones,
        ones * 255,
        ones * 7,
        ones.astype(np.int64),
        ones.astype(np.float32),
        torch.from_numpy(MASK),
        torch.from_numpy(MASK)[None].float(),
    ]
    for form in forms:
        mask = as_mask(form)
        assert mask.dtype == np.bool_
        assert np.array_equal(mask, MASK)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (None, r"a mask is a NoneType; a path, a PIL image, a NumPy array or a torch tensor"),
        (np.zeros((4, 4, 3), bool), r"a mask of type bool and shape \(4, 4, 3\)"),
        (np.zeros((4, 4, 5), np.uint8), r"a mask of shape \(4, 4, 5\); .* with 1 to 4 channels"),
        (torch.zeros(2, 1, 4, 4), r"a mask of shape \(2, 1, 4, 4\)"),
        (np.zeros((4, 0), bool), r"a mask of shape \(4, 0\)"),
        (
            np.array([[0, 1, 2]]),
            r"3 values \(0: 1 px, 1: 1 px, 2: 1 px\) in the array; a mask has background 0",
        ),
        (np.array([[0.2, 1.0]]), r"2 values .* in the array; a mask has background 0 and one"),
        (np.array([[0, np.nan]]), r"1 NaN or infinite values in the array"),
        (np.array([[-1, 0]]), r"values from -1 to 0 in the array"),
        (np.array([[7, 7]]), r"1 value \(7: 2 px\) in the array"),
    ],
)
def test_what_is_no_mask_is_named(mask: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        as_mask(mask)


def test_a_missing_file_is_one(tmp_path: Path) -> None:
    for read in (as_image, as_mask):
        with pytest.raises(MissingFile):
            read(tmp_path / "none.png")


def test_a_deep_picture_of_one_value_is_said_to_become_black(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    flat = np.full((4, 5), 7.5, np.float32)
    path = tmp_path / "flat.tif"
    Image.fromarray(flat).save(path)
    note = "all its pixels have the value 7.5: it is read as black"
    for given in (flat, path):
        caplog.clear()
        assert not as_image(given).any()
        (line,) = caplog.messages
        assert line.endswith(note)
    assert Reader(3, DEFAULT).read(Source(path)).notes == (note,)
    caplog.clear()
    as_image(np.zeros((4, 5), np.float32))
    as_image(np.full((4, 5), 7, np.uint8))
    assert caplog.messages == []
