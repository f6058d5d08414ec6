"""Fences that were passed between two fixes, neither of which lies in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import shapely

from geofences.model import Detect
from geofences.shapes import geometry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from geofences.model import Fence, Position

    Floats = NDArray[np.float64]


class Crossing(NamedTuple):
    """The fence of a number is met between the parts `first` and `last`, 0 to 1, of the way from one fix to the next.

    `inside` is how much of the way lies in it: less than what is between the two where the fence is left and met again.
    """

    fence: int
    first: float
    last: float
    inside: float


class Crossings:
    """Those of a set of fences that detect `cross`; a fence's number is its position among all."""

    def __init__(self, fences: Sequence[Fence]) -> None:
        self._numbers = [number for number, fence in enumerate(fences) if Detect.CROSS in fence.detect]
        self._polygons = [geometry(fences[number].shape) for number in self._numbers]
        self._tree = shapely.STRtree(self._polygons)

    def __bool__(self) -> bool:
        return bool(self._numbers)

    def meets(self, lon: Floats, lat: Floats, to_lon: Floats, to_lat: Floats) -> NDArray[np.bool_]:
        """Which of n ways, straight in lon/lat degrees, touch any of the fences; arrays of shape (n,), finite."""
        ways = shapely.linestrings(np.stack((np.column_stack((lon, lat)), np.column_stack((to_lon, to_lat))), axis=1))
        met = np.zeros(len(ways), dtype=bool)
        met[self._tree.query(ways, predicate="intersects")[0]] = True
        return met

    def between(self, start: Position, end: Position) -> list[Crossing]:
        """The fences, by number, on the way from one fix to the next that neither of the two is in."""
        if not self._numbers or start == end:
            return []
        way = shapely.linestrings([start, end])
        found: list[Crossing] = []
        for place in np.sort(self._tree.query(way, predicate="intersects")).tolist():
            polygon = self._polygons[place]
            if shapely.intersects_xy(polygon, *start) or shapely.intersects_xy(polygon, *end):
                continue
            within = shapely.intersection(polygon, way)
            parts = shapely.line_locate_point(way, shapely.points(shapely.get_coordinates(within)), normalized=True)
            inside = float(shapely.length(within) / shapely.length(way))
            found.append(Crossing(self._numbers[place], float(parts.min()), float(parts.max()), inside))
        return found
