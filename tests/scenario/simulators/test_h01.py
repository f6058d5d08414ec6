"""H01, boxed in and jammed: the story told by the pings, and what the truth says is due."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
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
from simulators.scenarios.h01 import H01
from simulators.world import load_world
from telematics.instants import parse_rfc3339
from telematics.model import DeviceEvent, Fix, Ping
from telematics.wire.pings import decode_ping

DEMO = H01(begins_after_s=180.0)
SEEDS = range(1, 7)


@dataclass
class Told:
    """One hijack: its truth, and the pings of its vehicle with their arrivals in seconds after T0."""

    truth: dict[str, Any]
    pings: list[tuple[float, Ping]]

    @property
    def t0(self) -> int:
        """T0 in milliseconds."""
        return parse_rfc3339(self.truth["t0"])

    def after(self, ping: Ping) -> float:
        """Seconds from T0 to the ping's own time."""
        return (ping.ts - self.t0) / 1000

    def due(self) -> dict[tuple[str, int], float]:
        """Rule and severity to seconds after T0."""
        return {(d["rule"], d["severity"]): (parse_rfc3339(d["due_at"]) - self.t0) / 1000 for d in self.truth["due"]}

    def fact(self, name: str) -> float:
        """An instant of the truth, in seconds after T0."""
        return (parse_rfc3339(self.truth["facts"][name]) - self.t0) / 1000


def tell(seed: int, story: H01 | None = DEMO, cadence_s: int = 10, hours: float = 1.0) -> Told:
    """Simulate three trucks, one of them hijacked."""
    plan = FleetPlan(
        vehicles=3, seed=seed, duration_ms=round(hours * 3_600_000), cadence_s=cadence_s, hijacks=1, hijack=story
    )
    found = list(records(plan))
    (truth,) = [orjson.loads(record.value) for record in found if record.kind is Kind.TRUTH]
    t0 = parse_rfc3339(truth["t0"])
    mine = [r for r in found if r.kind is Kind.PING and r.key == truth["vehicle_id"].encode()]
    pings = [(r.arrival, ping) for r in mine if isinstance(ping := decode_ping(r.value), Ping)]
    return Told(truth, [((arrival - t0) / 1000, ping) for arrival, ping in pings])


@pytest.fixture(scope="module", params=SEEDS)
def told(request: pytest.FixtureRequest) -> Told:
    """The demo's hijack under several seeds."""
    return tell(request.param)


@pytest.fixture(scope="module")
def index() -> FenceIndex:
    """The sample's fences."""
    return FenceIndex(load_geojson(FENCES))


def test_it_begins_when_the_plan_says(told: Told) -> None:
    """T0 comes about when asked for: within half a minute of three."""
    start = FleetPlan(vehicles=1).start_ms
    assert (told.t0 - start) / 1000 == pytest.approx(180, abs=30)


@pytest.mark.parametrize("after_s", [90.0, 300.0, 900.0])
def test_t0_comes_when_asked_for(after_s: float) -> None:
    """A plan may ask for T0 soon or late: it comes within a tenth of that time."""
    told = tell(1, H01(begins_after_s=after_s))
    assert (told.t0 - FleetPlan(vehicles=1).start_ms) / 1000 == pytest.approx(after_s, rel=0.1)


def test_before_t0_it_is_any_truck(told: Told) -> None:
    """Up to T0 the truck does 75-90 km/h with a good fix, and says nothing unusual."""
    before = [ping for _, ping in told.pings if told.after(ping) < 0]
    assert len(before) >= 15
    for ping in before:
        assert ping.speed_kmh is not None
        assert 75 <= ping.speed_kmh <= 90
        assert (ping.satellites or 0) >= 8
        assert ping.ignition
        assert not ping.events


def test_it_stands_in_a_no_stop_stretch_from_0_40(told: Told, index: FenceIndex) -> None:
    """From 0:40 to 2:00 it stands, ignition on, inside the no_stop fence of the truth and a corridor of risk 4+."""
    standing = [ping for _, ping in told.pings if 40 <= told.after(ping) < 120]
    assert len(standing) >= 7
    (subject,) = [due["subject"] for due in told.truth["due"] if due["rule"] == "no_stop_zone"]
    for ping in standing:
        assert ping.speed_kmh == 0
        assert ping.ignition
        assert ping.fix is Fix.THREE_D
        matches = index.match(np.array([ping.lon]), np.array([ping.lat]))
        fences = [index.fences[n] for n, inside in zip(matches.fences, matches.inside, strict=True) if inside]
        assert {fence.id for fence in fences if fence.kind is FenceKind.NO_STOP} == {subject}
        assert max(fence.risk or 0 for fence in fences) >= 4
        assert not any(fence.is_place for fence in fences)


