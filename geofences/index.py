"""Which fences is a point in: many points at once, against many fences.

A grid of boxes (`geofences.grid`) names the few fences a point may be in; each of them is then asked for certain,
with its own prepared polygon. So the cost of a point follows what it hits and not how many fences there are, and
the answer is the one a loop over all fences would give, to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from hashlib import sha256
from math import inf
from typing import TYPE_CHECKING

import numpy as np
import shapely

from geofences.boundary import Boundary, distances_m, smallest_extent_m
from geofences.cover import boxes, rims
from geofences.errors import FenceError, Problem
from geofences.grid import Grid
from geofences.shapes import geometry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    from geofences.model import Fence
    from geofences.shapes import Area

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

MAX_ACCURACY_M = 50_000.0
"""A point less accurate than this says nothing of any fence; the largest cells of a mobile network reach 35 km."""
# No degree on the ellipsoid has fewer metres than this times the cosine of its latitude.
_DEGREE_M = 110_574.0
# Rounding and the error of distances, of which none must hide a fence: of a distance, and in degrees.
_SLACK, _SLACK_DEG = 1.001, 1e-9
_POLE_DEG = 89.9  # from here on all longitudes are near


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """The hits of n points: those of point `i` are `fences[starts[i]:starts[i + 1]]`, ascending.

    `inside[k]` is False where the point is not in the fence but within its `approach_m`.
    """

    starts: NDArray[np.int64]
    fences: NDArray[np.int64]
    inside: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.starts) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Judgements:
    """The fences that the discs of n points touch: those of point `i` are rows `starts[i]` to `starts[i + 1]`, ascending.

    A disc is all that lies within the accuracy of its point. `inside[k]`: the point itself is in the fence;
    `certain[k]`: the whole disc is. What is not certain is ambiguous. `signed_m[k]`: metres from the point to the
    fence's boundary, negative inside; empty where they were not asked for.
    """

    starts: NDArray[np.int64]
    fences: NDArray[np.int64]
    inside: NDArray[np.bool_]
    certain: NDArray[np.bool_]
    signed_m: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.starts) - 1


class FenceIndex:
    """An immutable snapshot of a set of fences. A fence's number is its position in `fences`."""

    def __init__(self, fences: Iterable[Fence]) -> None:
        """Lay out every shape and build the grid. Raises FenceError for a shape with a fault or an id given twice."""
        self.fences: tuple[Fence, ...] = tuple(fences)
        _refuse_duplicates(self.fences)
        self.version = _version(self.fences)
        """Twelve hex digits: the same for the same fences in any order."""
        self._polygons, self._reaches = (_column(polygons) for polygons in _laid_out(self.fences))
        # With an approach the reach is what is looked up, and the fence itself is asked in a second step.
        self._has_approach = np.array([fence.approach_m > 0.0 for fence in self.fences], dtype=bool)
        shapely.prepare(self._polygons)
        shapely.prepare(self._reaches)
        self._grid = Grid(*boxes(self._reaches))
        self._around = np.ascontiguousarray(_bounds(self._reaches).T)
        self._sizes_m = [
            smallest_extent_m(fence.shape, polygon) for fence, polygon in zip(self.fences, self._polygons, strict=True)
        ]
        self._boundaries: dict[int, Boundary] = {}

    def match(self, lon: ArrayLike, lat: ArrayLike) -> Matches:
        """The fences that n points are in or approach; degrees, arrays of shape (n,). A boundary belongs to its fence.

        A point that is not finite is in no fence.
        """
        lon, lat = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
        point, fence = self._grid.near(lon, lat)
        west, south, east, north = self._around[:, fence]
        x, y = lon[point], lat[point]
        hit = np.flatnonzero((west <= x) & (x <= east) & (south <= y) & (y <= north))
        # Those of one fence after each other, so that its polygon, once fetched from memory, is still at hand.
        hit = hit[np.argsort(fence[hit], kind="stable")]
        hit = np.sort(hit[shapely.intersects_xy(self._reaches[fence[hit]], x[hit], y[hit])])
        point, fence = point[hit], fence[hit]
        unsure = self._has_approach[fence]
        inside = ~unsure
        if unsure.any():
            at = point[unsure]
            inside[unsure] = shapely.intersects_xy(self._polygons[fence[unsure]], lon[at], lat[at])
        return Matches(_starts(point, len(lon)), fence, inside)

    def judge(self, lon: ArrayLike, lat: ArrayLike, accuracy_m: ArrayLike, *, distances: bool = False) -> Judgements:
        """The fences that n points may be in, each point known to `accuracy_m`, and which of them it is in for certain.

        Degrees and metres, arrays of shape (n,), or one accuracy for all. A row is there where `signed_m` is at most the
        accuracy, or the point is inside, and is certain where the point is inside and at least as far from the boundary.
        `approach_m` counts for nothing. With `distances` each row has its own, which takes longer.

        A point that is not finite, or off the map, may be in no fence. Raises ValueError for an accuracy that is not a
        number from 0 to `MAX_ACCURACY_M`.
        """
        lon, lat = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
        accuracy = _accuracies(accuracy_m, lon.shape)
        matches = self.match(lon, lat)
        count = max(1, len(self.fences))
        points = np.repeat(np.arange(len(lon)), np.diff(matches.starts))
        within = (points * count + matches.fences)[matches.inside]
        near = self._near_boundary(lon, lat, accuracy)
        pairs, row = np.unique(np.concatenate([within, near]), return_inverse=True)
        point, fence = np.divmod(pairs, count)
        inside, unsure = np.zeros((2, len(pairs)), dtype=bool)
        inside[row[: len(within)]] = unsure[row[len(within) :]] = True
        signed_m = np.full(len(pairs), -inf)
        asked = np.ones_like(unsure) if distances else unsure
        metres = self._boundaries_m(fence[asked], lon[point[asked]], lat[point[asked]])
        signed_m[asked] = np.where(inside[asked], 0.0 - metres, metres)
        radius = accuracy[point]
        rows = inside | (signed_m <= radius)
        certain = inside & (signed_m <= -radius)
        starts = _starts(point[rows], len(lon))
        told_m = signed_m[rows] if distances else np.empty(0)
        return Judgements(starts, fence[rows], inside[rows], certain[rows], told_m)

    def outside_m(self, fence: int, lon: float, lat: float) -> float:
        """Metres from a point to a fence, by number; 0 for a point in it. Raises ValueError for one that is off the map."""
        _require_on_map(lon, lat)
        if shapely.intersects_xy(self._polygons[fence], lon, lat):
            return 0.0
        return self.boundary_m(fence, lon, lat)

    def signed_m(self, fence: int, lon: float, lat: float) -> float:
        """Metres from a point to the boundary of a fence, by number: negative inside, 0 on it. Holes are outside.

        Raises ValueError for a point that is off the map.
        """
        _require_on_map(lon, lat)
        metres = self.boundary_m(fence, lon, lat)
        return 0.0 - metres if shapely.intersects_xy(self._polygons[fence], lon, lat) else metres

    def boundary_m(self, fence: int, lon: float, lat: float, enough_m: float = inf) -> float:
        """Metres from a point to the boundary of a fence, by number: `outside_m` of a point known to be outside.

        One that is further than `enough_m` may be told as just that, which is sooner found.
        """
        return self._boundary(fence).distance_m(lon, lat, enough_m)

    def bounds(self) -> NDArray[np.float64]:
        """Boxes around the fences, in their order: degrees, shape (n, 4), west, south, east, north."""
        return _bounds(self._polygons)

    def size_m(self, fence: int) -> float:
        """The smallest extent of a fence in metres: a fix less accurate than this cannot prove that one is inside."""
        return self._sizes_m[fence]

    def _boundary(self, fence: int) -> Boundary:
        boundary = self._boundaries.get(fence)
        if boundary is None:
            boundary = self._boundaries[fence] = Boundary(self._polygons[fence])
        return boundary

    def _boundaries_m(self, fence: Integers, lon: Floats, lat: Floats) -> Floats:
        """Metres to the boundary for pairs of a fence, by number, and a point."""
        if not len(fence):
            return np.empty(0)
        numbers, which = np.unique(fence, return_inverse=True)
        return distances_m([self._boundary(number) for number in numbers.tolist()], which, lon, lat)

    @cached_property
    def _rims(self) -> tuple[shapely.STRtree, Integers]:
        """The boundaries in pieces of a few edges each, and the number of the fence that each piece is of."""
        pieces, owners = rims(self._polygons)
        return shapely.STRtree(pieces), owners

    def _near_boundary(self, lon: Floats, lat: Floats, accuracy: Floats) -> Integers:
        """Pairs, as point times fences plus fence, among them all whose boundary is within the point's accuracy."""
        tree, owners = self._rims
        # Whatever is so near is within so many degrees, on a way that leads no nearer to a pole.
        farthest = np.abs(lat) + 2.0 * accuracy / _DEGREE_M
        least_m = _DEGREE_M * np.cos(np.radians(np.minimum(farthest, _POLE_DEG)))
        reach = np.where(farthest < _POLE_DEG, accuracy * _SLACK / least_m + _SLACK_DEG, 360.0)
        is_on_map = (np.abs(lon) <= 180.0) & (np.abs(lat) <= 90.0)
        # What a disc reaches over the antimeridian has longitudes of the other side.
        sides = (
            (0.0, is_on_map),
            (-360.0, is_on_map & (lon + reach > 180.0)),
            (360.0, is_on_map & (lon - reach < -180.0)),
        )
        at = np.concatenate([np.flatnonzero(side) for _, side in sides])
        turned = np.concatenate([lon[side] + turn for turn, side in sides])
        disc, piece = tree.query(shapely.points(turned, lat[at]), predicate="dwithin", distance=reach[at])
        return np.unique(at[disc] * max(1, len(self.fences)) + owners[piece])


