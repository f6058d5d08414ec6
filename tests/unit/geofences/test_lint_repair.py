"""What `--fix` repairs: fence by fence, as long as all repairs of a fence together change little, and once."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from shapely.geometry import Polygon

from geofences.formats.geojson import open_geojson, patched
from geofences.geodesy import metres_per_degree
from geofences.lint import MEXICO, Code, fixed
from geofences.model import Corridor, Polygonal
from geofences.shapes import area_m2, geometry
from tests.support.drawn import NOON, SQUARE, circle, document, feature, found, only, polygon, repaired


def left(*features: Any) -> list[tuple[int, Code]]:
    """What is found after all repairs; none of them is found again."""
    opened, read = open_geojson(document(*features))
    text = patched(opened, fixed(read, MEXICO, NOON)).encode()
    again, read = open_geojson(text)
    assert fixed(read, MEXICO, NOON) == {}
    return [(finding.feature, finding.code) for finding in found(*again["features"])]


def edge(lat: float, *corners: tuple[float, float]) -> Any:
    """The square, with corners in its eastern edge, given as metres east and north of where it has that latitude."""
    lon_m, lat_m = metres_per_degree(lat)
    return polygon(
        [*SQUARE[:2], *([-99.0 + east / lon_m, lat + north / lat_m] for east, north in corners), *SQUARE[2:]]
    )


def spike(lat: float, length_m: float = 500.0) -> list[tuple[float, float]]:
    """Out and back, 2 m wide where it begins, in metres north of 19 degrees."""
    north = (lat - 19.0) * metres_per_degree(19.0)[1]
    return [(0.0, north), (length_m, north + 1.0), (0.0, north + 2.0)]


@pytest.mark.parametrize(
    ("features", "codes"),
    [
        ([circle(19.4, -99.1, radius_m=10)], [(1, Code.BELOW_GPS_ERROR)]),
        (
            [circle(19.4, -99.1, id="a"), circle(id="b")],
            [(1, Code.NEAR_IDENTICAL)],
        ),
        (
            [circle(19.4, -99.1, id="a", kind="depot"), circle(id="b", kind="no_stop")],
            [(1, Code.PLACE_IN_NO_STOP)],
        ),
        ([circle(19.4, -99.1, id="a"), circle(id="b", kind="tol")], [(2, Code.PROPERTY)]),
        ([feature(edge(19.0, *spike(19.03), *spike(19.05), *spike(19.07)))], []),
    ],
)
def test_what_a_repair_brings_to_light_keeps_no_other_back(features: list[Any], codes: list[tuple[int, Code]]) -> None:
    """Each fence is repaired for itself: what is found of it afterwards, or of others, was there before."""
    assert left(*features) == codes


def test_all_spikes_of_a_ring_are_told_and_go_together() -> None:
    """With a place each and one repair between them."""
    findings = found(feature(edge(19.0, *spike(19.03), *spike(19.05))))
    assert [finding.code for finding in findings] == [Code.SPIKE, Code.SPIKE]
    assert len({finding.place for finding in findings}) == 2
    assert findings[0].fix == findings[1].fix
    assert "without all 2 of them the area changes by 0.00%" in findings[0].remedy


@pytest.mark.parametrize(
    "corners",
    [
        [(0, 5_000), (500, 5_001), (500, 5_001), (0, 5_002)],
        [(0, 5_000), (500, 5_001), (500.4, 5_001.3), (500, 5_001.6), (0, 5_002)],
        [(0, 5_000), (1_100, 5_000), (1_100, 5_001), (0, 5_001)],
        [(0, 5_000), (300, 5_100), (600, 5_000), (600, 5_002), (300, 5_102), (0, 5_002)],
    ],
)
def test_a_spike_may_have_a_blunt_tip(corners: list[tuple[float, float]]) -> None:
    """Clicked twice, or a metre wide, or a lane with bends: what is thinner than a fix can tell goes."""
    drawn = feature(edge(19.0, *corners))
    finding = only(drawn)
    assert (finding.code, finding.is_safe) == (Code.SPIKE, True)
    assert finding.place is not None
    assert finding.place[0] > -98.9972
    assert left(drawn) == []
    (shape,) = repaired(drawn)
    assert isinstance(shape, Polygonal)
    assert geometry(shape).bounds == pytest.approx(Polygon(SQUARE).bounds)
    assert len(shape.polygons[0][0]) == len(SQUARE) + 2


@pytest.mark.parametrize(
    "corners",
    [
        [(0, 5_000), (500, 5_020), (0, 5_040)],
        [(0, 5_000), (100, 5_000), (100, 5_010), (0, 5_010)],
        [(0, 5_000), (12, 5_000), (12, 5_002), (0, 5_002)],
    ],
)
def test_a_corner_or_a_lane_is_no_spike(corners: list[tuple[float, float]]) -> None:
    """A wedge of 5 degrees, a lane of 10 m, and a nick that is shorter than GPS is off by."""
    assert found(feature(edge(19.0, *corners))) == []


def test_a_neck_between_two_yards_is_no_spike() -> None:
    """A lane of 4 m that bends on its way from one to the other."""
    neck = [(0, 0), (500, 300), (1_000, 0), (1_000, -1_000), (2_000, -1_000), (2_000, 1_000), (1_000, 1_000)]
    back = [(1_000, 4), (500, 304), (0, 4)]
    assert found(feature(edge(19.05, *neck, *back))) == []


def bays(count: int, width_m: float) -> dict[str, Any]:
    """Parking bays in a row, 100 m long."""
    lon_m, lat_m = metres_per_degree(19.0)

    def bay(number: int) -> Any:
        west, east, north = number * 40 / lon_m, (number * 40 + width_m) / lon_m, 19.0 + 100 / lat_m
        return [[[-99 + west, 19.0], [-99 + east, 19.0], [-99 + east, north], [-99 + west, north], [-99 + west, 19.0]]]

    return {"type": "MultiPolygon", "coordinates": [bay(number) for number in range(count)]}


def test_a_fence_is_not_eaten_piece_by_piece() -> None:
    """Repairs that are little each and much together are for people, all of them, whatever their codes."""
    drawn = bays(130, 12.0)
    assert [finding.code for finding in found(feature(drawn))] == [Code.BELOW_GPS_ERROR]
    assert left(feature(drawn)) == [(1, Code.BELOW_GPS_ERROR)]
    drawn["coordinates"].append([[[-98.6, 19.0], [-98.595, 19.0], [-98.595, 19.002], [-98.6, 19.002], [-98.6, 19.0]]])
    findings = found(feature(drawn))
    assert len(findings) == 130
    assert {(finding.code, finding.is_safe, finding.fix is None) for finding in findings} == {
        (Code.SLIVER, False, False)
    }
    assert "drop it; it is 0.4" in findings[0].remedy
    assert "all 130 such are" in findings[0].remedy
    assert len(left(feature(drawn))) == 130


def test_spikes_and_slivers_share_what_may_change() -> None:
    """0.7 % each: neither is repaired while the other is there."""
    square_m2 = area_m2(Polygon(SQUARE))
    lon_m, lat_m = metres_per_degree(19.05)
    out_m = 0.007 * square_m2 * 2 / 200
    tip = [[-99.0, 19.05], [-99.0 + out_m / lon_m, 19.05 + 100 / lat_m], [-99.0, 19.05 + 200 / lat_m]]
    far = 0.007 * square_m2 / 14 / lat_m
    strip = [[-98.0, 19.0], [-98.0 + 14 / lon_m, 19.0], [-98.0 + 14 / lon_m, 19.0 + far], [-98.0, 19.0 + far]]
    rings = [*SQUARE[:2], *tip, *SQUARE[2:]], [*strip, strip[0]]
    spiky, strips, both = ([SQUARE, rings[1]], [rings[0]], list(rings))
    for parts, is_safe in ((spiky, {True}), (strips, {True}), (both, {False})):
        drawn = feature({"type": "MultiPolygon", "coordinates": [[part] for part in parts]})
        assert {finding.is_safe for finding in found(drawn)} == is_safe
        _, read = open_geojson(document(drawn))
        assert bool(fixed(read)) is (is_safe == {True})


@pytest.mark.parametrize("buffer_m", [50, 500])
def test_a_road_is_not_made_straighter_than_its_buffer_allows(buffer_m: float) -> None:
    """Of 1,200 positions in a row enough are left that no leg is too long for the corridor."""
    road = feature(
        {"type": "LineString", "coordinates": [[-99 + 0.0005 * n, 19 + n % 2 * 1e-6] for n in range(1_200)]},
        buffer_m=buffer_m,
    )
    assert only(road).code is Code.TOO_MANY_VERTICES
    assert left(road) == []
    (shape,) = repaired(road)
    assert isinstance(shape, Corridor)
    assert len(shape.lines[0]) < 30


def test_a_leg_that_was_drawn_too_long_stays_as_it_is() -> None:
    """Positions along it would make nothing true, and hide that it is too long."""
    road = [[-99 + 0.0005 * n, 19.0] for n in range(1_200)]
    drawn = feature({"type": "LineString", "coordinates": [*road, [-97.0, 19.0]]}, buffer_m=50)
    assert {finding.code for finding in found(drawn)} == {Code.NARROW_CORRIDOR, Code.TOO_MANY_VERTICES}
    assert left(drawn) == [(1, Code.NARROW_CORRIDOR)]


def test_a_long_road_is_measured_where_it_lies() -> None:
    """A road from 32 to 15 degrees: what its edges would move by is told in metres of each latitude."""
    line = [
        [-105 + 2 * math.sin(n / 1500 * 9) + (2.2e-5 if n % 2 else -2.2e-5), 32 - 17 * n / 1499] for n in range(1_500)
    ]
    finding = only(feature({"type": "LineString", "coordinates": line}, buffer_m=5_000))
    assert finding.fix is not None
    assert isinstance(finding.fix.shape, Corridor)
    kept = finding.fix.shape.lines[0]
    told = float(finding.remedy.partition("more than ")[2].partition(" m")[0])
    assert told == pytest.approx(max(off_m(lon, lat, kept) for lon, lat in line), abs=0.06)


def off_m(lon: float, lat: float, line: tuple[tuple[float, float], ...]) -> float:
    """From a position to the nearest leg, in a plane with the scale of the position."""
    lon_m, lat_m = metres_per_degree(lat)
    flat = [((x - lon) * lon_m, (y - lat) * lat_m) for x, y in line]
    best = math.inf
    for (x, y), (to_x, to_y) in pairwise(flat):
        dx, dy = to_x - x, to_y - y
        along = min(1.0, max(0.0, -(x * dx + y * dy) / (dx * dx + dy * dy)))
        best = min(best, math.hypot(x + along * dx, y + along * dy))
    return best


def test_the_areas_of_a_crossing_have_one_scale() -> None:
    """Eight degrees from south to north, and a hundred metres of crossing: repaired, for the area is what it was."""
    ring = [[-104, 16], [-100, 16], [-100, 24], [-102, 24], [-102.001, 24.001], [-102, 24.001], [-102.001, 24]]
    finding = only(feature(polygon([*ring, [-104, 24], [-104, 16]])))
    assert (finding.code, finding.is_safe) == (Code.SELF_INTERSECTION, True)
    whole, drawn = (float(word.replace(",", "")) for word in finding.remedy.split() if word[0].isdigit())
    assert drawn == pytest.approx(whole, rel=1e-6)


def test_a_ring_that_touches_itself_is_drawn_as_two() -> None:
    """Its area stays, and its place is told."""
    ring = [[-99.0, 19.0], [-98.99, 19.0], [-98.99, 19.01], [-98.995, 19.0], [-99.0, 19.01], [-99.0, 19.0]]
    finding = only(feature(polygon(ring)))
    assert (finding.code, finding.is_safe, finding.place) == (Code.SELF_INTERSECTION, True, (-98.995, 19.0))
    (shape,) = repaired(feature(polygon(ring)))
    assert isinstance(shape, Polygonal)
    assert len(shape.polygons) == 2


OUT = [[-99.1, 19.0], [-99.0, 19.0], [-99.0, 99.0], [-99.1, 19.1], [-99.1, 19.0]]
APART = [[-98.1, 19.0], [-98.0, 19.0], [-98.0, 19.1], [-98.1, 19.1], [-98.1, 19.0]]


@pytest.mark.parametrize(
    ("rings", "place"), [([SQUARE, APART], (-98.1, 19.0)), ([OUT], (-99.1, 19.0)), ([SQUARE[:4]], (-99.1, 19.0))]
)
def test_a_shape_that_cannot_be_used_is_told_with_its_place(rings: Any, place: tuple[float, float]) -> None:
    """Where it is wrong, or where it begins; and the place is not told twice."""
    finding = only(feature(polygon(*rings)))
    assert (finding.code, finding.place) == (Code.SHAPE, place)
    assert "near longitude" not in finding.text + finding.remedy


@pytest.mark.parametrize(
    ("points", "across"),
    [
        ([(0, 0), (10_000, 0), (10_000, 10_000), (9_992, 10_000), (9_992, 8), (0, 8)], 9),
        ([(0, 0), (400, 0), (0, 60)], None),
        ([(0, 0), (400, 0), (0, 28)], 27),
    ],
)
def test_a_fence_is_as_wide_as_the_largest_circle_in_it(points: list[tuple[float, float]], across: int | None) -> None:
    """Not as the box around it: a lane with a bend is a lane."""
    lon_m, lat_m = metres_per_degree(19.0)
    ring = [[-99 + east / lon_m, 19.0 + north / lat_m] for east, north in points]
    texts = [finding.text for finding in found(feature(polygon([*ring, ring[0]])))]
    assert [text.partition(",")[0] for text in texts] == ([] if across is None else [f"is {across} m across"])