def test_two_pings_say_jamming_then_silence(told: Told) -> None:
    """`jamming` comes in two pings from 2:00, without fix and with the last position; then nothing until 25:00."""
    last_good = [ping for _, ping in told.pings if told.after(ping) < 120][-1]
    jammed = [ping for _, ping in told.pings if DeviceEvent.JAMMING in ping.events]
    assert [told.after(ping) for ping in jammed] == [120, 130]
    for ping in jammed:
        assert (ping.lat, ping.lon, ping.speed_kmh) == (last_good.lat, last_good.lon, 0)
        assert ping.satellites == 0
        assert ping.fix is Fix.NONE
        assert not ping.buffered
    arrivals = [arrival for arrival, ping in told.pings if told.after(ping) >= 0 or arrival >= 0]
    last = max(arrival for arrival in arrivals if arrival < 1500)
    assert last == told.fact("last_ping_at")
    assert 130 < last <= 132


def test_it_answers_from_a_hide_out(told: Told) -> None:
    """After 25:00 the first live fix is 8-15 km off the route; a burst of what was stored has no fix in it."""
    later = [(arrival, ping) for arrival, ping in told.pings if arrival >= 1500]
    live = [ping for _, ping in later if not ping.buffered]
    stored = [ping for _, ping in later if ping.buffered]
    spot = told.truth["due"][0]["subject"]
    own = [r.out.line for r in load_world().routes if spot in {stretch.fence_id for stretch in r.out.no_stops}]
    assert any(8_000 <= line.nearest((live[0].lon, live[0].lat))[1] <= 15_000 for line in own)
    assert live[0].fix is Fix.THREE_D
    assert any(DeviceEvent.DOOR_OPEN in ping.events for _, ping in later)
    blind = [ping for ping in stored if told.after(ping) < 1500]
    assert len(blind) >= 20
    assert all(ping.satellites == 0 and ping.fix is Fix.NONE for ping in blind)


def test_what_is_due_is_what_the_issue_says(told: Told) -> None:
    """no_stop_zone by 1:40 + 25 s, gnss_jamming by 2:45, signal_lost by 2:30 and 5:00 after the last ping + 25 s."""
    last = told.fact("last_ping_at")
    assert told.due() == {
        ("no_stop_zone", 4): pytest.approx(125),
        ("gnss_jamming", 3): pytest.approx(165),
        ("signal_lost", 3): pytest.approx(last + 175),
        ("signal_lost", 4): pytest.approx(last + 325),
    }
    assert told.truth["must_not"] == ["risk_stop"]


@pytest.mark.parametrize("cadence_s", [10, 30, 60])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_drawn_story_is_within_its_ranges(seed: int, cadence_s: int) -> None:
    """Whatever is drawn, what is due follows from what the device said: no flag, no jamming; seen too short, no stop."""
    told = tell(seed, None, cadence_s)
    due = told.due()
    assert {("signal_lost", 3), ("signal_lost", 4)} <= due.keys()
    jammed = [ping for _, ping in told.pings if DeviceEvent.JAMMING in ping.events]
    assert len(jammed) in {0, 2}
    assert (("gnss_jamming", 3) in due) is bool(jammed)
    jam, stand = told.fact("jam_at"), told.fact("stand_at")
    seen = [told.after(p) for _, p in told.pings if stand <= told.after(p) <= jam and p.fix is Fix.THREE_D]
    if ("no_stop_zone", 4) in due:
        assert seen[-1] - seen[0] >= max(60, 2 * cadence_s)
    assert told.fact("last_ping_at") < told.fact("back_at")
    silent = [a for a, _ in told.pings if told.fact("last_ping_at") < a < told.fact("back_at")]
    assert not silent


def test_draws_stay_in_the_scenario_list() -> None:
    """Braking 20-60 s, jam about two minutes after T0, silent for 25 to 90 minutes."""
    for seed in range(200):
        story = H01.draw(Random(seed))
        assert 20 <= story.brake_s <= 60 < story.jam_s <= 180
        assert 1500 <= story.dark_until_s <= 5400
