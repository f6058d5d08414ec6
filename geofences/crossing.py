"""Fences that were passed between two fixes, neither of which lies in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

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
        """Which of n ways, straight in lon/lat degrees, the short way round, touch any of the fences; arrays of shape (n,), finite."""
        turn = _turns(lon, to_lon)
        over = np.flatnonzero(turn)
        met = np.zeros(len(lon), dtype=bool)
        # Over the antimeridian a way has two halves, each on its side.
        met[self._touched(lon, lat, to_lon + turn, to_lat)] = True
        if len(over):
            met[over[self._touched(lon[over] - turn[over], lat[over], to_lon[over], to_lat[over])]] = True
        return met

    def _touched(self, lon: Floats, lat: Floats, to_lon: Floats, to_lat: Floats) -> NDArray[np.int64]:
        ways = shapely.linestrings(np.stack((np.column_stack((lon, lat)), np.column_stack((to_lon, to_lat))), axis=1))
        return np.asarray(self._tree.query(ways, predicate="intersects")[0])

    def between(self, start: Position, end: Position) -> list[Crossing]:
        """The fences, by number, on the way from one fix to the next, the short way round, that neither of the two is in."""
        if not self._numbers or start == end:
            return []
        turn = float(_turns(np.float64(start[0]), np.float64(end[0])))
        way = shapely.linestrings([start, (end[0] + turn, end[1])])
        # Over the antimeridian it is looked for from both sides.
        ways = [way, shapely.linestrings([(start[0] - turn, start[1]), end])] if turn else [way]
        found: list[Crossing] = []
        for place in sorted(
            {place for one in ways for place in self._tree.query(one, predicate="intersects").tolist()}
        ):
            polygon = self._polygons[place]
            if shapely.intersects_xy(polygon, *start) or shapely.intersects_xy(polygon, *end):
                continue
            within = shapely.intersection(polygon, ways)
            met = [
                shapely.line_locate_point(one, shapely.points(shapely.get_coordinates(part)), normalized=True)
                for one, part in zip(ways, within, strict=True)
            ]
            parts = np.concatenate(met)
            inside = float(shapely.length(within).sum() / shapely.length(way))
            found.append(Crossing(self._numbers[place], float(parts.min()), float(parts.max()), inside))
        return found


def _turns(lon: Any, to_lon: Any) -> Any:
    """What is added to the longitude at which a way ends, so that it goes the short way round the globe, degrees."""
    return np.rint((lon - to_lon) / 360.0) * 360.0
