"""The boundary of one fence, for distances in metres."""

from __future__ import annotations

from functools import cached_property
from math import inf
from typing import TYPE_CHECKING

import numpy as np
import shapely

from geofences.geodesy import distance_m, metres_per_degree
from geofences.model import Circle, Corridor

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry import Polygon

    from geofences.model import Shape
    from geofences.shapes import Area

    Floats = NDArray[np.float64]


# A plane drawn at the latitude of a fence that is nearest to a pole makes no way longer than it is by more than this
# share, within so many metres around the fence and so far from the pole.
_TRUE_TO = 0.02
_PLANE_M = 10_000.0
_POLAR_DEG = 85.0
_APART_M = 250.0  # so far apart are the points that tell whether a fence is far
_POINTS = 512  # and so many about suffice for the largest


class Boundary:
    """The edges of a polygon in lon/lat degrees, holes included, as columns."""

    def __init__(self, polygon: Area) -> None:
        self._rings = shapely.get_rings(shapely.get_parts(polygon))
        # Points all along it, in metres about one of them.
        points = shapely.get_coordinates(self._rings)
        farthest = float(np.abs(points[:, 1]).max())
        self._origin = float(points[0, 0]), float(points[0, 1])
        self._scale = metres_per_degree(farthest)
        sides = shapely.transform(self._rings, lambda degrees: (degrees - self._origin) * self._scale)
        apart_m = max(_APART_M, float(shapely.length(sides).sum()) / _POINTS)
        metres = shapely.get_coordinates(shapely.segmentize(sides, apart_m))
        self._along = -2.0 * metres
        self._squares = (metres * metres).sum(axis=1)
        self._slack_m = apart_m / 2.0 if farthest < _POLAR_DEG else inf

    @cached_property
    def _edges(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Where each edge begins and how far it goes: lon, lat, lon, lat."""
        points, ring = shapely.get_coordinates(self._rings, return_index=True)
        steps = np.diff(points, axis=0)
        # Neither the jump from one ring to the next is an edge, nor a vertex drawn twice.
        within = (ring[1:] == ring[:-1]) & steps.any(axis=1)
        return (*points[:-1][within].T.copy(), *steps[within].T.copy())

    def distance_m(self, lon: float, lat: float, enough_m: float = inf) -> float:
        """Metres from a point to the nearest point of the boundary; one beyond `enough_m` may be told as just that.

        An edge straight in lon/lat stays straight when both axes are scaled to metres, so the nearest point is found
        in that plane; how far it is, is then asked of the ellipsoid. The scale is right at the point's own latitude
        only, but a neighbour of the nearest point is nearly as near: 1,000 km away the error is 0.01 %, near by none.
        """
        if enough_m <= _PLANE_M and self._is_beyond(lon, lat, enough_m):
            return enough_m
        near_lon, near_lat = self._nearest(lon, lat)
        return distance_m(lon, lat, near_lon, near_lat)

    def _is_beyond(self, lon: float, lat: float, metres: float) -> bool:
        """Whether the nearest of the points is so far that no edge can be within `metres`; False is not certain."""
        x, y = (lon - self._origin[0]) * self._scale[0], (lat - self._origin[1]) * self._scale[1]
        squares = self._along @ np.array((x, y))
        squares += self._squares
        nearest = squares[squares.argmin()] + x * x + y * y
        return bool(nearest * (1.0 - _TRUE_TO) ** 2 > (metres + self._slack_m) ** 2)

    def _nearest(self, lon: float, lat: float) -> tuple[float, float]:
        lon_m, lat_m = metres_per_degree(lat)
        from_lon, from_lat, step_lon, step_lat = self._edges
        x, y = (from_lon - lon) * lon_m, (from_lat - lat) * lat_m
        dx, dy = step_lon * lon_m, step_lat * lat_m
        along = -(x * dx + y * dy) / (dx * dx + dy * dy)
        np.minimum(np.maximum(along, 0.0, out=along), 1.0, out=along)
        x += along * dx
        y += along * dy
        best = int((x * x + y * y).argmin())
        part = float(along[best])
        return (
            float(from_lon[best]) + part * float(step_lon[best]),
            float(from_lat[best]) + part * float(step_lat[best]),
        )


def smallest_extent_m(shape: Shape, polygon: Area) -> float:
    """The width of a fence across its narrow side; of several parts, that of the widest.

    The widest, because the number decides which fixes are too poor to prove an entry: one small part must not make
    the whole fence blind.
    """
    match shape:
        case Circle():
            return 2.0 * shape.radius_m
        case Corridor():
            return 2.0 * shape.buffer_m
        case _:
            return max(width_m(part) for part in shapely.get_parts(polygon))


def width_m(part: Polygon) -> float:
    """How wide a polygon is across its narrow side: of the smallest rectangle around it, metres."""
    scale = metres_per_degree((part.bounds[1] + part.bounds[3]) / 2.0)
    outline = shapely.multipoints(shapely.get_coordinates(part.exterior) * scale)
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(outline))
    return float(np.hypot(*np.diff(corners[:3], axis=0).T).min())
