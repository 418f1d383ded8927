"""GeoJSON: polygons in pixel coordinates, as QuPath opens them.

A polygon runs along the edges of pixels: the first pixel's corners are (0, 0) and (1, 1), x to the
right and y down. So no pixel is lost or gained.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saywhere.inference.answer import Answer
from saywhere.inference.writers.writer import Options, Paths, Writer, Written
from saywhere.io import files
from saywhere.io.overlay import COLOUR

Corner = tuple[int, int]
"""(x, y) of a pixel's corner."""
Ring = list[Corner]
"""Corners in order; the last one is followed by the first."""
Edges = dict[tuple[int, Corner], list[Corner]]
"""(part, corner) → the corners that an edge of the part leads to."""


def write(answers: Sequence[Answer], paths: Paths, options: Options) -> Written:
    """Write an answer as GeoJSON: a feature for each connected part of the mask.

    Args:
        answers: One. The prompt is the features' classification.
        paths: Where "geojson" goes.
        options: None matters to this format.

    Returns:
        That "geojson" was written; for an empty mask a collection of no features.

    Raises:
        NotWritable: Where the folder takes no file.
    """
    (answer,) = answers
    properties: dict[str, object] = {
        "objectType": "annotation",
        "classification": {"name": answer.prompt or "(no words)", "color": list(COLOUR)},
        # QuPath shows numbers of an object under this name.
        "measurements": {} if answer.confidence is None else {"confidence": answer.confidence},
    }
    features = [_feature(rings, properties) for rings in polygons(answer.mask)]
    files.write_json(paths["geojson"], {"type": "FeatureCollection", "features": features})
    return Written(("geojson",))


def polygons(mask: NDArray[np.bool_]) -> list[list[Ring]]:
    """Trace the outlines of a mask.

    Args:
        mask: bool (height, width).

    Returns:
        A polygon for each part whose pixels share edges: its outer ring, then its holes. No ring
        meets itself, as the readers of GeoJSON ask.
    """
    # Imported late: other formats do without SciPy.
    from scipy.ndimage import label

    parts, _ = label(mask)
    of_part: defaultdict[int, list[Ring]] = defaultdict(list)
    for part, ring in _rings(parts):
        of_part[part].append(_without_straight(ring))
    # The outer ring of a part has the greatest area.
    return [sorted(rings, key=lambda ring: -abs(_area(ring))) for rings in of_part.values()]


def _rings(parts: NDArray[np.integer]) -> list[tuple[int, Ring]]:
    """Rings with the part that lies on their right, as a person walks along them."""
    following = _edges(parts)
    rings = []
    # A list, since the edges are taken away one by one.
    for start in list(following):
        while start in following:
            rings += [(start[0], ring) for ring in _loops(following, *start)]
    return rings


def _loops(following: Edges, part: int, start: Corner) -> Iterator[Ring]:
    """Walk from a corner until no edge leaves it; each loop on the way is a ring of its own."""
    walk = [start]
    # Corners of the walk with their places in it.
    places = {start: 0}
    while (part, walk[-1]) in following:
        corner = _step(following, part, walk[-1])
        if corner not in places:
            places[corner] = len(walk)
            walk.append(corner)
            continue
        cut = places[corner]
        yield walk[cut:]
        for passed in walk[cut + 1 :]:
            del places[passed]
        del walk[cut + 1 :]


def _step(following: Edges, part: int, corner: Corner) -> Corner:
    """Take one edge away and go along it."""
    ends = following[part, corner]
    end = ends.pop()
    if not ends:
        del following[part, corner]
    return end


def _edges(parts: NDArray[np.integer]) -> Edges:
    """All edges, with their part on the right."""
    padded = np.pad(parts, 1)
    inside = padded[1:-1, 1:-1]
    following: defaultdict[tuple[int, Corner], list[Corner]] = defaultdict(list)
    # Neighbour above, right, below, left; the edge's two ends, clockwise round the pixel.
    sides = (
        (padded[:-2, 1:-1], (0, 0), (1, 0)),
        (padded[1:-1, 2:], (1, 0), (1, 1)),
        (padded[2:, 1:-1], (1, 1), (0, 1)),
        (padded[1:-1, :-2], (0, 1), (0, 0)),
    )
    for neighbour, begin, end in sides:
        rows, columns = np.nonzero((inside > 0) & (neighbour != inside))
        numbers = inside[rows, columns].tolist()
        for row, column, part in zip(rows.tolist(), columns.tolist(), numbers):
            corner = (column + begin[0], row + begin[1])
            following[part, corner].append((column + end[0], row + end[1]))
    return dict(following)


def _without_straight(ring: Ring) -> Ring:
    """Only the corners where a ring turns. In plain Python: most rings have few corners."""
    around = zip([ring[-1], *ring], ring, [*ring[1:], ring[0]])
    # Three corners in a line share x or y: an edge is horizontal or vertical.
    return [
        corner
        for before, corner, after in around
        if before[0] != after[0] and before[1] != after[1]
    ]


def _area(ring: Ring) -> float:
    """Positive where the ring goes clockwise on the screen, as outer rings do."""
    pairs = zip(ring, [*ring[1:], ring[0]])
    return sum(x * below - right * y for (x, y), (right, below) in pairs) / 2


def _feature(rings: Sequence[Ring], properties: dict[str, object]) -> dict[str, object]:
    geometry = {"type": "Polygon", "coordinates": [_closed(ring) for ring in rings]}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _closed(ring: Ring) -> list[list[Any]]:
    return [list(corner) for corner in [*ring, ring[0]]]


WRITER = Writer({"geojson": ".geojson"}, write)
