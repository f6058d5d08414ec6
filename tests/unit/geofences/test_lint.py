"""Each code of lint: found where it is, with its place and a repair that is right, and nowhere else."""

from __future__ import annotations

import math
from typing import Any

import pytest
from shapely.geometry import LinearRing, Point

from geofences.formats.geojson import open_geojson
from geofences.lint import LEG_ERROR, MEANINGS, Code, Region, lint
from geofences.model import Circle, Polygonal
from geofences.shapes import geometry
from simulators.geography import FENCES
from tests.support.drawn import METRE, NOON, SQUARE, circle, feature, found, only, polygon, repaired


def test_sound_fences_have_no_findings() -> None:
    """Neither a plain set of ours nor the sample of the product."""
    assert found(feature(polygon(SQUARE)), circle(id="c")) == []
    assert lint(open_geojson(FENCES)[1], now=NOON) == []


def test_swapped_axes_are_put_right() -> None:
    """Whether the file is refused for it (91 degrees of latitude) or lies in Antarctica; every position, and safely."""
    refused = only(circle(19.4, -99.1))
    assert (refused.code, refused.place, refused.is_safe) == (Code.SWAPPED, (-99.1, 19.4), True)
    assert repaired(circle(19.4, -99.1)) == [Circle(-99.1, 19.4, 300.0)]
    lisbon = feature(polygon([[lat, lon] for lon, lat in SQUARE]))
    assert only(lisbon).code is Code.SWAPPED
    assert repaired(lisbon) == repaired(feature(polygon(SQUARE)))
    south = feature({"type": "LineString", "coordinates": [[25.5, -88], [25.6, -88.1]]}, buffer_m=500)
    assert only(south).code is Code.SWAPPED


def test_what_lies_elsewhere_is_told_unless_the_region_says_so() -> None:
    """A fence in Brazil, for a fleet in Mexico; one across the border counts as inside."""
    brazil = circle(-37.07, -10.91)
    assert only(brazil).code is Code.OUTSIDE_REGION
    assert only(brazil).place == pytest.approx((-37.07, -10.91), abs=1e-3)
    assert found(brazil, region=Region(-74, -34, -34, 6)) == []
    assert found(circle(-99.5, 27.55)) == []


def test_a_crossing_is_repaired_if_little_changes() -> None:
    """A corner drawn a few metres over its edge is cut off; a bow tie has to be looked at."""
    crossed = [*SQUARE[:2], [-99.0, 19.06], [-98.9999, 19.05], [-99.0001, 19.065], *SQUARE[2:]]
    finding = only(feature(polygon(crossed)))
    assert (finding.code, finding.is_safe) == (Code.SELF_INTERSECTION, True)
    assert finding.place is not None
    assert finding.place == pytest.approx((-99.0, 19.0575), abs=1e-6)
    (shape,) = repaired(feature(polygon(crossed)))
    assert geometry(shape).is_valid
    assert geometry(shape).area == pytest.approx(0.01, rel=0.01)
    bow = only(feature(polygon([SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3], SQUARE[0]])))
    assert (bow.code, bow.is_safe) == (Code.SELF_INTERSECTION, False)
    assert bow.fix is not None
    assert "repaired, its area would be" in bow.remedy


def test_what_is_refused_is_an_error() -> None:
    """Properties, ids that are there twice and shapes that cannot be a fence, each under its code."""
    findings = found(
        circle(id="a", kind="tol"), circle(id="b"), circle(-99.3, id="b"), feature(polygon(SQUARE[:4]), id="c")
    )
    assert [(finding.feature, finding.code, finding.fence_id) for finding in findings] == [
        (1, Code.PROPERTY, "a"),
        (3, Code.DUPLICATE_ID, "b"),
        (4, Code.SHAPE, "c"),
    ]
    assert {finding.severity for finding in findings} == {"error"}
    assert "did you mean 'toll'?" in findings[0].remedy
    assert findings[1].remedy == "give each fence its own"


def test_a_spike_is_dropped_if_little_changes() -> None:
    """A boundary that runs out 5 km and back: one corner goes, the others stay."""
    thin = [*SQUARE[:2], [-99.0, 19.05], [-98.95, 19.0501], [-99.0, 19.0502], *SQUARE[2:]]
    finding = only(feature(polygon(thin)))
    assert (finding.code, finding.place, finding.is_safe) == (Code.SPIKE, (-98.95, 19.0501), True)
    (shape,) = repaired(feature(polygon(thin)))
    assert isinstance(shape, Polygonal)
    assert (-98.95, 19.0501) not in shape.polygons[0][0]
    assert len(shape.polygons[0][0]) == len(thin) - 1
    wedge = only(feature(polygon([[-99.1, 19.0], [-98.1, 19.02], [-99.1, 19.04], [-99.1, 19.0]])))
    assert (wedge.code, wedge.is_safe, wedge.fix) == (Code.SPIKE, False, None)


def test_slivers_are_dropped() -> None:
    """A part and a hole that no fix can prove; one part alone is not a sliver but small."""
    thread = [[-98.9, 19.0], [-98.89, 19.0], [-98.89, 19.0 + 4 * METRE], [-98.9, 19.0 + 4 * METRE], [-98.9, 19.0]]
    parts = feature({"type": "MultiPolygon", "coordinates": [[SQUARE], [thread]]})
    finding = only(parts)
    assert (finding.code, finding.is_safe) == (Code.SLIVER, True)
    assert "4.0 m wide" in finding.text
    assert repaired(parts) == repaired(feature(polygon(SQUARE)))
    gap = [[lon - 0.15, lat + 0.05] for lon, lat in thread]
    holed = feature(polygon(SQUARE, gap))
    assert only(holed).code is Code.SLIVER
    assert repaired(holed) == repaired(feature(polygon(SQUARE)))
    assert [finding.code for finding in found(feature(polygon(thread)))] == [Code.BELOW_GPS_ERROR]


