"""A line on the ground: along it, beside it, and back."""

from __future__ import annotations

import pytest

from geofences.geodesy import distance_m
from simulators.roads import Line, join, offset

BEND = Line([(-99.0, 19.0), (-99.0, 19.1), (-98.9, 19.1)])


@pytest.mark.parametrize(
    ("s_m", "lon", "lat", "heading"),
    [
        (0.0, -99.0, 19.0, 0.0),
        (-50.0, -99.0, 19.0, 0.0),
        (BEND.chainage_m[1] / 2, -99.0, 19.05, 0.0),
        (BEND.chainage_m[1] + 1, -99.0, 19.1, 90.0),
        (BEND.length_m + 50, -98.9, 19.1, 90.0),
    ],
)
def test_a_metre_is_a_place(s_m: float, lon: float, lat: float, heading: float) -> None:
    """A metre of the line is a point on it with the leg's heading; beyond an end it is the end."""
    assert BEND.at(s_m)[:2] == pytest.approx((lon, lat), abs=2e-5)
    assert BEND.at(s_m)[2] == pytest.approx(heading, abs=0.1)


def test_nearest_undoes_at() -> None:
    """The nearest metre to a point of the line is the metre it was made of; a point beside it is that far away."""
    for s_m in (0.0, 1234.5, 11_000.0, 15_000.0, BEND.length_m):
        lon, lat, heading = BEND.at(s_m)
        found_m, beside_m = BEND.nearest((lon, lat))
        assert found_m == pytest.approx(s_m, abs=1)
        assert beside_m == pytest.approx(0, abs=1)
        assert BEND.nearest(offset((lon, lat), heading - 90, 400.0))[1] == pytest.approx(400, rel=0.01)


@pytest.mark.parametrize("bearing", [0.0, 77.0, 180.0, 300.0])
def test_an_offset_is_as_long_as_said(bearing: float) -> None:
    """A point 12 km away is 12 km away, within the 1 % of a plane laid on the ground."""
    there = offset((-99.0, 19.0), bearing, 12_000.0)
    assert distance_m(-99.0, 19.0, *there) == pytest.approx(12_000, rel=0.01)


@pytest.mark.parametrize("points", [[], [(-99.0, 19.0)], [(-99.0, 19.0), (-99.0, 19.0)]])
def test_a_line_needs_two_different_points(points: list[tuple[float, float]]) -> None:
    """A line without length is refused."""
    with pytest.raises(ValueError, match="line"):
        Line(points)


def test_lines_that_do_not_meet_are_not_joined() -> None:
    """A route is made of roads that meet."""
    with pytest.raises(ValueError, match="begins at"):
        join([BEND, Line([(-98.8, 19.1), (-98.7, 19.1)])])
