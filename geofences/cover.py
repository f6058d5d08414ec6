"""Boxes that cover fences tightly, for the grid that finds the few fences near a point.

A fence's bounding box will do when the fence fills a good part of it. A corridor across a country fills almost
none of its own: each point of the country would have to be held against it. Such a fence is covered by many small
boxes instead. Boxes only name candidates, the fence's own polygon decides; so they may be generous, never too small.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

import numpy as np
import shapely

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geofences.shapes import Area

    Floats = NDArray[np.float64]
    Objects = NDArray[np.object_]
    Integers = NDArray[np.int64]

# A box at least this full is kept whole: halving it would save less than the larger grid costs. So is one with no
# more to spare than this, some 50 square kilometres: few vehicles are that near to a fence and not in it.
_FULL = 0.5
_LITTLE = 0.005
# A road 100 m wide across a country would ask for thousands; 256 boxes of a 1,000 km road are 5 km wide each.
_MOST_BOXES = 256
# As many edges of a boundary are a piece of it. A quarter makes judging 10 % faster and the pieces four times as many, four
# times as many make it 50 % slower where fences overlap.
_EDGES = 16
# Cutting rounds to the nearest double, about 3e-14 degrees; 1e-9 degrees are 0.1 mm.
_MARGIN = 1e-9


def boxes(polygons: Objects) -> tuple[Floats, Integers]:
    """Bounds (m, 4) as (west, south, east, north) that cover n polygons, and the number (m,) of each one's polygon."""
    whole = shapely.bounds(polygons).reshape(-1, 4)
    room = (whole[:, 2] - whole[:, 0]) * (whole[:, 3] - whole[:, 1])
    spare = room - shapely.area(polygons)
    sparse = spare > np.maximum(_LITTLE, (1.0 - _FULL) * room)
    bounds, owners = [whole[~sparse]], [np.flatnonzero(~sparse)]
    for owner in np.flatnonzero(sparse):
        cut = _cut(polygons[owner])
        bounds.append(cut)
        owners.append(np.full(len(cut), owner))
    margin = np.array([-_MARGIN, -_MARGIN, _MARGIN, _MARGIN])
    return np.concatenate(bounds) + margin, np.concatenate(owners)


def rims(polygons: Objects) -> tuple[Objects, Integers]:
    """The boundaries of n polygons, cut into m lines of a few edges each, and the number (m,) of each one's polygon."""
    parts, part_of = shapely.get_parts(polygons, return_index=True)
    rings, ring_of = shapely.get_rings(parts, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    edges = np.flatnonzero(ring[1:] == ring[:-1])
    first = np.searchsorted(ring[edges], ring[edges])
    starts_piece = (np.arange(len(edges)) - first) % _EDGES == 0
    piece = np.cumsum(starts_piece) - 1
    # The last edge of a piece gives its end as well.
    last = np.flatnonzero(np.append(starts_piece[1:], True)) if len(edges) else edges
    corners = np.insert(edges, last + 1, edges[last] + 1)
    lines = shapely.linestrings(points[corners], indices=np.insert(piece, last + 1, piece[last]))
    return lines, part_of[ring_of[ring[edges[starts_piece]]]]


def _cut(polygon: Area) -> Floats:
    """Bounds (m, 4) that cover one polygon: halve the box with the most room to spare, again and again."""
    # The count breaks ties, so that two pieces are never compared.
    count = 0
    full: list[tuple[float, float, float, float]] = []
    heap = [(-_spare(polygon), count, polygon)]
    while heap and len(heap) + len(full) < _MOST_BOXES:
        spare, _, piece = heappop(heap)
        if -spare <= max(_LITTLE, (1.0 - _FULL) / _FULL * piece.area):
            full.append(piece.bounds)
            continue
        for half in _halves(piece):
            count += 1
            heappush(heap, (-_spare(half), count, half))
    return np.array(full + [piece.bounds for _, _, piece in heap])


def _halves(piece: Area) -> list[Area]:
    west, south, east, north = piece.bounds
    if east - west > north - south:
        middle = (west + east) / 2.0
        sides = [shapely.box(west, south, middle, north), shapely.box(middle, south, east, north)]
    else:
        middle = (south + north) / 2.0
        sides = [shapely.box(west, south, east, middle), shapely.box(west, middle, east, north)]
    return [half for half in shapely.intersection(piece, sides) if not half.is_empty]


def _spare(piece: Area) -> float:
    west, south, east, north = piece.bounds
    return float((east - west) * (north - south) - piece.area)
