"""A mask is that of its own image, or refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from saywhere.errors import UnreadableFile
from saywhere.io import clinic, volume_pairs
from saywhere.io.dicom.segmentation import Segmentation, SegmentFrame
from saywhere.io.geometry import Geometry

SIZE = (4, 5)
DRAWN = np.zeros(SIZE, np.int64)
DRAWN[1:3, 2:4] = 1


def picture(instance: str) -> clinic.Picture:
    source = SimpleNamespace(SOPInstanceUID=instance)
    return clinic.Picture(np.zeros(SIZE, np.uint8), Geometry(size=SIZE, source=source))


def segmentation(instance: str | None, listed: frozenset[str] = frozenset()) -> Segmentation:
    frame = SegmentFrame(1, DRAWN, instance, None, None)
    return Segmentation((frame,), {1: "lesion"}, SIZE, listed)


def labels_of(seg: Segmentation, *instances: str) -> list[np.ndarray]:
    pictures = tuple(map(picture, instances))
    return [one.values for one in volume_pairs._of_segmentation(seg, pictures, Path("m.dcm"))]


def test_the_frames_of_each_image_are_its_mask() -> None:
    first, second = labels_of(segmentation("2.2"), "1.1", "2.2")
    assert not first.any()
    assert (second == DRAWN).all()


def test_a_seg_that_names_another_image_is_refused() -> None:
    with pytest.raises(UnreadableFile, match="a DICOM SEG that was drawn on other images"):
        labels_of(segmentation("9.9"), "1.1")


def test_an_image_of_its_series_without_a_frame_has_an_empty_mask() -> None:
    (labels,) = labels_of(segmentation("9.9", frozenset({"9.9", "1.1"})), "1.1")
    assert not labels.any()


def test_a_seg_that_names_no_image_is_that_of_the_only_one() -> None:
    (labels,) = labels_of(segmentation(None), "1.1")
    assert (labels == DRAWN).all()
    with pytest.raises(UnreadableFile, match="drawn on other images"):
        labels_of(segmentation(None), "1.1", "2.2")
