"""Trucks move as trucks do: no jumps, no racing-car acceleration, and halts where and as long as people halt."""

from __future__ import annotations

from itertools import islice, pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geofences.geodesy import distance_m
from simulators.devices import Device
from simulators.journeys import Journey, somewhere
from simulators.motion import KMH, Motion, Phase
from simulators.roads import Line
from simulators.world import Direction, PlaceKind, load_world
from telematics.model import Ping

ROUTES = load_world().routes
STRAIGHT = Line([(-100.0, 20.0), (-100.0, 21.0)])
QUICK = settings(max_examples=40, deadline=None)


def life(seed: int, route: int, phases: int = 250) -> list[Phase]:
    """The first phases of one truck."""
    rng = Random(seed)
    journey = Journey("v", ROUTES[route], rng)
    return list(islice(journey.phases(0, somewhere(Random(seed + 1), ROUTES[route])), phases))


seeds = st.integers(0, 2**32)
routes = st.integers(0, len(ROUTES) - 1)


@QUICK
@given(seeds, routes)
def test_a_life_has_no_jumps(seed: int, route: int) -> None:
    """Each phase begins when, where and as fast as the one before ended; speed and acceleration stay a truck's."""
    for before, after in pairwise(life(seed, route)):
        assert after.start_ms == before.end_ms
        s_m, v_mps = before.at(before.end_ms)
        assert after.v_mps == pytest.approx(v_mps, abs=0.02)
        if after.line is before.line:
            assert after.s_m == pytest.approx(s_m, abs=0.01)
        else:  # the way back begins where the way out ended
            assert distance_m(*before.line.at(s_m)[:2], *after.line.at(after.s_m)[:2]) < 5
        assert -1.2 <= after.a_mps2 <= 0.5
        assert -0.02 <= v_mps <= 95 * KMH
        assert after.odometer_m == pytest.approx(before.odometer_m + s_m - before.s_m, abs=0.01)


@QUICK
@given(seeds, routes)
def test_halts_are_where_and_as_long_as_people_halt(seed: int, route: int) -> None:
    """A truck stands only at a place: 1-4 min at a toll, 10-25 min with the engine off at a fuel stop."""
    places: dict[Line, Direction] = {way.line: way for way in (ROUTES[route].out, ROUTES[route].back)}
    for phase in life(seed, route):
        if phase.v_mps or phase.a_mps2:
            assert phase.ignition
            continue
        seconds = (phase.end_ms - phase.start_ms) / 1000
        near = [p for p in places[phase.line].places if abs(p.s_m - phase.s_m) < 10]
        assert near, "standing in the middle of nowhere"
        if near[0].kind is PlaceKind.TOLL:
            assert phase.ignition
            assert 60 <= seconds <= 240
        elif near[0].kind is PlaceKind.FUEL and not phase.ignition:
            assert 600 <= seconds <= 1500


@QUICK
@given(seeds, st.floats(50, 90_000), st.floats(0, 25), st.booleans())
def test_a_drive_ends_where_it_should(seed: int, to_m: float, v_mps: float, stop: bool) -> None:  # noqa: FBT001
    """A drive ends within metres of its goal: standing, or rolling at no less than it came with or may do."""
    if stop:
        to_m = max(to_m, v_mps**2 / (2 * 0.5) + 1)
    motion = Motion(STRAIGHT, 0, 0.0, v_mps, 0.0)
    phases = list(motion.drive(Random(seed), to_m, (70.0, 90.0), stop=stop))
    assert phases
    assert motion.s_m == pytest.approx(to_m, abs=2.0)
    assert (motion.v_mps == 0) is stop
    assert all(-1.0 <= phase.a_mps2 <= 0.46 for phase in phases)


@QUICK
@given(seeds, routes, st.sampled_from([10, 30, 60]))
def test_a_device_sees_what_the_truck_does(seed: int, route: int, cadence_s: int) -> None:
    """Fixes lie within metres of the truth, in strict order, an interval apart, sooner only when something happens."""
    phases = life(seed, route, 120)
    pings = [r.payload for r in Device("v", cadence_s, Random(seed), {}).reports(phases) if isinstance(r.payload, Ping)]
    at = 0
    for ping in pings:
        while not phases[at].start_ms <= ping.ts < phases[at].end_ms:
            at += 1
        s_m, v_mps = phases[at].at(ping.ts)
        lon, lat, _ = phases[at].line.at(s_m)
        assert distance_m(lon, lat, ping.lon, ping.lat) < 60
        assert ping.speed_kmh == pytest.approx(v_mps / KMH, abs=1.1)
        assert ping.ignition is phases[at].ignition
        assert ping.odometer_km == pytest.approx((phases[at].odometer_m + s_m - phases[at].s_m) / 1000, abs=0.01)
        assert ping.satellites is not None
        assert ping.satellites >= 8
    for before, after in pairwise(pings):
        interval_ms = (600 if not before.ignition else cadence_s) * 1000
        assert 0 < after.ts - before.ts <= interval_ms
        if after.ts - before.ts < interval_ms:
            assert after.ignition is not before.ignition


def test_noise_is_that_of_a_good_receiver() -> None:
    """Over many fixes the error is 3-10 m, wanders instead of jumping, and has no direction."""
    motion = Motion(STRAIGHT, 0, 1000.0, 0.0, 0.0)
    device = Device("v", 10, Random(2), {})
    fixes = [r.payload for r in device.reports([motion.phase(20_000)]) if isinstance(r.payload, Ping)]
    lon, lat, _ = STRAIGHT.at(1000.0)
    errors = [distance_m(lon, lat, fix.lon, fix.lat) for fix in fixes]
    steps = [distance_m(a.lon, a.lat, b.lon, b.lat) for a, b in pairwise(fixes)]
    assert 3 < sum(errors) / len(errors) < 12
    assert sum(steps) < 0.8 * sum(errors)
    mean = (sum(fix.lon for fix in fixes) / len(fixes), sum(fix.lat for fix in fixes) / len(fixes))
    assert distance_m(lon, lat, *mean) < 2