def _starts(point: Integers, count: int) -> Integers:
    """Where the rows of each of `count` points begin, and the last end; `point` ascends."""
    starts = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(point, minlength=count), out=starts[1:])
    return starts


def _require_on_map(lon: float, lat: float) -> None:
    if not (abs(lon) <= 180.0 and abs(lat) <= 90.0):
        text = f"{lon:g}, {lat:g} is off the map: longitude is -180 to 180, latitude -90 to 90"
        raise ValueError(text)


def _accuracies(accuracy_m: ArrayLike, shape: tuple[int, ...]) -> Floats:
    accuracy = np.broadcast_to(np.asarray(accuracy_m, dtype=np.float64), shape)
    wrong = np.flatnonzero(~((accuracy >= 0.0) & (accuracy <= MAX_ACCURACY_M)))
    if len(wrong):
        text = f"accuracy {accuracy[wrong[0]]:g} m of point {wrong[0]}: give 0 to {MAX_ACCURACY_M:,.0f} m"
        raise ValueError(text)
    return accuracy


def _laid_out(fences: tuple[Fence, ...]) -> tuple[list[Area], list[Area]]:
    """The polygon of each fence, and of each with its approach."""
    polygons: list[Area] = []
    reaches: list[Area] = []
    for fence in fences:
        try:
            polygons.append(geometry(fence.shape))
            reaches.append(geometry(fence.shape, fence.approach_m) if fence.approach_m > 0.0 else polygons[-1])
        except FenceError as error:
            raise FenceError(Problem(str(error), fence_id=fence.id)) from error
    return polygons, reaches


def _bounds(polygons: NDArray[np.object_]) -> Floats:
    return np.asarray(shapely.bounds(polygons), dtype=np.float64).reshape(-1, 4)


def _column(polygons: list[Area]) -> NDArray[np.object_]:
    column = np.empty(len(polygons), dtype=object)
    column[:] = polygons
    return column


def _refuse_duplicates(fences: tuple[Fence, ...]) -> None:
    seen: set[str] = set()
    for fence in fences:
        if fence.id in seen:
            text = f"fence {fence.id!r} is there twice; every fence needs an id of its own"
            raise FenceError(text)
        seen.add(fence.id)


def _version(fences: tuple[Fence, ...]) -> str:
    digest = sha256()
    for fence in sorted(fences, key=lambda fence: fence.id):
        values = (getattr(fence, field.name) for field in fields(fence))
        # A frozenset has no order of its own from one process to the next.
        digest.update(repr([sorted(value) if isinstance(value, frozenset) else value for value in values]).encode())
    return digest.hexdigest()[:12]
