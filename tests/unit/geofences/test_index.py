"""The index, by cases; its laws are in tests/property/geofences."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from pyproj import Geod

from geofences.cover import boxes
from geofences.errors import FenceError
from geofences.index import FenceIndex
from geofences.model import Circle, Corridor, Fence, FenceKind, Polygonal, Position, Shape
from geofences.schedule import Schedule, Window
from geofences.shapes import geometry

GEOD = Geod(ellps="WGS84")
SQUARE = ((-99.0, 19.0), (-98.9, 19.0), (-98.9, 19.1), (-99.0, 19.1), (-99.0, 19.0))
HOLE = ((-98.97, 19.03), (-98.97, 19.07), (-98.93, 19.07), (-98.93, 19.03), (-98.97, 19.03))
YARD = Fence(id="yard", shape=Polygonal(((SQUARE, HOLE),)), kind=FenceKind.DEPOT)
TOLL = Fence(id="toll", shape=Circle(-99.0, 19.05, 300.0), approach_m=1_000.0, kind=FenceKind.TOLL)


def hits(index: FenceIndex, *points: Position) -> list[list[tuple[str, bool]]]:
    """The (id, inside) of each point."""
    matches = index.match(np.array([lon for lon, _ in points]), np.array([lat for _, lat in points]))
    spans = zip(matches.starts, matches.starts[1:], strict=False)
    return [
        [(index.fences[matches.fences[k]].id, matches.inside[k]) for k in range(start, end)] for start, end in spans
    ]


def test_hits_come_by_point_and_ascending_by_fence() -> None:
    """A point's hits are a slice of the columns, in the order of the fences."""
    index = FenceIndex([YARD, TOLL])
    on_the_edge, clear, in_hole, approach = (-98.999, 19.05), (-98.0, 18.0), (-98.95, 19.05), (-99.008, 19.05)
    assert hits(index, on_the_edge, clear, in_hole, approach) == [
        [("yard", True), ("toll", True)],
        [],
        [],
        [("toll", False)],
    ]


@pytest.mark.parametrize("at", [SQUARE[0], (-98.95, 19.0), HOLE[0], (-98.93, 19.05)])
def test_a_boundary_belongs_to_its_fence(at: Position) -> None:
    """Corners and edges, those of holes too, are inside."""
    assert hits(FenceIndex([YARD]), at) == [[("yard", True)]]


def test_without_fences_nothing_is_hit() -> None:
    """An empty set answers every point with nothing."""
    index = FenceIndex([])
    assert hits(index, (-99.0, 19.0), (0.0, 0.0)) == [[], []]
    assert index.fences == ()


def test_no_points_have_no_hits() -> None:
    """An empty batch is a batch."""
    matches = FenceIndex([YARD]).match(np.array([]), np.array([]))
    columns = (matches.starts, matches.fences, matches.inside)
    assert (len(matches), *(column.tolist() for column in columns)) == (0, [0], [], [])


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_point_that_is_not_finite_is_in_no_fence(bad: float) -> None:
    """Bad coordinates neither raise nor hit, and spoil no other point of the batch."""
    assert hits(FenceIndex([YARD]), (bad, 19.0), (-98.99, bad), (-98.99, 19.01)) == [[], [], [("yard", True)]]


def test_an_id_given_twice_is_refused() -> None:
    """Alerts and visits are told apart by the id of the fence."""
    with pytest.raises(FenceError, match="'yard' is there twice"):
        FenceIndex([YARD, TOLL, YARD])


def test_a_faulty_shape_is_refused_by_name() -> None:
    """A fence built in code is checked as one from a file is."""
    with pytest.raises(FenceError, match=r"fence 'bad': .*longitude first"):
        FenceIndex([YARD, Fence(id="bad", shape=Circle(19.0, -99.0, 10.0))])


