"""The laws of the grid: it leaves no candidate out, and the index built on it says what a loop would say."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point

from geofences.grid import Grid
from geofences.index import FenceIndex
from geofences.model import Fence, Polygonal, Position, Ring
from geofences.shapes import geometry

# Borders of cells (1/64 degree), the doubles on both sides of one, and places a whole turn of the grid (8 degrees) apart.
_on_borders = st.builds(lambda turns, cells: 8.0 * turns + cells / 64.0, st.integers(-4, 4), st.integers(-3, 3))
_near_borders = st.builds(np.nextafter, _on_borders, st.sampled_from([-np.inf, np.inf])).map(float)
_degrees = st.one_of(_on_borders, _near_borders, st.floats(-40.0, 40.0))
_extents = st.one_of(st.sampled_from([1 / 64, 2 / 64, 0.5, 9.0, 30.0]), st.floats(1e-6, 20.0))
_points = st.lists(st.tuples(_degrees, _degrees), max_size=30)


@st.composite
def _rectangles(draw: st.DrawFn) -> tuple[float, float, float, float]:
    west, south = draw(_degrees), draw(_degrees)
    return west, south, west + draw(_extents), south + draw(_extents)


def _corners(rectangles: list[tuple[float, float, float, float]]) -> list[Position]:
    return [(x, y) for west, south, east, north in rectangles for x in (west, east) for y in (south, north)]


@settings(deadline=None, max_examples=60)
@given(boxes=st.lists(_rectangles(), max_size=8), points=_points, data=st.data())
def test_no_box_that_holds_a_point_is_left_out(
    boxes: list[tuple[float, float, float, float]], points: list[Position], data: st.DataObject
) -> None:
    """Each pair of a point and the owner of a box it is in is named, and every pair once, by point and then owner."""
    owners = data.draw(st.lists(st.integers(0, 3), min_size=len(boxes), max_size=len(boxes)))
    points = points + _corners(boxes)
    lon, lat = np.array(points, dtype=np.float64).reshape(-1, 2).T
    grid = Grid(np.array(boxes, dtype=np.float64).reshape(-1, 4), np.array(owners, dtype=np.int64))
    named = list(zip(*(column.tolist() for column in grid.near(lon, lat)), strict=True))
    assert named == sorted(set(named))
    assert set(named) >= {
        (i, owner)
        for i, (x, y) in enumerate(points)
        for (west, south, east, north), owner in zip(boxes, owners, strict=True)
        if west <= x <= east and south <= y <= north
    }


def _ring(rectangle: tuple[float, float, float, float]) -> Ring:
    west, south, east, north = rectangle
    return ((west, south), (east, south), (east, north), (west, north), (west, south))


@settings(deadline=None, max_examples=40)
@given(
    rectangles=st.lists(_rectangles(), max_size=5), holes=st.integers(0, 1), approach_m=st.sampled_from([0.0, 2_000.0])
)
def test_the_index_equals_a_loop_on_the_borders_of_cells(
    rectangles: list[tuple[float, float, float, float]], holes: int, approach_m: float
) -> None:
    """Fences that end on a cell's border or share cells with others far away are hit as a loop over all hits them."""
    fences, points = [], _corners(rectangles)
    for number, (west, south, east, north) in enumerate(rectangles):
        wide, high = (east - west) / 4.0, (north - south) / 4.0
        hole = (west + wide, south + high, east - wide, north - high)
        rings = (_ring((west, south, east, north)), _ring(hole))[: 1 + holes]
        fences.append(Fence(id=f"f{number}", shape=Polygonal((rings,)), approach_m=approach_m))
        points += [*_corners([hole]), ((west + east) / 2.0, (south + north) / 2.0), (west + wide, south)]
    points += [(lon + turn, lat) for lon, lat in points for turn in (-8.0, 8.0)]
    matches = FenceIndex(fences).match(*np.array(points, dtype=np.float64).reshape(-1, 2).T)
    pairs = list(zip(matches.fences.tolist(), matches.inside.tolist(), strict=True))
    starts = matches.starts.tolist()
    shapes = [(geometry(fence.shape), geometry(fence.shape, fence.approach_m)) for fence in fences]
    assert [pairs[start:end] for start, end in pairwise(starts)] == [
        [
            (number, bool(shapely.covers(inner, Point(point))))
            for number, (inner, outer) in enumerate(shapes)
            if shapely.covers(outer, Point(point))
        ]
        for point in points
    ]


def test_many_boxes_as_large_as_continents_fit() -> None:
    """Cells grow until the entries fit, so that no set of fences takes more than some megabytes; none is left out."""
    west = np.linspace(-170.0, 100.0, 300)
    bounds = np.column_stack([west, np.full(300, -60.0), west + 70.0, np.full(300, 60.0)])
    grid = Grid(bounds, np.arange(300))
    assert len(grid.near(np.zeros(1), np.zeros(1))[0]) >= ((bounds[:, 0] <= 0) & (bounds[:, 2] >= 0)).sum()
    assert grid.entries <= 512 * 512
