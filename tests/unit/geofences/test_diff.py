"""What is different between two sets of fences, in words."""

from __future__ import annotations

from dataclasses import replace
from math import cos, radians

import pytest

from geofences.diff import Change, Kind, differences
from geofences.geodesy import destination, metres_per_degree
from geofences.model import Circle, Corridor, Detect, Fence, FenceKind, Line, Polygonal, Position, Ring, Shape
from geofences.schedule import Day, Holiday, Schedule, Window

SQUARE: Ring = ((-99.1, 19.0), (-99.0, 19.0), (-99.0, 19.1), (-99.1, 19.1), (-99.1, 19.0))
YARD = Fence(id="yard", shape=Circle(-99.0, 19.0, 500.0), kind=FenceKind.DEPOT)
ZONE = Fence(id="zone", shape=Polygonal(((SQUARE,),)))
ROAD = Fence(id="road", shape=Corridor((SQUARE[:3],), 2_500.0))


def words(old: Fence, new: Fence) -> tuple[str, ...]:
    """What is said of the one fence that changed."""
    (change,) = differences([old], [new])
    assert change.kind is Kind.CHANGED
    return change.words


def moved(ring: Ring, east: float, north: float) -> Ring:
    """A ring moved by degrees."""
    return tuple((lon + east, lat + north) for lon, lat in ring)


def test_fences_come_and_go_by_id() -> None:
    """In the order of ids; what is as it was is not mentioned."""
    other = replace(YARD, id="other")
    assert differences([YARD, ZONE], [other, ZONE]) == [Change("other", Kind.ADDED), Change("yard", Kind.REMOVED)]
    assert differences([YARD, ZONE], [ZONE, YARD]) == []


@pytest.mark.parametrize(
    ("azimuth", "wind"),
    [(0, "north"), (44, "north-east"), (95, "east"), (200, "south"), (315, "north-west"), (359, "north")],
)
def test_a_shift_is_told_with_its_direction(azimuth: float, wind: str) -> None:
    """In metres, and kilometres where they are many."""
    for metres, told in ((120.0, "120 m"), (25_000.0, "25.0 km")):
        lon, lat = destination(-99.0, 19.0, azimuth, metres)
        assert words(YARD, replace(YARD, shape=Circle(float(lon), float(lat), 500.0))) == (
            f"moved {told} to the {wind}",
        )


def test_what_grew_is_told_in_the_measure_it_was_drawn_with() -> None:
    """A circle by its radius, a corridor by its buffer, and each by its area."""
    assert words(YARD, replace(YARD, shape=Circle(-99.0, 19.0, 600.0))) == ("radius 500 → 600 m", "grew by 44.0%")
    assert words(YARD, replace(YARD, shape=Circle(-99.0, 19.0, 250.0))) == ("radius 500 → 250 m", "shrank by 75.0%")
    told = words(ROAD, replace(ROAD, shape=Corridor((SQUARE[:3],), 3_000.0)))
    assert told[0] == "buffer 2,500 → 3,000 m"
    assert any(word.startswith("grew by 2") for word in told)


def test_a_polygon_that_moved_as_a_whole_has_the_boundary_it_had() -> None:
    """And one of which a corner was drawn elsewhere has not."""
    assert words(ZONE, replace(ZONE, shape=Polygonal(((moved(SQUARE, 0.0, 0.001),),)))) == ("moved 111 m to the north",)
    corner: Ring = (*SQUARE[:2], (-98.99, 19.1), *SQUARE[3:])
    told = words(ZONE, replace(ZONE, shape=Polygonal(((corner,),))))
    assert told[1] == "grew by 5.0%"
    # The corner went out by 0.01 degrees, and the middle of the whole by 0.0026 of them.
    metres = 0.01 * 111_195 * cos(radians(19.0))
    farthest = float(told[2].partition("up to ")[2].partition(" m")[0])
    assert 0.6 * metres < farthest < metres


def square(lon: float, lat: float, side_m: float) -> Polygonal:
    """A square of so many metres about a place."""
    x, y = (side_m / 2.0 / each for each in metres_per_degree(lat))
    ring = (lon - x, lat - y), (lon + x, lat - y), (lon + x, lat + y), (lon - x, lat + y), (lon - x, lat - y)
    return Polygonal(((ring,),))


def of_shapes(old: Shape, new: Shape) -> tuple[str, ...]:
    """What is said of a fence that was drawn otherwise."""
    return words(replace(ZONE, shape=old), replace(ZONE, shape=new))


def drawn(*positions: Position) -> Polygonal:
    """A polygon of these corners."""
    return Polygonal((((*positions, positions[0]),),))


def test_a_shape_of_the_same_metres_elsewhere_has_only_moved() -> None:
    """Whatever the degrees are there."""
    assert of_shapes(square(-100.0, 19.0, 1_000.0), square(-100.0, 32.0, 1_000.0)) == ("moved 1,440.1 km to the north",)


@pytest.mark.parametrize(
    ("old", "new", "share"),
    [
        (((-99.1, 19.4), (-106.4, 31.7)), ((-99.1, 19.4), (-106.4, 31.7), (-117.0, 32.5)), "grew by 64.9%"),
        (((-100.0, 15.0), (-100.0, 60.0)), ((-100.0, 15.0), (-100.0, 70.0)), "grew by 22.0%"),
        (((-100.0, 15.0), (-100.0, 60.0)), ((-100.0, 25.0), (-100.0, 70.0)), "grew by 0.2%"),
    ],
)
def test_a_long_corridor_grows_by_what_its_area_does(old: Line, new: Line, share: str) -> None:
    """However far north it reaches (shares by the geodesic area of pyproj)."""
    assert share in of_shapes(Corridor((old,), 50_000.0), Corridor((new,), 50_000.0)) or share in of_shapes(
        Corridor((old,), 200.0), Corridor((new,), 200.0)
    )