@pytest.mark.parametrize(("metres", "bearing"), [(1.0, 30.0), (50.0, 200.0), (5_000.0, 90.0), (300_000.0, 320.0)])
def test_outside_is_the_distance_to_the_nearest_point(metres: float, bearing: float) -> None:
    """The distance to a circle is that to its centre less the radius, near and far."""
    index = FenceIndex([TOLL])
    lon, lat, _ = GEOD.fwd(-99.0, 19.05, bearing, 300.0 + metres)
    # The boundary may lie 0.05 % of 300 m inside the true circle; over 300 km the formula's own 0.004 % shows.
    assert index.outside_m(0, lon, lat) == pytest.approx(metres, rel=4e-5, abs=0.15)


def test_outside_is_zero_inside_and_counts_from_the_hole() -> None:
    """In the fence the distance is 0; in a hole it is that to the hole's edge."""
    index = FenceIndex([YARD])
    assert index.outside_m(0, -98.99, 19.05) == 0.0
    assert index.outside_m(0, -98.94, 19.05) == pytest.approx(GEOD.inv(-98.94, 19.05, -98.93, 19.05)[2], rel=1e-6)


def test_the_distance_knows_each_ring_for_itself() -> None:
    """No edge leads from one part to the next, and a vertex drawn twice is no edge."""
    doubled = (SQUARE[0], *SQUARE)
    index = FenceIndex([Fence(id="f", shape=Polygonal(((doubled,), (FAR_SQUARE,))))])
    assert index.outside_m(0, -98.45, 19.05) == pytest.approx(GEOD.inv(-98.45, 19.05, -98.9, 19.05)[2], rel=1e-4)
    assert index.outside_m(0, -99.01, 19.0) == pytest.approx(GEOD.inv(-99.01, 19.0, -99.0, 19.0)[2], rel=1e-4)


@pytest.mark.parametrize("at", [(-111.0, 33.0), (-95.0, 15.0), (-102.0, 27.0)])
def test_the_distance_holds_across_a_country(at: Position) -> None:
    """A thousand kilometres from a fence the distance is that to its nearest point, to 0.02 %."""
    ring = ((-106.0, 20.0), (-98.0, 27.0), (-98.0, 28.0), (-106.0, 20.0))
    dense = np.concatenate([np.linspace(start, end, 10_000) for start, end in pairwise(ring)])
    nearest = GEOD.inv(np.full(len(dense), at[0]), np.full(len(dense), at[1]), *dense.T)[2].min()
    assert FenceIndex([Fence(id="f", shape=Polygonal(((ring,),)))]).outside_m(0, *at) == pytest.approx(
        nearest, rel=2e-4
    )


@pytest.mark.parametrize("bad", [-1.0, 50_001.0, float("nan"), float("inf")])
def test_an_accuracy_that_is_none_is_refused_with_its_point(bad: float) -> None:
    """An unknown accuracy is for the caller to replace: no guess is made of it."""
    with pytest.raises(ValueError, match=r"of point 1: give 0 to 50,000 m"):
        FenceIndex([YARD]).judge([-99.0, -99.0], [19.0, 19.0], [5.0, bad])


def test_a_judgement_tells_what_is_certain() -> None:
    """Inside, near an edge on either side, in a hole, and in an approach, which counts for nothing."""
    index = FenceIndex([YARD, TOLL])
    lon = np.array([-98.985, -98.9999, -99.0001, -98.9701, -98.95, -99.01, np.nan, -98.985])
    found = index.judge(lon, np.array([19.015, 19.01, 19.01, 19.05, 19.05, 19.05, 19.05, 91.0]), 20.0, distances=True)
    assert len(found) == 8
    assert found.starts.tolist() == [0, 1, 2, 3, 4, 4, 4, 4, 4]
    assert found.fences.tolist() == [0, 0, 0, 0]
    assert found.inside.tolist() == [True, True, False, True]
    assert found.certain.tolist() == [True, False, False, False]
    assert found.signed_m[1:] == pytest.approx([-10.5, 10.5, -10.5], abs=0.05)
    assert index.judge(lon, np.full(8, 19.05), 20.0).signed_m.size == 0


