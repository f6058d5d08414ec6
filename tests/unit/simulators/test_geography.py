"""The sample geography is a fence file of the product, and the routes of the trucks lie on it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import orjson
import pytest

from geofences.formats.geojson import load_geojson
from geofences.geodesy import distance_m
from geofences.index import FenceIndex
from geofences.model import FenceKind
from simulators.geography import FENCES, ROADS
from simulators.scenarios.c03 import silence
from simulators.world import Direction, load_world

DIRECTIONS = [direction for route in load_world().routes for direction in (route.out, route.back)]


@pytest.fixture(scope="module")
def index() -> FenceIndex:
    """The sample's fences."""
    return FenceIndex(load_geojson(FENCES))


def kinds_at(index: FenceIndex, direction: Direction, s_m: float) -> set[FenceKind]:
    """The kinds of fence that hold metre `s_m`."""
    lon, lat, _ = direction.line.at(s_m)
    matches = index.match(np.array([lon]), np.array([lat]))
    return {index.fences[fence].kind for fence, inside in zip(matches.fences, matches.inside, strict=True) if inside}


def test_the_sample_is_labelled_illustrative() -> None:
    """Whoever opens a file of the sample reads that it is no survey."""
    for path in (FENCES, ROADS):
        assert orjson.loads(path.read_bytes())["note"].startswith("Illustrative")


def test_the_sample_has_something_of_everything(index: FenceIndex) -> None:
    """The fence file loads as any user's would, and shows each kind, each way to draw, a schedule and a tag that applies."""
    assert {fence.kind for fence in index.fences} == set(FenceKind)
    features = orjson.loads(FENCES.read_bytes())["features"]
    assert {feature["geometry"]["type"] for feature in features} == {
        *("Point", "LineString", "MultiLineString", "Polygon", "MultiPolygon")
    }
    assert any(len(feature["geometry"]["coordinates"]) > 1 for feature in features if _is_polygon(feature))
    assert {fence.risk for fence in index.fences} == {None, 3, 4, 5}
    assert any(fence.schedule and fence.schedule.holidays for fence in index.fences)
    assert any(fence.applies_to for fence in index.fences)


def _is_polygon(feature: dict[str, Any]) -> bool:
    return bool(feature["geometry"]["type"] == "Polygon")


def test_where_trucks_are_stolen_a_zone_is_always_awake(index: FenceIndex) -> None:
    """A no-stop stretch on the road of a route has no schedule and is there for every truck: H01 is due at any hour."""
    stretches = {stretch.fence_id for direction in DIRECTIONS for stretch in direction.no_stops}
    assert stretches
    for fence in index.fences:
        assert fence.id not in stretches or (fence.is_always and not fence.applies_to)


def test_towns_are_rounded_to_a_hundredth_of_a_degree() -> None:
    """Roads are drawn from town coordinates rounded to 0.01 degree, and claim no more."""
    for road in orjson.loads(ROADS.read_bytes())["roads"]:
        assert len(road["towns"]) == len(road["line"])
        for lon, lat in road["line"]:
            assert (round(lon, 2), round(lat, 2)) == (lon, lat)


def test_corridors_are_the_roads(index: FenceIndex) -> None:
    """Each road is a corridor fence along the same line with the same risk."""
    features = {f["properties"]["id"]: f for f in orjson.loads(FENCES.read_bytes())["features"]}
    for road in orjson.loads(ROADS.read_bytes())["roads"]:
        corridor = features[f"corridor-{road['id']}"]
        assert corridor["geometry"]["coordinates"] == road["line"]
        assert corridor["properties"]["risk"] == road["risk"]
    assert index.version


@pytest.mark.parametrize("direction", DIRECTIONS, ids=lambda d: f"{d.places[0].fence_id}>{d.places[-1].fence_id}")
def test_trucks_halt_in_fences(index: FenceIndex, direction: Direction) -> None:
    """Where a truck halts lies in a fence of that kind, and every metre of its route in a corridor."""
    for place in direction.places:
        assert FenceKind(place.kind) in kinds_at(index, direction, place.s_m)
    for s_m in np.linspace(0, direction.line.length_m, 200):
        assert FenceKind.HIGH_RISK_CORRIDOR in kinds_at(index, direction, float(s_m))


def test_silence_lies_inside_its_fence(index: FenceIndex) -> None:
    """A device that reports every 60 s is heard inside the mapped dead zone before the silence begins."""
    stretches = [(direction, stretch) for direction in DIRECTIONS for stretch in silence(direction)]
    assert stretches
    for direction, (start_m, end_m) in stretches:
        for s_m in (start_m - 60 * 95 / 3.6, start_m, end_m, end_m + 400):
            assert FenceKind.KNOWN_DEAD_ZONE in kinds_at(index, direction, s_m)


def test_no_stop_stretches_are_where_a_stop_is_worst(index: FenceIndex) -> None:
    """Every no-stop stretch lies in a corridor of risk 4 or 5, away from any place: H01 is counted on it."""
    found = 0
    for direction in DIRECTIONS:
        for stretch in direction.no_stops:
            for s_m in np.linspace(stretch.start_m, stretch.end_m, 20):
                lon, lat, _ = direction.line.at(float(s_m))
                matches = index.match(np.array([lon]), np.array([lat]))
                fences = [index.fences[fence] for fence in matches.fences]
                assert not any(fence.is_place for fence in fences)
                assert max(fence.risk or 0 for fence in fences) >= 4
                found += 1
    assert found


def test_chainage_is_distance() -> None:
    """The chainage of a line is the sum of its legs, and both ways of a route are equally long."""
    for route in load_world().routes:
        line = route.out.line
        legs = [distance_m(*a, *b) for a, b in pairwise(line.points)]
        assert line.length_m == pytest.approx(sum(legs))
        assert route.back.line.length_m == pytest.approx(line.length_m)
