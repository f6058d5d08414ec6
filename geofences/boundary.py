"""The boundaries of fences, for distances in metres."""

from __future__ import annotations

from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from geofences import geodesy
from geofences.geodesy import ECCENTRICITY_2, EQUATOR_RADIUS_M, distance_m, metres_per_degree
from geofences.model import Circle, Corridor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from shapely.geometry import Polygon

    from geofences.model import Shape
    from geofences.shapes import Area

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Edges = tuple[Floats, Floats, Floats, Floats]


# A plane drawn at the latitude of a fence that is nearest to a pole makes no way longer than it is by more than this
# share, within so many metres around the fence and so far from the pole.
_TRUE_TO = 0.02
_PLANE_M = 10_000.0
_POLAR_DEG = 85.0
_APART_M = 250.0  # so far apart are the points that tell whether a fence is far
_POINTS = 512  # and so many about suffice for the largest
# In the plane of a point at 75 degrees of latitude ways of up to so many metres keep their order to 0.03 %; further away
# the globe is asked, again and again. Each time leaves a quarter of the error at 1,000 km and 60 degrees.
_NEAR_M = 1_000.0
_TIMES = 3
_TINY = 1e-12
_AT_ONCE = 100_000  # pairs of a point and an edge: some 10 MB


class Boundary:
    """The edges of a polygon in lon/lat degrees, holes included, as columns."""

    def __init__(self, polygon: Area) -> None:
        self._rings = shapely.get_rings(shapely.get_parts(polygon))
        # Points all along it, in metres about one of them.
        points = shapely.get_coordinates(self._rings)
        farthest = float(np.abs(points[:, 1]).max())
        west, east = float(points[:, 0].min()), float(points[:, 0].max())
        self.middle = (west + east) / 2.0
        """The longitude in the middle of it."""
        self.is_wide = east - west > 180.0
        """Whether it has parts on both sides of a point's antipode, as one has that is cut at the antimeridian."""
        self._origin = float(points[0, 0]), float(points[0, 1])
        self._scale = metres_per_degree(farthest)
        sides = shapely.transform(self._rings, lambda degrees: (degrees - self._origin) * self._scale)
        apart_m = max(_APART_M, float(shapely.length(sides).sum()) / _POINTS)
        metres = shapely.get_coordinates(shapely.segmentize(sides, apart_m))
        self._along = -2.0 * metres
        self._squares = (metres * metres).sum(axis=1)
        self._slack_m = apart_m / 2.0 if farthest < _POLAR_DEG and not self.is_wide else inf

    @cached_property
    def edges(self) -> Edges:
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
        only: where that is not enough, the nearest point is sought again on the globe. Measured against the geodesic
        below 75 degrees of latitude: error <= 4 cm up to 100 km, 30 cm up to 200 km, 0.005 % up to 1,100 km; most due
        north or south of the equator.
        """
        if enough_m <= _PLANE_M and self._is_beyond(lon, lat, enough_m):
            return enough_m
        turned = _this_side(lon, _middles(self.edges) if self.is_wide else self.middle)
        along, squares = _in_plane(self.edges, turned, lat, *metres_per_degree(lat))
        best = int(squares.argmin())
        if squares[best] > _NEAR_M * _NEAR_M:
            close = np.flatnonzero(squares <= _no_nearer(lat, squares[best]))
            return float(_on_globe(_some(self.edges, close), along[close], lon, lat).min())
        return _metres(self.edges, best, float(along[best]), lon, lat)

    def _is_beyond(self, lon: float, lat: float, metres: float) -> bool:
        """Whether the nearest of the points is so far that no edge can be within `metres`; False is not certain."""
        x = (_this_side(lon, self.middle) - self._origin[0]) * self._scale[0]
        y = (lat - self._origin[1]) * self._scale[1]
        squares = self._along @ np.array((x, y))
        squares += self._squares
        nearest = squares[squares.argmin()] + x * x + y * y
        return bool(nearest * (1.0 - _TRUE_TO) ** 2 > (metres + self._slack_m) ** 2)


def distances_m(boundaries: Sequence[Boundary], number: Integers, lon: Floats, lat: Floats) -> Floats:
    """`Boundary.distance_m` of n pairs of a boundary, by number, and a point, degrees: the same, but for the last bits."""
    counts = np.array([len(one.edges[0]) for one in boundaries], dtype=np.int64)
    from_lon, from_lat, step_lon, step_lat = map(np.concatenate, zip(*(one.edges for one in boundaries), strict=True))
    edges = from_lon, from_lat, step_lon, step_lat
    # Unless a fence is wide all its edges are on the same side.
    is_wide = np.repeat([one.is_wide for one in boundaries], counts)
    middle = np.repeat([one.middle for one in boundaries], counts)
    middles = np.where(is_wide, _middles(edges), middle)
    firsts, counts = (np.cumsum(counts) - counts)[number], counts[number]
    found = np.empty(len(number))
    share = np.cumsum(counts) // _AT_ONCE
    for some in np.split(np.arange(len(number)), np.flatnonzero(np.diff(share)) + 1):
        found[some] = _some_distances_m(edges, middles, firsts[some], counts[some], lon[some], lat[some])
    return found


def _this_side(lon: Any, middle: Any) -> Any:
    """Longitudes turned round the globe to be within half a turn of the middle of a fence, or of an edge."""
    return lon - np.rint((lon - middle) / 360.0) * 360.0


def _middles(edges: Edges) -> Floats:
    return edges[0] + edges[2] / 2.0


def _some_distances_m(
    edges: Edges, middles: Floats, firsts: Integers, counts: Integers, lon: Floats, lat: Floats
) -> Floats:
    """Metres from each point to the nearest of `counts` edges from `firsts` on."""
    row, starts = np.repeat(np.arange(len(lon)), counts), np.cumsum(counts) - counts
    edge = np.arange(len(row)) + (firsts - starts)[row]
    lon_m, lat_m = np.array([metres_per_degree(at) for at in lat.tolist()]).T
    turned = _this_side(lon[row], middles[edge])
    along, squares = _in_plane(_some(edges, edge), turned, lat[row], lon_m[row], lat_m[row])
    nearest = np.minimum.reduceat(squares, starts)
    is_far = nearest > _NEAR_M * _NEAR_M
    close = np.flatnonzero(squares <= np.where(is_far, _no_nearer(lat, nearest), nearest)[row])
    row, edge, along = row[close], edge[close], along[close]
    first = np.searchsorted(row, np.arange(len(lon)))
    ends = (column[first].tolist() for column in (edge, along, lon[row], lat[row]))
    found = np.array([_metres(edges, *one) for one in zip(*ends, strict=True)])
    if is_far.any():
        far = is_far[row]
        row, edge, along = row[far], edge[far], along[far]
        metres = _on_globe(_some(edges, edge), along, lon[row], lat[row])
        found[is_far] = np.minimum.reduceat(metres, np.searchsorted(row, np.flatnonzero(is_far)))
    return found


def _some(edges: Edges, which: Integers) -> Edges:
    from_lon, from_lat, step_lon, step_lat = edges
    return from_lon[which], from_lat[which], step_lon[which], step_lat[which]


def _metres(edges: Edges, edge: int, along: float, lon: float, lat: float) -> float:
    """How far a point is from a point of an edge, which is given as a part of it."""
    from_lon, from_lat, step_lon, step_lat = (float(column[edge]) for column in edges)
    return distance_m(lon, lat, from_lon + along * step_lon, from_lat + along * step_lat)


def _in_plane(edges: Edges, lon: Any, lat: Any, lon_m: Any, lat_m: Any) -> tuple[Floats, Floats]:
    """The nearest point of each edge, as a part of the edge, and how far it is, metres squared, in a plane.

    Of one point, or of one for each edge; the plane has the scale of its latitude.
    """
    from_lon, from_lat, step_lon, step_lat = edges
    x, y = (from_lon - lon) * lon_m, (from_lat - lat) * lat_m
    dx, dy = step_lon * lon_m, step_lat * lat_m
    along = -(x * dx + y * dy) / (dx * dx + dy * dy)
    np.minimum(np.maximum(along, 0.0, out=along), 1.0, out=along)
    x += along * dx
    y += along * dy
    return along, x * x + y * y


def _no_nearer(lat: Any, nearest: Any) -> Any:
    """Metres squared in the plane of a point: of an edge beyond, the nearest in that plane is nearer on the globe, too."""
    # By this part a plane may be wrong so far from the point whose scale it has.
    wrong = np.sqrt(nearest) / EQUATOR_RADIUS_M
    wrong = 2.0 * wrong * (np.tan(np.radians(np.minimum(np.abs(lat), 89.0))) + wrong)
    worst = np.where(wrong < 1.0, (1.0 + wrong) / np.maximum(1.0 - wrong, _TINY), inf)
    return nearest * worst * worst


def _on_globe(edges: Edges, along: Floats, lon: Any, lat: Any) -> Floats:
    """Metres from a point, or one for each edge, to the nearest point of each edge. `along` is a guess where that is.

    The way from a point of an edge to the point asked about leaves in some direction; unless it leaves square to the
    edge, a nearer point of the edge lies that way.
    """
    from_lon, from_lat, step_lon, step_lat = edges
    to_lon, to_lat = np.radians(lon), np.radians(lat)
    for _ in range(_TIMES):
        at_lat, turn = np.radians(from_lat + along * step_lat), to_lon - np.radians(from_lon + along * step_lon)
        east = np.cos(to_lat) * np.sin(turn)
        north = np.cos(at_lat) * np.sin(to_lat) - np.sin(at_lat) * np.cos(to_lat) * np.cos(turn)
        cosine = np.sin(at_lat) * np.sin(to_lat) + np.cos(at_lat) * np.cos(to_lat) * np.cos(turn)
        sine = np.hypot(east, north)
        degrees = np.degrees(np.arctan2(sine, cosine)) / np.maximum(sine, _TINY)
        # The ellipsoid's degree of latitude is shorter than the sphere's by this.
        squash = (1.0 - ECCENTRICITY_2) / (1.0 - ECCENTRICITY_2 * np.sin(at_lat) ** 2)
        dx, dy = step_lon * np.cos(at_lat), step_lat * squash
        along = along + degrees * (east * dx + north * squash * dy) / (dx * dx + dy * dy)
        np.minimum(np.maximum(along, 0.0, out=along), 1.0, out=along)
    return geodesy.distances_m(lon, lat, from_lon + along * step_lon, from_lat + along * step_lat)


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
    """How wide a polygon is where it is narrowest: the least distance of two parallel lines with all of it between, metres.

    One of them then runs along an edge of the convex hull (Houle and Toussaint, Computing the width of a set, 1988).
    """
    scale = metres_per_degree((part.bounds[1] + part.bounds[3]) / 2.0)
    outline = shapely.multipoints(shapely.get_coordinates(part.exterior) * scale)
    hull = shapely.get_coordinates(shapely.convex_hull(outline))
    edges = np.diff(hull, axis=0)
    across = np.column_stack((-edges[:, 1], edges[:, 0])) / np.hypot(*edges.T)[:, None]
    some = max(1, _AT_ONCE // len(hull))
    widths = (np.ptp(across[i : i + some] @ hull.T, axis=1).min() for i in range(0, len(across), some))
    return float(min(widths))
