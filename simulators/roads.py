"""A line on the ground measured along itself: where is metre 12,345, and which metre is nearest to a point."""

from __future__ import annotations

from bisect import bisect_right
from math import atan2, cos, degrees, hypot, radians
from typing import TYPE_CHECKING

from geofences.geodesy import distance_m

if TYPE_CHECKING:
    from collections.abc import Iterable

Point = tuple[float, float]
"""[lon, lat] in degrees."""

METRES_PER_DEGREE = 111_195.0
"""Of latitude, on the mean sphere: good to 0.4 % anywhere, and used here for metres beside a line only."""


def offset(at: Point, bearing_deg: float, metres: float) -> Point:
    """Return the point `metres` from `at` towards `bearing_deg`, on a plane laid at `at`: for up to ~50 km."""
    north = metres * cos(radians(bearing_deg)) / METRES_PER_DEGREE
    east = metres * cos(radians(bearing_deg - 90)) / (METRES_PER_DEGREE * cos(radians(at[1])))
    return at[0] + east, at[1] + north


class Line:
    """A polyline of [lon, lat] points with its chainage in metres. Immutable; shared by all trucks on it."""

    __slots__ = ("chainage_m", "headings_deg", "length_m", "points")

    def __init__(self, points: Iterable[Point]) -> None:
        self.points: tuple[Point, ...] = tuple((lon, lat) for lon, lat in points)
        if len(self.points) < 2:
            raise ValueError("a line needs at least two points")
        self.chainage_m: list[float] = [0.0]
        self.headings_deg: list[float] = []
        for (lon0, lat0), (lon1, lat1) in zip(self.points, self.points[1:], strict=False):
            step_m = distance_m(lon0, lat0, lon1, lat1)
            if step_m <= 0:
                raise ValueError(f"two neighbouring points of a line are the same: {lon0}, {lat0}")
            self.chainage_m.append(self.chainage_m[-1] + step_m)
            east = (lon1 - lon0) * cos(radians((lat0 + lat1) / 2))
            self.headings_deg.append(degrees(atan2(east, lat1 - lat0)) % 360)
        self.length_m = self.chainage_m[-1]

    def at(self, s_m: float) -> tuple[float, float, float]:
        """Return longitude, latitude and heading in degrees at metre `s_m`; beyond an end, the end."""
        chainage = self.chainage_m
        leg = min(max(bisect_right(chainage, s_m) - 1, 0), len(self.headings_deg) - 1)
        share = (s_m - chainage[leg]) / (chainage[leg + 1] - chainage[leg])
        share = 0.0 if share < 0 else min(share, 1.0)
        lon0, lat0 = self.points[leg]
        lon1, lat1 = self.points[leg + 1]
        return lon0 + (lon1 - lon0) * share, lat0 + (lat1 - lat0) * share, self.headings_deg[leg]

    def nearest(self, point: Point) -> tuple[float, float]:
        """Return the metre along the line nearest to `point`, and how many metres beside the line it lies."""
        lon, lat = point
        scale = cos(radians(lat)) * METRES_PER_DEGREE
        best = (0.0, float("inf"))
        for leg, ((lon0, lat0), (lon1, lat1)) in enumerate(zip(self.points, self.points[1:], strict=False)):
            x0, y0 = (lon0 - lon) * scale, (lat0 - lat) * METRES_PER_DEGREE
            x1, y1 = (lon1 - lon) * scale, (lat1 - lat) * METRES_PER_DEGREE
            dx, dy = x1 - x0, y1 - y0
            share = min(max(-(x0 * dx + y0 * dy) / (dx * dx + dy * dy), 0.0), 1.0)
            beside_m = hypot(x0 + dx * share, y0 + dy * share)
            if beside_m < best[1]:
                start_m, end_m = self.chainage_m[leg], self.chainage_m[leg + 1]
                best = (start_m + (end_m - start_m) * share, beside_m)
        return best

    def reverse(self) -> Line:
        """Return the same line driven the other way."""
        return Line(reversed(self.points))


def join(lines: Iterable[Line]) -> Line:
    """Return one line from lines that each begin where the one before ends."""
    points: list[Point] = []
    for line in lines:
        if points and points[-1] != line.points[0]:
            raise ValueError(f"a line begins at {line.points[0]}, but the one before it ends at {points[-1]}")
        points.extend(line.points[1:] if points else line.points)
    return Line(points)
