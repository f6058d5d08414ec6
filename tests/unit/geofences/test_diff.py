"""What is different between two sets of fences, in words."""

from __future__ import annotations

from dataclasses import replace
from math import cos, radians

import pytest

from geofences.diff import Change, Kind, differences
from geofences.geodesy import destination
from geofences.model import Circle, Corridor, Detect, Fence, FenceKind, Polygonal, Ring
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
    assert words(ZONE, replace(ZONE, shape=Polygonal(((moved(SQUARE, 0.0, 0.01),),)))) == (
        "moved 1,107 m to the north",
    )
    corner: Ring = (*SQUARE[:2], (-98.99, 19.1), *SQUARE[3:])
    told = words(ZONE, replace(ZONE, shape=Polygonal(((corner,),))))
    assert told[1] == "grew by 5.0%"
    # The corner went out by 0.01 degrees, and the middle of the whole by 0.0026 of them.
    metres = 0.01 * 111_195 * cos(radians(19.0))
    farthest = float(told[2].partition("at most ")[2].partition(" m")[0])
    assert 0.6 * metres < farthest < metres


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
