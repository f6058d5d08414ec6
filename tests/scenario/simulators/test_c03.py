"""C03 and C04: a mapped dead zone is crossed in silence, and what was stored comes as a burst among live pings."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import orjson
import pytest

from geofences.formats.geojson import load_geojson
from geofences.index import FenceIndex
from geofences.model import FenceKind
from simulators.fleet import FleetPlan, records
from simulators.geography import FENCES
from simulators.merge import Kind
from simulators.scenarios.c03 import silence
from simulators.world import load_world
from telematics.instants import parse_rfc3339
from telematics.model import Fix, Ping
from telematics.wire.pings import decode_ping

Crossing = tuple[dict[str, Any], list[tuple[int, Ping]]]
SEEDS = range(1, 9)


def cross(seed: int, cadence_s: int = 10) -> Crossing:
    """The truth and the pings, with arrivals, of the one of three trucks that crosses."""
    plan = FleetPlan(
        vehicles=3, seed=seed, duration_ms=1_500_000, cadence_s=cadence_s, dead_zones=1, crossing_after_s=120.0
    )
    found = list(records(plan))
    (truth,) = [orjson.loads(record.value) for record in found if record.kind is Kind.TRUTH]
    mine = [r for r in found if r.kind is Kind.PING and r.key == truth["vehicle_id"].encode()]
    return truth, [(r.arrival, ping) for r in mine if isinstance(ping := decode_ping(r.value), Ping)]


def in_silence(pings: list[Ping]) -> list[Ping]:
    """The pings made where nothing reaches anybody, by more than their noise, on the way the truck drives."""
    ways = [way for route in load_world().routes for way in (route.out, route.back) if way.dead_zones]
    for way in ways:
        metres = [way.line.nearest((ping.lon, ping.lat))[0] for ping in pings]
        if metres[-1] > metres[0]:
            ((start, end),) = silence(way)
            return [ping for ping, s_m in zip(pings, metres, strict=True) if start + 50 < s_m < end - 50]
    raise AssertionError("the truck drives no way with a dead zone")


@pytest.fixture(scope="module", params=[(seed, cadence) for seed in SEEDS for cadence in (10, 60)], ids=str)
def crossing(request: pytest.FixtureRequest) -> Crossing:
    """A crossing under several seeds and cadences."""
    return cross(*request.param)


def test_no_ping_arrives_while_the_truck_is_in_the_dead_zone(crossing: Crossing) -> None:
    """From the first ping made in the silence to the last one, nothing arrives; each of them arrives later, buffered."""
    _, pings = crossing
    inside = in_silence([ping for _, ping in pings])
    assert len(inside) >= 5
    assert all(ping.buffered for ping in inside)
    first, last = min(p.ts for p in inside), max(p.ts for p in inside)
    assert not [arrival for arrival, _ in pings if first <= arrival <= last]


def test_the_fixes_are_good_all_along(crossing: Crossing) -> None:
    """Coverage, not jamming: every stored ping has a fix, satellites and the truck's speed, and none an event."""
    for _, ping in crossing[1]:
        if ping.buffered:
            assert ping.fix is Fix.THREE_D
            assert (ping.satellites or 0) >= 8
            assert (ping.speed_kmh or 0) > 50
            assert not ping.events


def test_the_device_is_heard_inside_the_fence_before_and_after(crossing: Crossing) -> None:
    """The last ping before the silence lies inside the mapped fence, and the crossing takes about its usual time."""
    truth, pings = crossing
    index = FenceIndex(load_geojson(FENCES))
    start = parse_rfc3339(truth["facts"]["silent_from_at"])
    (last,) = [ping for _, ping in pings if ping.ts == start]
    matches = index.match(np.array([last.lon]), np.array([last.lat]))
    zones = [index.fences[n] for n, inside in zip(matches.fences, matches.inside, strict=True) if inside]
    (zone,) = [fence for fence in zones if fence.kind is FenceKind.KNOWN_DEAD_ZONE]
    assert zone.id == truth["facts"]["zone"]
    assert zone.usual_crossing_s is not None
    silent_s = (parse_rfc3339(truth["facts"]["heard_again_at"]) - start) / 1000
    # Well under the 1.5 times after which silence there begins to count.
    assert 0.5 * zone.usual_crossing_s < silent_s < 1.25 * zone.usual_crossing_s


def test_the_truth_allows_no_more_than_a_hint(crossing: Crossing) -> None:
    """Nothing is due, and nothing above a hint is right in a mapped cell."""
    truth, _ = crossing
    assert truth["scenario"] == "C03"
    assert truth["due"] == []
    assert truth["may_raise"] == 2


def test_the_burst_is_mixed_with_live_pings_and_comes_in_either_order() -> None:
    """Devices send oldest first or newest first, and live pings do not wait for the burst to end."""
    orders, mixed = set(), False
    for seed in SEEDS:
        _, pings = cross(seed)
        stored = [ping.ts for _, ping in pings if ping.buffered]
        assert stored in (sorted(stored), sorted(stored, reverse=True))
        orders.add(stored == sorted(stored))
        flags = [ping.buffered for _, ping in pings]
        burst = flags[flags.index(True) : len(flags) - flags[::-1].index(True)]
        mixed = mixed or False in burst
    assert orders == {True, False}
    assert mixed


def test_nothing_is_lost_or_doubled(crossing: Crossing) -> None:
    """All pings of the crossing arrive once: sorted by their own time they are an interval apart."""
    _, pings = crossing
    times = sorted(ping.ts for _, ping in pings)
    assert len(times) == len(set(times))
    interval_ms = max(b - a for a, b in pairwise(times))
    assert interval_ms in {10_000, 60_000}
