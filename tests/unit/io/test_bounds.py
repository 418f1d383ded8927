"""N passes, N + 1 is refused, and a refusal decodes nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from hostile_files import (
    bmp_of_runs,
    gif_of_comment,
    jpeg,
    jpeg_of_scans,
    jpeg_of_segments,
    png,
    png_of_chunks,
    tiff_of_pages,
    tiff_of_strips,
    tiff_of_tile,
)
from saywhere.errors import UnreadableFile
from saywhere.io import bounds
from saywhere.io.decode import decode_bytes
from saywhere.io.limits import MAX_SIDE

PLACE = Path("image")
N_SEGMENTS = 6
"""Of our JPEG before its pixels: JFIF, tables, frame."""
EXCESS: dict[str, tuple[Callable[[int], bytes], int, str]] = {
    "strips": (tiff_of_strips, bounds.MAX_STRIPS, "values of tag 273"),
    "chunks": (png_of_chunks, bounds.MAX_CHUNKS, "chunks"),
    "segments": (jpeg_of_segments, bounds.MAX_SEGMENTS, "segments"),
    "scans": (jpeg_of_scans, bounds.MAX_SCANS, "scans"),
    "comment": (gif_of_comment, bounds.MAX_COMMENT_BLOCKS, "blocks before its picture"),
}


@pytest.mark.parametrize("name", EXCESS)
def test_more_than_the_limit_is_refused_with_the_number(name: str) -> None:
    make, limit, what = EXCESS[name]
    with pytest.raises(UnreadableFile, match=rf"more than {limit:,} {what} in image; a file has"):
        bounds.refuse_excess(make(limit + 1), PLACE)


@pytest.mark.parametrize(
    ("content", "limit"),
    [
        (png_of_chunks(bounds.MAX_CHUNKS), "MAX_CHUNKS"),
        (gif_of_comment(bounds.MAX_COMMENT_BLOCKS), "MAX_COMMENT_BLOCKS"),
        (png(1, MAX_SIDE), "MAX_SIDE"),
        (jpeg_of_segments(bounds.MAX_SEGMENTS - N_SEGMENTS), "MAX_SEGMENTS"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_limit_itself_passes(content: bytes, limit: str) -> None:
    bounds.refuse_excess(content, PLACE)


@pytest.mark.parametrize("make", [lambda: png(1, MAX_SIDE + 1), lambda: png(MAX_SIDE + 1, 1)])
def test_a_side_is_bounded_however_few_the_pixels(make: Callable[[], bytes]) -> None:
    with pytest.raises(UnreadableFile, match=r"65536.* pixels in image; a side has at most 65,535"):
        decode_bytes(make(), PLACE)


def test_a_tile_and_runs_are_bounded_by_their_pixels() -> None:
    with pytest.raises(UnreadableFile, match="pixels of a tile"):
        decode_bytes(tiff_of_tile(60_000), PLACE)
    with pytest.raises(UnreadableFile, match="4,000,000 pixels in run lengths"):
        decode_bytes(bmp_of_runs(8_000, 5_000, b"\1\0\0\0" * 250), PLACE)
    with pytest.raises(UnreadableFile, match="bytes of runs"):
        decode_bytes(bmp_of_runs(8, 8, b"\0\2\0\0" * 10_000), PLACE)


def test_the_more_pixels_the_fewer_scans() -> None:
    allowed = bounds.MAX_SCANNED // 4_000_000
    content = jpeg_of_scans(allowed, side=2_000)
    with pytest.raises(UnreadableFile, match=rf"more than {allowed} scans"):
        bounds.refuse_excess(content, PLACE)


def test_a_progressive_photograph_of_the_most_pixels_passes() -> None:
    bounds.refuse_excess(jpeg(6_320, progressive=True), PLACE)


def test_a_second_picture_behind_a_jpeg_is_not_counted() -> None:
    # A phone's preview: an MPO.
    bounds.refuse_excess(jpeg() + jpeg_of_scans(bounds.MAX_SCANS + 1), PLACE)


def _steps(act: Callable[[], Any]) -> int:
    """Lines of Python that were run."""
    n_steps = 0

    def count(frame: Any, event: str, argument: Any) -> Any:
        nonlocal n_steps
        n_steps += event == "line"
        return count

    sys.settrace(count)
    try:
        act()
    finally:
        sys.settrace(None)
    return n_steps


def test_ten_times_the_pages_take_no_longer_to_refuse() -> None:
    def refuse(content: bytes) -> None:
        with pytest.raises(UnreadableFile, match="several frames"):
            decode_bytes(content, PLACE)

    refuse(tiff_of_pages(2))
    few, many = tiff_of_pages(1_000), tiff_of_pages(10_000)
    assert _steps(lambda: refuse(many)) < 1.1 * _steps(lambda: refuse(few))


@pytest.mark.parametrize("name", EXCESS)
def test_what_is_refused_reaches_no_decoder(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("a decoder was opened")

    monkeypatch.setattr(Image, "open", never)
    make, limit, _ = EXCESS[name]
    with pytest.raises(UnreadableFile):
        decode_bytes(make(limit + 1), PLACE)


@pytest.mark.parametrize(
    "content",
    [png(8, 8), jpeg(), jpeg(progressive=True), tiff_of_strips(9), gif_of_comment(9)],
    ids=["png", "jpeg", "progressive", "tiff", "gif"],
)
def test_a_head_that_is_cut_off_anywhere_is_left_to_the_decoder(content: bytes) -> None:
    for end in range(min(len(content), 400)):
        bounds.refuse_excess(content[:end], PLACE)