def test_a_shape_may_shrink_while_its_degrees_grow() -> None:
    """An area farther north has fewer metres."""
    old = drawn((-100, 14), (-97, 14), (-97, 16), (-99, 16), (-99, 33), (-100, 33))
    new = drawn((-100, 14), (-99, 14), (-99, 31), (-96.8, 31), (-96.8, 33), (-100, 33))
    assert "shrank by 0.6%" in of_shapes(old, new)


def test_a_change_between_corners_is_told_in_full() -> None:
    """A notch whose corners lie near the old edges, and its flanks far from them."""
    k = 1e-3
    old = drawn((0, 0), (100 * k, 0), (100 * k, 100 * k), (0, 100 * k))
    new = drawn(
        *((0, 0), (55 * k, 0), (77.5 * k, 99 * k), (100 * k, 0)),
        *((100 * k, 100 * k), (45 * k, 100 * k), (22.5 * k, k), (0, 100 * k)),
    )
    told = next(word for word in of_shapes(old, new) if "boundary" in word)
    assert told in {f"its boundary changed, by up to {metres:,} m where it now lies" for metres in range(4_060, 4_080)}


def test_a_fence_cut_at_the_antimeridian_is_one_shape() -> None:
    """It did not move round the globe."""
    east = ((-180.0, 0.0), (-179.0, 0.0), (-179.0, 1.0), (-180.0, 1.0), (-180.0, 0.0))
    west = ((179.0, 0.0), (180.0, 0.0), (180.0, 1.0), (179.0, 1.0), (179.0, 0.0))
    wider = ((-180.0, 0.0), (-178.0, 0.0), (-178.0, 1.0), (-180.0, 1.0), (-180.0, 0.0))
    told = of_shapes(Polygonal(((west,), (east,))), Polygonal(((west,), (wider,))))
    assert told[:2] == ("moved 55.7 km to the east", "grew by 50.0%")


def test_a_difference_in_the_last_digits_is_shown() -> None:
    """A number is never told to have become itself."""
    old, new = (replace(YARD, shape=Circle(-99.0, 19.0, radius_m)) for radius_m in (123_456.0, 123_456.4))
    assert words(old, new) == ("radius 123456.0 → 123456.4 m",)
    assert words(replace(YARD, exit_margin_m=1_000.0), replace(YARD, exit_margin_m=1_000.001)) == (
        "exit_margin_m: 1000.0 → 1000.001",
    )


def test_midnight_is_one_however_it_is_written() -> None:
    """A window until 0:00 and one until 24:00 are the same."""
    assert Window(600, 0) == Window(600, 1440)
    assert Window(0, 0) == Window(0, 1440)


def test_another_kind_of_shape_is_told() -> None:
    """With what it was and is."""
    told = words(YARD, replace(YARD, shape=Polygonal(((SQUARE,),))))
    assert told[0] == "a circle became a polygon"


def test_a_shape_drawn_anew_without_a_difference_is_told() -> None:
    """The same edges with one more corner on them."""
    ring: Ring = (SQUARE[0], (-99.05, 19.0), *SQUARE[1:])
    assert words(ZONE, replace(ZONE, shape=Polygonal(((ring,),)))) == ("drawn anew, by less than anybody sees",)


def test_properties_are_told_by_name() -> None:
    """From what to what; of lists what came and went; also those that the kind gives."""
    new = replace(YARD, detect=frozenset({Detect.EXIT, Detect.DWELL}), dwell_s=1800.0, name="Patio", min_outside_s=90.0)
    assert words(YARD, new) == (
        "name: yard → Patio",
        "detect: without enter, with dwell",
        "min_outside_s: 60 → 90",
        "dwell_s: none → 1,800",
    )
    toll = Fence(id="yard", shape=YARD.shape, kind=FenceKind.NO_STOP)
    assert words(YARD, toll)[:2] == ("kind: depot → no_stop", "severity: 1 → 4")


NIGHTS = Schedule("America/Mexico_City", [Window(1320, 360, tuple(Day)[:5])])
LONGER = Schedule("America/Mexico_City", [Window(1200, 360)])
FREE = Schedule("America/Mexico_City", NIGHTS.windows, [Holiday(1, 1), Holiday(12, 25, 2026)])


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (None, NIGHTS, ["schedule: none → mon-fri 22:00-06:00 (America/Mexico_City)"]),
        (
            FREE,
            None,
            ["schedule: mon-fri 22:00-06:00; not on 01-01, 2026-12-25 (America/Mexico_City) → none"],
        ),
        (NIGHTS, LONGER, ["schedule: mon-fri 22:00-06:00 → every day 20:00-06:00 (America/Mexico_City)"]),
        (
            NIGHTS,
            replace(NIGHTS, zone="America/Tijuana"),
            ["schedule: mon-fri 22:00-06:00 (America/Mexico_City) → mon-fri 22:00-06:00 (America/Tijuana)"],
        ),
        (NIGHTS, FREE, ["holidays: with 01-01, with 2026-12-25"]),
        (
            FREE,
            replace(LONGER, holidays=[Holiday(1, 1), Holiday(5, 1)]),
            [
                "schedule: mon-fri 22:00-06:00 → every day 20:00-06:00 (America/Mexico_City)",
                "holidays: without 2026-12-25, with 05-01",
            ],
        ),
    ],
)
def test_schedules_are_told_in_words(old: Schedule | None, new: Schedule | None, told: list[str]) -> None:
    """The hours before and after, and which holidays came and went."""
    assert words(replace(YARD, schedule=old), replace(YARD, schedule=new)) == tuple(told)
