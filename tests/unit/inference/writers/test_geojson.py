"""GeoJSON: its polygons are the mask, to the pixel."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.path import Path as Outline
from numpy.typing import NDArray

from saywhere.inference.answer import Answer
from saywhere.inference.writers.geojson import WRITER, Ring, polygons
from saywhere.inference.writers.writer import Options

RING_WITH_A_HOLE = ["....", ".###", ".#.#", ".###"]
TOUCHING_AT_CORNERS = ["#.#", ".#.", "#.#"]
GAP_AT_A_CORNER = ["####", "#..#", "#.#.", "####"]


def mask_of(rows: list[str]) -> NDArray[np.bool_]:
    return np.array([list(row) for row in rows]) == "#"


def rasterised(of_mask: list[list[Ring]], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Which pixels' centres lie inside, by the vertical edges to their left."""
    crossings = np.zeros((shape[0], shape[1] + 1), int)
    for ring in (ring for rings in of_mask for ring in rings):
        for (x, y), (next_x, next_y) in zip(ring, [*ring[1:], ring[0]]):
            if x == next_x:
                crossings[min(y, next_y) : max(y, next_y), x] += 1
    return (np.cumsum(crossings, axis=1) % 2 == 1)[:, :-1]


@settings(max_examples=200, deadline=None)
@given(arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_polygons_hold_any_mask(mask: NDArray[np.bool_]) -> None:
    of_mask = polygons(mask)
    assert np.array_equal(rasterised(of_mask, mask.shape), mask)
    for ring in (ring for rings in of_mask for ring in rings):
        # A ring that meets itself is refused by JTS, on which QuPath stands.
        assert len(set(ring)) == len(ring) >= 4


@pytest.mark.parametrize("rows", [RING_WITH_A_HOLE, TOUCHING_AT_CORNERS, GAP_AT_A_CORNER])
def test_another_librarys_polygons_hold_the_same_pixels(rows: list[str]) -> None:
    mask = mask_of(rows)
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]] + 0.5
    centres = np.stack([x.ravel(), y.ravel()], axis=1)
    inside = np.zeros(mask.size, bool)
    for outer, *holes in polygons(mask):
        within = Outline(outer).contains_points(centres)
        for hole in holes:
            within &= ~Outline(hole).contains_points(centres)
        inside |= within
    assert np.array_equal(inside.reshape(mask.shape), mask)


def test_a_hole_is_a_ring_of_its_polygon_and_parts_are_polygons_of_their_own() -> None:
    (rings,) = polygons(mask_of(RING_WITH_A_HOLE))
    outer, hole = rings
    assert set(outer) == {(1, 1), (4, 1), (4, 4), (1, 4)}
    assert set(hole) == {(2, 2), (3, 2), (3, 3), (2, 3)}
    assert len(polygons(mask_of(TOUCHING_AT_CORNERS))) == 5


def test_the_file_is_a_collection_that_qupath_opens(answer: Answer, out: Path) -> None:
    paths = WRITER.paths(out, "a")
    assert WRITER.write([answer], paths, Options()).parts == ("geojson",)
    assert paths["geojson"].name == "a.geojson"
    content = json.loads(paths["geojson"].read_text())
    (feature,) = content["features"]
    (ring,) = feature["geometry"]["coordinates"]
    assert (content["type"], feature["geometry"]["type"]) == ("FeatureCollection", "Polygon")
    assert ring[0] == ring[-1]
    assert sorted(ring[1:]) == [[2, 1], [2, 4], [4, 1], [4, 4]]
    properties = feature["properties"]
    assert properties["objectType"] == "annotation"
    assert properties["classification"] == {"name": "the spot", "color": [0, 229, 255]}
    assert properties["measurements"] == {"confidence": 0.75}


def test_an_empty_mask_is_a_collection_of_nothing(empty: Answer, out: Path) -> None:
    paths = WRITER.paths(out, "a")
    WRITER.write([empty], paths, Options())
    content = json.loads(paths["geojson"].read_text())
    assert content == {"type": "FeatureCollection", "features": []}
