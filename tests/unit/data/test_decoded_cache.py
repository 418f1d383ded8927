"""Decoded once, as Pillow would resize it, and never trusted when damaged."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from saywhere.data import decoded_cache, store_digests
from saywhere.data.decoded_cache import Store, open_store
from saywhere.data.manifest_row import Row
from saywhere.errors import MissingFile, NotWritable, UnreadableFile
from saywhere.io import images
from saywhere.io.framing import Framing
from saywhere.io.labels import LabelMap
from saywhere.io.mask_resize import resize_mask


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    """Three rows, two of them of one image, the last without a mask."""
    random = np.random.default_rng(0)
    for name, side in (("a", 80), ("b", 50)):
        Image.fromarray(random.integers(0, 256, (side, 70, 3), np.uint8)).save(
            tmp_path / f"{name}.png"
        )
        Image.fromarray(((random.random((side, 70)) < 0.3) * 255).astype(np.uint8)).save(
            tmp_path / f"{name}-mask.png"
        )
    names = [("1", "a", "a"), ("2", "a", "b"), ("3", "b", None)]
    return [
        Row(number, tmp_path / f"{image}.png", tmp_path / f"{mask}-mask.png" if mask else None)
        for number, image, mask in names
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "stores"


def equal(a: Store, b: Store) -> bool:
    return (
        torch.equal(a.images, b.images)
        and torch.equal(a.masks, b.masks)
        and np.array_equal(a.image_of_row, b.image_of_row)
    )


def test_it_holds_what_pillow_decodes_and_resizes(rows: list[Row], folder: Path) -> None:
    store = open_store(rows, 32, 3, folder)
    for row, number in zip(rows, store.image_of_row):
        picture = Image.open(row.image).resize((32, 32), Image.Resampling.BILINEAR)
        assert np.array_equal(store.images[number].permute(1, 2, 0).numpy(), np.asarray(picture))
    whole = np.asarray(Image.open(rows[0].mask or "")) > 0
    assert np.array_equal(store.masks[0, 0].numpy() > 0, resize_mask(whole, (32, 32)))
    assert store.masks.unique().tolist() == [0, 1]
    assert not store.masks[2].any()


def test_masks_by_the_nearest_pixel_are_pillows(rows: list[Row], folder: Path) -> None:
    by_area = open_store(rows, 32, 3, folder)
    store = open_store(rows, 32, 3, folder, mask_resize="nearest")
    mask = Image.open(rows[0].mask or "").resize((32, 32), Image.Resampling.NEAREST)
    assert np.array_equal(store.masks[0, 0].numpy() * 255, np.asarray(mask))
    # A store of its own: neither is taken for the other.
    assert not torch.equal(store.masks, by_area.masks)
    assert torch.equal(open_store(rows, 32, 3, folder).masks, by_area.masks)


def test_padded_pictures_are_a_store_of_their_own(rows: list[Row], folder: Path) -> None:
    squashed = open_store(rows, 32, 3, folder)
    padded = open_store(rows, 32, 3, folder, fit="pad")
    height, width = np.asarray(Image.open(rows[0].image)).shape[:2]
    box = Framing(32, "pad").box(height, width)
    assert not padded.images[0, :, : box.top].any()
    assert not padded.images[0, :, :, : box.left].any()
    assert not torch.equal(padded.images, squashed.images)
    assert equal(open_store(rows, 32, 3, folder, fit="pad"), padded)


def test_rows_of_one_image_share_its_copy_but_not_its_mask(rows: list[Row], folder: Path) -> None:
    store = open_store(rows, 32, 3, folder)
    assert store.images.shape == (2, 3, 32, 32)
    assert store.masks.shape == (3, 1, 32, 32)
    assert store.image_of_row.tolist() == [0, 0, 1]


def test_one_channel_is_grey(rows: list[Row], folder: Path) -> None:
    store = open_store(rows, 32, 1, folder)
    assert store.images.shape == (2, 1, 32, 32)
    grey = Image.open(rows[0].image).convert("L").resize((32, 32), Image.Resampling.BILINEAR)
    assert np.abs(store.images[0, 0].numpy().astype(int) - np.asarray(grey)).max() <= 1


def test_the_second_opening_decodes_nothing(
    rows: list[Row], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advanced: list[int] = []
    first = open_store(rows, 32, 3, folder, advanced.append)
    assert sum(advanced) == 2

    def never(*_: object) -> None:
        raise AssertionError("a file was decoded")

    monkeypatch.setattr(images, "read_image", never)
    monkeypatch.setattr(images, "read_mask", never)
    assert equal(open_store(rows, 32, 3, folder), first)


def test_another_size_channel_row_or_file_is_another_store(rows: list[Row], folder: Path) -> None:
    open_store(rows, 32, 3, folder)
    open_store(rows, 40, 3, folder)
    open_store(rows, 32, 1, folder)
    open_store(rows[:2], 32, 3, folder)
    assert len(list(folder.iterdir())) == 4


@pytest.mark.parametrize("equal_in", ["size", "time"])
def test_a_changed_file_is_decoded_anew(rows: list[Row], folder: Path, equal_in: str) -> None:
    path = rows[0].image
    status = path.stat()
    open_store(rows, 32, 3, folder)
    Image.fromarray(np.zeros((80, 70, 3), np.uint8)).save(path)
    if equal_in == "size":
        path.write_bytes(path.read_bytes().ljust(status.st_size, b"\0"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + (equal_in == "size")))
    assert (path.stat().st_size == status.st_size) == (equal_in == "size")
    assert not open_store(rows, 32, 3, folder).images[0].any()


@pytest.mark.parametrize("damage", ["images cut", "masks gone", "not complete"])
def test_a_damaged_store_is_logged_and_made_anew(
    rows: list[Row], folder: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    whole = open_store(rows, 32, 3, folder)
    before = Store(whole.images.clone(), whole.masks.clone(), whole.image_of_row)
    (place,) = folder.iterdir()
    if damage == "images cut":
        os.truncate(place / "images.npy", 1_000)
    else:
        (place / {"masks gone": "masks.npy", "not complete": "complete.json"}[damage]).unlink()
    with caplog.at_level(logging.WARNING, "saywhere"):
        assert equal(open_store(rows, 32, 3, folder), before)
    assert f"{place.name} is damaged" in caplog.text


def test_no_flipped_byte_is_trained_on_or_ends_in_a_traceback(
    rows: list[Row], folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = open_store(rows, 16, 3, folder)
    before = Store(whole.images.clone(), whole.masks.clone(), whole.image_of_row)
    (place,) = folder.iterdir()
    random = np.random.default_rng(0)
    for name in ("images.npy", "masks.npy", "complete.json"):
        for trial in range(40):
            content = bytearray((place / name).read_bytes())
            # The heads of arrays are Python text, which np.load reads: flipped as often.
            position = random.integers(128 if trial % 2 else len(content))
            content[position] ^= 1 << random.integers(8)
            (place / name).write_bytes(content)
            caplog.clear()
            with caplog.at_level(logging.WARNING, "saywhere"):
                assert equal(open_store(rows, 16, 3, folder), before), (name, trial)
            assert f"{place.name} is damaged (" in caplog.text


def test_the_log_names_the_block_that_differs(
    rows: list[Row],
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store_digests, "BLOCK_BYTES", 1_000)
    open_store(rows, 32, 3, folder)
    (place,) = folder.iterdir()
    content = bytearray((place / "images.npy").read_bytes())
    content[2_500] ^= 1
    (place / "images.npy").write_bytes(content)
    with caplog.at_level(logging.WARNING, "saywhere"):
        open_store(rows, 32, 3, folder)
    assert "images.npy differs in block 3 of 7" in caplog.text


def test_one_opening_reads_each_byte_of_the_store_once(
    rows: list[Row], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_store(rows, 32, 3, folder)
    (place,) = folder.iterdir()
    hashed: list[int] = []
    sha256 = hashlib.sha256

    def counted(block: bytes) -> object:
        hashed.append(len(block))
        return sha256(block)

    monkeypatch.setattr(store_digests.hashlib, "sha256", counted)
    monkeypatch.setattr(decoded_cache, "_digest", lambda *_: place.name)
    open_store(rows, 32, 3, folder)
    assert sum(hashed) == sum((place / name).stat().st_size for name in decoded_cache.FILES)


def test_what_a_caller_writes_does_not_reach_the_file(rows: list[Row], folder: Path) -> None:
    store = open_store(rows, 32, 3, folder)
    before = store.images.clone()
    store.images.zero_()
    assert torch.equal(open_store(rows, 32, 3, folder).images, before)


def test_a_failed_decoding_leaves_no_store_behind(rows: list[Row], folder: Path) -> None:
    rows[2].image.write_bytes(b"no image")
    with pytest.raises(UnreadableFile, match=r"b\.png"):
        open_store(rows, 32, 3, folder)
    assert list(folder.iterdir()) == []


def test_a_label_map_is_refused_not_trained_on(rows: list[Row], folder: Path) -> None:
    labels = np.repeat(np.arange(3, dtype=np.uint8), 10)[None]
    assert rows[0].mask is not None
    Image.fromarray(np.repeat(labels, 30, axis=0)).save(rows[0].mask)
    with pytest.raises(LabelMap, match=r"0: 300 px, 1: 300 px, 2: 300 px\) in .*a-mask\.png"):
        open_store(rows, 32, 3, folder)


def test_a_missing_file_is_named(rows: list[Row], folder: Path) -> None:
    rows[2].image.unlink()
    with pytest.raises(MissingFile, match=r"no file .*b\.png.*saywhere check"):
        open_store(rows, 32, 3, folder)


def test_a_place_that_is_no_folder_is_said(rows: list[Row], tmp_path: Path) -> None:
    with pytest.raises(NotWritable):
        open_store(rows, 32, 3, rows[0].image / "stores")
