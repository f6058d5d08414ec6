"""The laws of the index: it says what a loop over all fences would say, however it is asked."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, Polygon

from geofences.cover import boxes
from geofences.index import FenceIndex, Matches
from geofences.model import Fence, Polygonal, Position
from geofences.shapes import geometry
from tests.property.geofences.strategies import fence_sets, positions


def corners(fences: list[Fence]) -> list[Position]:
    """A few vertices and middles of edges, in doubles, of each fence: where an index goes wrong first."""
    found = []
    for fence in fences:
        outline = shapely.get_coordinates(geometry(fence.shape))
        outline = outline[:: max(1, len(outline) // 8)]
        found += [*outline, *((outline[:-1] + outline[1:]) / 2)]
    return [(float(lon), float(lat)) for lon, lat in found]


def by_brute_force(fences: list[Fence], points: list[Position]) -> list[list[tuple[int, bool]]]:
    """The hits of each point, by asking every fence."""
    shapes = [(geometry(fence.shape), geometry(fence.shape, fence.approach_m)) for fence in fences]
    return [
        [
            (number, bool(shapely.covers(inner, Point(point))))
            for number, (inner, outer) in enumerate(shapes)
            if shapely.covers(outer, Point(point))
        ]
        for point in points
    ]


def listed(matches: Matches) -> list[list[tuple[int, bool]]]:
    """The hits of each point."""
    pairs = list(zip(matches.fences, matches.inside, strict=True))
    return [pairs[start:end] for start, end in zip(matches.starts, matches.starts[1:], strict=False)]


def ask(index: FenceIndex, points: list[Position]) -> Matches:
    """The index's answer for points in a list."""
    columns = np.array(points, dtype=np.float64).reshape(-1, 2)
    return index.match(columns[:, 0], columns[:, 1])


@settings(deadline=None, max_examples=30)
@given(fences=fence_sets(), points=st.lists(positions, max_size=30))
def test_the_index_equals_brute_force(fences: list[Fence], points: list[Position]) -> None:
    """Fences with holes, points on edges and vertices, no fence at all: the hits are those of a loop over all."""
    points = points + corners(fences)
    assert listed(ask(FenceIndex(fences), points)) == by_brute_force(fences, points)


@settings(deadline=None, max_examples=20)
@given(fences=fence_sets(), points=st.lists(positions, min_size=1, max_size=20), data=st.data())
def test_any_batching_gives_the_same_answer(fences: list[Fence], points: list[Position], data: st.DataObject) -> None:
    """Whole, one by one, or split anywhere: a point's hits never depend on its neighbours in the batch."""
    index = FenceIndex(fences)
    points = points + corners(fences)[:20]
    cut = data.draw(st.integers(0, len(points)))
    whole = listed(ask(index, points))
    assert listed(ask(index, points[:cut])) + listed(ask(index, points[cut:])) == whole
    assert [hits for point in points for hits in listed(ask(index, [point]))] == whole


@settings(deadline=None, max_examples=20)
@given(fences=fence_sets(), points=st.lists(positions, min_size=1, max_size=10))
def test_the_distance_is_zero_exactly_inside(fences: list[Fence], points: list[Position]) -> None:
    """A point has no distance to a fence it is in, and one above zero to any other."""
    index = FenceIndex(fences)
    for point, hits in zip(points, listed(ask(index, points)), strict=True):
        inside = {number for number, is_inside in hits if is_inside}
        assert {number for number in range(len(fences)) if index.outside_m(number, *point) == 0.0} == inside


@settings(deadline=None, max_examples=60)
@given(fences=fence_sets(), points=st.lists(positions, min_size=1, max_size=20), share=st.floats(0.0, 2.0))
def test_a_distance_is_exact_until_it_is_enough(fences: list[Fence], points: list[Position], share: float) -> None:
    """Asked whether a fence is further than some distance, the shortcut says so only where it is."""
    index = FenceIndex(fences)
    for lon, lat in points:
        for number in range(len(fences)):
            exact_m = index.boundary_m(number, lon, lat)
            for enough_m in (exact_m * share, exact_m * 0.999, exact_m * 1.001, 60.0, 400.0):
                told_m = index.boundary_m(number, lon, lat, enough_m)
                assert told_m == exact_m or (told_m == enough_m < exact_m), (number, lon, lat, enough_m)