def test_no_points_and_no_fences_have_no_judgements() -> None:
    """An empty batch is a batch, and an empty set a set."""
    assert FenceIndex([]).judge([-99.0], [19.0], 50_000.0).starts.tolist() == [0, 0]
    assert FenceIndex([YARD]).judge([], [], []).starts.tolist() == [0]


FAR_SQUARE = tuple((lon + 1.0, lat) for lon, lat in SQUARE)
NARROW = ((-99.0, 19.0), (-98.999, 19.0), (-98.999, 19.01), (-99.0, 19.01), (-99.0, 19.0))


@pytest.mark.parametrize(
    ("shape", "metres"),
    [
        (Circle(-99.0, 19.0, 300.0), 600.0),
        (Corridor((((-99.0, 19.0), (-98.0, 19.0)),), 2_500.0), 5_000.0),
        (Polygonal(((NARROW,),)), 105.3),
        (Polygonal(((NARROW,), (FAR_SQUARE,))), 10_529.0),
    ],
    ids=["circle", "corridor", "rectangle", "widest part"],
)
def test_the_size_of_a_fence_is_its_narrow_side(shape: Shape, metres: float) -> None:
    """A fix less accurate than this proves nothing; of several parts the widest counts."""
    assert FenceIndex([Fence(id="f", shape=shape)]).size_m(0) == pytest.approx(metres, rel=1e-3)


def test_the_version_tells_sets_apart_and_not_orders() -> None:
    """Same fences, same version, in any order; any property or vertex changed, another version."""
    version = FenceIndex([YARD, TOLL]).version
    assert version == FenceIndex([TOLL, YARD]).version
    moved = Fence(id="toll", shape=Circle(-99.0, 19.05, 301.0), approach_m=1_000.0, kind=FenceKind.TOLL)
    hours = (Window(480, 900), Window(480, 901))
    closed = [replace(YARD, schedule=Schedule("America/Mexico_City", [window])) for window in hours]
    sets = ([YARD], [YARD, moved], [closed[0], TOLL], [closed[1], TOLL])
    assert len({version, *(FenceIndex(fences).version for fences in sets)}) == 5


def test_the_version_is_the_same_in_every_process() -> None:
    """Sets have no order that lasts: the version does not depend on the seed of Python's hashes."""
    program = (
        "from geofences.index import FenceIndex; from geofences.model import *; from geofences.schedule import *;"
        "tags = frozenset({'reefer', 'hazmat', 'escort', 'night'});"
        "hours = frozenset(Window(n * 60, 900, frozenset({Day.MON, Day.WED, Day.FRI, Day.SUN})) for n in range(5));"
        "free = frozenset(Holiday(n, n) for n in range(1, 9)); schedule = Schedule('America/Tijuana', hours, free);"
        "print(FenceIndex([Fence(id='f', shape=Circle(0.0, 0.0, 9.0), applies_to=tags, schedule=schedule)]).version)"
    )
    root = Path(__file__).parents[3]
    versions = {
        subprocess.run(
            [sys.executable, "-c", program], cwd=root, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(versions) == 1


def test_a_long_diagonal_corridor_is_not_asked_about_the_whole_country() -> None:
    """Its cover is far smaller than its bounding box, and leaves none of it out."""
    road = geometry(Corridor((((-106.0, 20.0), (-98.0, 27.0)),), 2_500.0))
    bounds, owners = boxes(np.array([road, geometry(Circle(-99.0, 19.0, 300.0))], dtype=object))
    of_road = bounds[owners == 0]
    room = ((of_road[:, 2] - of_road[:, 0]) * (of_road[:, 3] - of_road[:, 1])).sum()
    assert room < 0.05 * 8 * 7
    assert list(owners).count(1) == 1
