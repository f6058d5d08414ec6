"""Which fences is a point in: many points at once, against many fences.

A grid of boxes (`geofences.grid`) names the few fences a point may be in; each of them is then asked for certain,
with its own prepared polygon. So the cost of a point follows what it hits and not how many fences there are, and
the answer is the one a loop over all fences would give, to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from hashlib import sha256
from math import inf
from typing import TYPE_CHECKING

import numpy as np
import shapely

from geofences.boundary import Boundary, smallest_extent_m
from geofences.cover import boxes
from geofences.errors import FenceError, Problem
from geofences.grid import Grid
from geofences.shapes import geometry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    from geofences.model import Fence
    from geofences.shapes import Area


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
        hit = shapely.intersects_xy(self._reaches[fence], lon[point], lat[point])
        point, fence = point[hit], fence[hit]
        unsure = self._has_approach[fence]
        inside = ~unsure
        if unsure.any():
            at = point[unsure]
            inside[unsure] = shapely.intersects_xy(self._polygons[fence[unsure]], lon[at], lat[at])
        starts = np.zeros(len(lon) + 1, dtype=np.int64)
        np.cumsum(np.bincount(point, minlength=len(lon)), out=starts[1:])
        return Matches(starts, fence, inside)

    def outside_m(self, fence: int, lon: float, lat: float) -> float:
        """Metres from a point to a fence, by number; 0 for a point in it."""
        if shapely.intersects_xy(self._polygons[fence], lon, lat):
            return 0.0
        return self.boundary_m(fence, lon, lat)

    def boundary_m(self, fence: int, lon: float, lat: float, enough_m: float = inf) -> float:
        """Metres from a point to the boundary of a fence, by number: `outside_m` of a point known to be outside.

        One that is further than `enough_m` may be told as just that, which is sooner found.
        """
        boundary = self._boundaries.get(fence)
        if boundary is None:
            boundary = self._boundaries[fence] = Boundary(self._polygons[fence])
        return boundary.distance_m(lon, lat, enough_m)

    def bounds(self) -> NDArray[np.float64]:
        """Boxes around the fences, in their order: degrees, shape (n, 4), west, south, east, north."""
        return np.asarray(shapely.bounds(self._polygons), dtype=np.float64).reshape(-1, 4)

    def size_m(self, fence: int) -> float:
        """The smallest extent of a fence in metres: a fix less accurate than this cannot prove that one is inside."""
        return self._sizes_m[fence]


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