@settings(deadline=None, max_examples=20)
@given(fences=fence_sets(), points=st.lists(positions, min_size=1, max_size=10))
def test_an_approach_is_as_wide_as_the_distance_says(fences: list[Fence], points: list[Position]) -> None:
    """Within the approach is within `approach_m` of the fence, but for the chords' 0.1 %."""
    index = FenceIndex(fences)
    for point, hits in zip(points, listed(ask(index, points)), strict=True):
        near = {number for number, _ in hits}
        for number, fence in enumerate(fences):
            outside_m = index.outside_m(number, *point)
            # A circle's or a corridor's own chords count as well: they are cut for the whole radius.
            slack = 0.001 * (fence.approach_m + index.size_m(number))
            if fence.approach_m and abs(outside_m - fence.approach_m) > slack:
                assert (number in near) == (outside_m <= fence.approach_m)


@settings(deadline=None, max_examples=40)
@given(cells=st.frozensets(st.tuples(st.integers(0, 15), st.integers(0, 15)), min_size=1, max_size=60))
def test_the_boxes_leave_nothing_of_a_fence_out(cells: frozenset[tuple[int, int]]) -> None:
    """Scattered and hollow shapes whose edges lie where the boxes are halved are covered whole."""
    fence = shapely.union_all([shapely.box(x, y, x + 1, y + 1) for x, y in cells])
    bounds, owners = boxes(np.array([fence], dtype=object))
    assert shapely.covers(shapely.union_all(shapely.box(*bounds.T)), fence)
    assert set(owners.tolist()) == {0}


@settings(deadline=None, max_examples=40)
@given(cells=st.frozensets(st.tuples(st.integers(0, 15), st.integers(0, 15)), min_size=1, max_size=60))
def test_where_boxes_meet_a_fence_is_hit_once(cells: frozenset[tuple[int, int]]) -> None:
    """A point on the seams of a fence's many boxes, where several of them name it, has that fence once."""
    drawn = shapely.get_parts(shapely.union_all([shapely.box(x, y, x + 1, y + 1) for x, y in cells]))
    rings = tuple(tuple(tuple(map(tuple, r.coords)) for r in (part.exterior, *part.interiors)) for part in drawn)
    fences = [Fence(id=name, shape=Polygonal(rings)) for name in ("f", "g")]
    lon, lat = (axis.ravel() / 2.0 for axis in np.mgrid[0:33, 0:33])
    inside = shapely.intersects_xy(geometry(fences[0].shape), lon, lat).tolist()
    assert listed(FenceIndex(fences).match(lon, lat)) == [[(0, True), (1, True)] if hit else [] for hit in inside]


def test_ten_thousand_fences_equal_brute_force() -> None:
    """A set as large as the largest fleets' hits what a loop hits."""
    rng = np.random.default_rng(5)
    lons, lats = rng.uniform(-100, -98, 10_000), rng.uniform(18, 20, 10_000)
    rings = [
        tuple((lon + dx, lat + dy) for dx, dy in ((0.0, 0.0), (0.04, 0.01), (0.02, 0.04), (0.0, 0.0)))
        for lon, lat in zip(lons.tolist(), lats.tolist(), strict=True)
    ]
    index = FenceIndex(Fence(id=f"f{k}", shape=Polygonal(((ring,),))) for k, ring in enumerate(rings))
    points = np.column_stack([rng.uniform(-100, -98, 200), rng.uniform(18, 20, 200)])
    polygons = np.array([Polygon(ring) for ring in rings])
    expected = [np.flatnonzero(shapely.intersects_xy(polygons, *point)).tolist() for point in points]
    matches = index.match(*points.T)
    assert [[number for number, _ in hits] for hits in listed(matches)] == expected
    assert sum(map(len, expected)) > 100
