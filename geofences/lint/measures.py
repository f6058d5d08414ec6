"""Shapes measured in metres, as far as lint needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import shapely
from shapely.geometry import Polygon

from geofences.geodesy import geodesic_m, metres_per_degree
from geofences.model import Circle, Corridor, Line, Polygonal, Position, Shape
from geofences.shapes import geometry

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from geofences.shapes import Area

    Floats = NDArray[np.float64]

# So finely a width is told; it is sought by halves.
_WIDTH_M = 0.05


def scale_of(area: BaseGeometry) -> Floats:
    """Metres a degree of longitude and of latitude, in the middle of it."""
    _, south, _, north = area.bounds
    return np.array(metres_per_degree((south + north) / 2.0))


def plane(area: Area) -> Area:
    """It in metres about its south-western corner."""
    scale, origin = scale_of(area), np.array(area.bounds[:2])
    flat: Area = shapely.transform(area, lambda at: (at - origin) * scale)
    return flat


def width_m(part: Polygon, enough_m: float) -> float:
    """How wide a polygon is where it is widest: across the largest circle in it, whatever its bends; or `enough_m`."""
    flat = plane(part)
    if not flat.buffer(-enough_m / 2.0).is_empty:
        return enough_m
    low, high = 0.0, enough_m
    while high - low > _WIDTH_M:
        middle = (low + high) / 2.0
        low, high = (low, middle) if flat.buffer(-middle / 2.0).is_empty else (middle, high)
    return (low + high) / 2.0


def changed(before: Shape, after: Shape) -> float:
    """The part of its area by which a polygonal shape changes: what goes and what comes."""
    drawn, left = geometry(before), geometry(after)
    return float(shapely.symmetric_difference(drawn, left).area / drawn.area)


def legs_m(shape: Shape) -> tuple[list[tuple[Position, Position]], Floats]:
    """The legs of a corridor, and how long each is."""
    lines = shape.lines if isinstance(shape, Corridor) else ()
    legs = [leg for line in lines for leg in pairwise(line)]
    return legs, geodesic_m(*np.array([start for start, _ in legs]).T, *np.array([end for _, end in legs]).T)


def positions(shape: Shape) -> Iterator[Position]:
    """Each position it was drawn with."""
    match shape:
        case Circle(lon, lat):
            yield lon, lat
        case _:
            for line in lines_of(shape):
                yield from line


def lines_of(shape: Shape) -> Iterator[Line]:
    """The lines of a corridor, or the rings of polygons."""
    match shape:
        case Corridor(lines):
            yield from lines
        case Polygonal(polygons):
            for rings in polygons:
                yield from rings


def moved(shape: Shape, move: Callable[[Position], Position]) -> Shape:
    """With each position moved."""
    match shape:
        case Circle(lon, lat, radius_m):
            return Circle(*move((lon, lat)), radius_m)
        case Corridor(lines, buffer_m):
            return Corridor(tuple(tuple(map(move, line)) for line in lines), buffer_m)
        case Polygonal(polygons):
            return Polygonal(tuple(tuple(tuple(map(move, ring)) for ring in rings) for rings in polygons))


def polygonal(area: BaseGeometry) -> Polygonal | None:
    """A shape of the polygons in it; None where there is none."""
    parts = [part for part in shapely.get_parts(area) if isinstance(part, Polygon) and not part.is_empty]
    rings = tuple((part.exterior, *part.interiors) for part in parts)
    return Polygonal(tuple(tuple(map(line_of, each)) for each in rings)) if parts else None


def line_of(drawn: BaseGeometry) -> Line:
    """Its positions."""
    return tuple((float(lon), float(lat)) for lon, lat in shapely.get_coordinates(drawn))


def inside(area: BaseGeometry) -> Position | None:
    """A point in it."""
    if area.is_empty:
        return None
    point = shapely.point_on_surface(area)
    return round(float(point.x), 6), round(float(point.y), 6)