@pytest.mark.parametrize(("radius_m", "codes"), [(14, [Code.BELOW_GPS_ERROR]), (15, [])])
def test_a_fence_narrower_than_gps_is_off_by_is_told(radius_m: float, codes: list[Code]) -> None:
    """Below 30 m across."""
    assert [finding.code for finding in found(circle(radius_m=radius_m))] == codes


def test_a_corridor_narrower_than_its_line_is_wrong_is_told() -> None:
    """A leg of 50 km with 500 m beside it; the same road drawn every 5 km will do."""
    ends = [[-99.1, 19.4], [-98.62, 19.4]]
    finding = only(feature({"type": "LineString", "coordinates": ends}, buffer_m=500))
    assert (finding.code, finding.place) == (Code.NARROW_CORRIDOR, (-98.86, 19.4))
    assert "at least 1,00" in finding.remedy
    many = [[-99.1 + 0.048 * n, 19.4] for n in range(11)]
    assert found(feature({"type": "LineString", "coordinates": many}, buffer_m=500)) == []
    assert LEG_ERROR * 50_000 == 1_000


def test_what_is_over_is_told() -> None:
    """A fence whose valid_to has passed is in the file and does nothing."""
    assert only(circle(valid_to="2025-12-31T00:00:00Z")).code is Code.NEVER_ACTIVE
    assert found(circle(valid_to="2036-01-01T00:00:00Z")) == []


def asleep(*hours: dict[str, Any], holidays: tuple[str, ...] = ()) -> dict[str, Any]:
    """A schedule in Mexico's time."""
    return {"zone": "America/Mexico_City", "hours": list(hours), "holidays": list(holidays)}


DAILY = {"from": "22:00", "to": "05:00"}
ON_HOLIDAYS = {"days": ["holiday"], "from": "08:00", "to": "09:00"}


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        ({"schedule": asleep(ON_HOLIDAYS)}, "its schedule never wakes it: holiday 08:00-09:00"),
        ({"schedule": asleep(ON_HOLIDAYS, holidays=("2025-12-25",))}, "its schedule never wakes it"),
        (
            {"schedule": asleep(DAILY), "valid_to": "2026-01-29T03:00:00Z"},
            "does not wake it before valid_to: every day 22",
        ),
        ({"schedule": asleep(DAILY), "valid_to": "2026-01-01T00:00:00Z"}, "valid_to has passed"),
        (
            {"schedule": asleep(DAILY), "valid_from": "2026-05-01T15:00:00Z", "valid_to": "2026-05-01T20:00:00Z"},
            "does not wake it before valid_to",
        ),
    ],
)
def test_what_its_schedule_never_wakes_is_told(properties: dict[str, Any], text: str) -> None:
    """No day has its hours any more, or none that is within valid_from and valid_to."""
    finding = only(circle(**properties))
    assert finding.code is Code.NEVER_ACTIVE
    assert text in finding.text
    assert finding.remedy


@pytest.mark.parametrize(
    "properties",
    [
        {"schedule": asleep(DAILY)},
        {"schedule": asleep(DAILY), "valid_to": "2026-01-29T05:00:00Z"},
        {"schedule": asleep(ON_HOLIDAYS, holidays=("2025-12-25", "02-29"))},
        {"schedule": asleep(DAILY), "valid_from": "2036-01-01T00:00:00Z"},
    ],
)
def test_what_will_wake_is_not(properties: dict[str, Any]) -> None:
    """However late."""
    assert found(circle(**properties)) == []


def round_shape(corners: int, jitter_m: float) -> list[list[float]]:
    """A circle of 5 km with so many corners, each other one further out by so much."""
    radii = [5_000 + jitter_m * (n % 2) for n in range(corners)]
    turns = [2 * math.pi * n / corners for n in range(corners)]
    ring = [
        [-99 + r * METRE * math.cos(t) / math.cos(math.radians(19)), 19 + r * METRE * math.sin(t)]
        for r, t in zip(radii, turns, strict=True)
    ]
    return [*ring, ring[0]]


def test_too_many_corners_are_thinned_and_the_loss_told() -> None:
    """Measured against every corner as drawn, by another way; what moves an edge by more than 5 m is for people."""
    drawn = round_shape(3_000, 0.5)
    finding = only(feature(polygon(drawn)))
    assert (finding.code, finding.is_safe) == (Code.TOO_MANY_VERTICES, True)
    (shape,) = repaired(feature(polygon(drawn)))
    assert isinstance(shape, Polygonal)
    assert len(shape.polygons[0][0]) <= 500
    scale = [math.cos(math.radians(19)), 1.0]
    edge = LinearRing([[lon * scale[0], lat] for lon, lat in shape.polygons[0][0]])
    farthest = max(edge.distance(Point(lon * scale[0], lat)) for lon, lat in drawn) / METRE
    told = float(finding.remedy.partition("more than ")[2].partition(" m")[0])
    assert told == pytest.approx(farthest, abs=0.1)
    rough = only(feature(polygon(round_shape(1_200, 60))))
    assert (rough.code, rough.is_safe) == (Code.TOO_MANY_VERTICES, False)
    assert found(feature(polygon(round_shape(900, 0)))) == []


def test_every_code_has_a_meaning() -> None:
    """And those that are repaired say when."""
    assert set(MEANINGS) == set(Code)
    assert all(meaning.text and meaning.repaired for meaning in MEANINGS.values())
