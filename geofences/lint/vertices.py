"""Shapes with more corners than they need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
import shapely
from shapely.geometry import LineString

from geofences.faults import fault
from geofences.geodesy import distances_m, geodesic_m
from geofences.lint.codes import LEG_ERROR, LITTLE_M, MOST_VERTICES, Code
from geofences.lint.finding import Finding
from geofences.lint.measures import legs_m, line_of, lines_of, polygonal, positions, scale_of
from geofences.model import Corridor, Fence, Line, Polygonal, Shape
from geofences.shapes import geometry

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_ENOUGH = 500
_TOLERANCES_M = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)


def vertices(number: int, fence: Fence) -> Iterator[Finding]:
    """Too many, and how many would do."""
    count = sum(1 for _ in positions(fence.shape))
    if count <= MOST_VERTICES:
        return
    text = f"has {count:,} corners, more than {MOST_VERTICES:,}: it takes longer to look at, and to look up"
    for tolerance_m in _TOLERANCES_M:
        simple = _simplified(fence.shape, tolerance_m)
        left = sum(1 for _ in positions(simple))
        if left <= _ENOUGH and not fault(simple, fence.approach_m):
            off_m = _deviation_m(fence.shape, simple)
            remedy = f"{left:,} corners would do; no edge would move by more than {off_m:.1f} m"
            fix = replace(fence, shape=simple)
            yield Finding(Code.TOO_MANY_VERTICES, number, fence.id, text, remedy, None, fix, is_safe=off_m <= LITTLE_M)
            return
    yield Finding(Code.TOO_MANY_VERTICES, number, fence.id, text, "draw it with fewer, or split it")


def _simplified(shape: Shape, tolerance_m: float) -> Shape:
    match shape:
        case Corridor(lines, buffer_m):
            # A leg that was drawn is as straight as it was drawn; a new one stands for a road that is known to be straight,
            # and shows it by positions along it: so narrow-corridor goes on telling the one and does not tell the other.
            most_m = max(float(legs_m(shape)[1].max()), buffer_m / LEG_ERROR)
            simple = (line_of(_fewer(LineString(line), tolerance_m)) for line in lines)
            return Corridor(tuple(_with_legs(line, most_m) for line in simple), buffer_m)
        case Polygonal():
            return polygonal(_fewer(geometry(shape), tolerance_m)) or shape
    return shape


def _fewer(drawn: BaseGeometry, tolerance_m: float) -> BaseGeometry:
    scale = scale_of(drawn)
    metres = shapely.transform(drawn, lambda at: at * scale)
    left: BaseGeometry = shapely.transform(shapely.simplify(metres, tolerance_m), lambda at: at / scale)
    return left


def _with_legs(line: Line, most_m: float) -> Line:
    """A line with positions between those of a leg that is longer."""
    starts, ends = np.array(line[:-1]), np.array(line[1:])
    cuts = [max(1, ceil(length / most_m)) for length in geodesic_m(*starts.T, *ends.T)]
    return (
        line[0],
        *(
            (start[0] + (end[0] - start[0]) * cut / count, start[1] + (end[1] - start[1]) * cut / count)
            for (start, end), count in zip(pairwise(line), cuts, strict=True)
            for cut in range(1, count + 1)
        ),
    )


def _deviation_m(drawn: Shape, simple: Shape) -> float:
    """How far the farthest position as drawn lies from the edges that are left, metres.

    The nearest point of them is sought by one scale, and its distance taken by that of the position's own latitude: of a
    long road they are not the same.
    """
    at = np.array(list(positions(drawn)))
    points = shapely.points(at)
    scale = scale_of(shapely.multipoints(points))
    left = shapely.multilinestrings([np.array(line) * scale for line in lines_of(simple)])
    ways = shapely.shortest_line(shapely.points(at * scale), left)
    nearest = shapely.get_coordinates(ways)[1::2] / scale
    return float(distances_m(*at.T, *nearest.T).max())
