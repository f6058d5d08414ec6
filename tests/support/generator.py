"""Ping streams of several vehicles for the engine's laws: every rule raises and clears in them, and they are dirty.

A vehicle lives through acts drawn by Hypothesis, each about one rule or one fault; what it sent is then soiled with
duplicates, late arrivals, clocks in the future, no-fix pings and jumps. Ticks come and go. A law that saw no alert of
some rule has proved nothing: `Coverage.require` says so.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from random import Random
from typing import Any

from hypothesis import strategies as st

from geofences.index import FenceIndex
from geofences.model import Detect, Fence, FenceKind
from geofences.schedule import Schedule, Window
from telematics.core.effects import Effects
from telematics.core.engine import MonitorEngine
from telematics.core.params import RuleSet
from telematics.core.rules import RULES
from telematics.model import (
    Alert,
    AlertEvent,
    Device,
    DeviceEvent,
    Ping,
    PlannedStop,
    StopKind,
    Trip,
    TripPlan,
    Vehicle,
)
from telematics.wire.alerts import encode_alert
from tests.support.places import ALL_VISITS, FENCES, circle, spot
from tests.support.story import Input, batch_of, clock, in_order
from tests.support.truck import NOON, Truck

RULE_SET = RuleSet()

# -- fences --------------------------------------------------------------------------------------------------------

_HOUR = 3_600_000
# Beside those that are always there, some that come and go where the trucks are, and some that lie between two pings.
_SHIFTS = Schedule("America/Mexico_City", [Window(6 * 60 + 20, 7 * 60), Window(8 * 60, 5 * 60)])
_CHANGING = (
    Fence(id="shift", shape=circle(18, 400), detect=ALL_VISITS, dwell_s=200, schedule=_SHIFTS),
    Fence(id="fair", shape=circle(84, 2500), detect=ALL_VISITS, valid_from=NOON, valid_to=NOON + 2 * _HOUR),
    Fence(id="curb", kind=FenceKind.NO_STOP, shape=circle(75, 400), valid_to=NOON + _HOUR),
    Fence(
        id="inn",
        kind=FenceKind.AUTHORISED_STOP,
        shape=circle(25, 200),
        valid_from=NOON + _HOUR,
        valid_to=NOON + 3 * _HOUR,
    ),
    Fence(id="fog", kind=FenceKind.KNOWN_DEAD_ZONE, shape=circle(22, 500), valid_to=NOON + _HOUR, usual_crossing_s=600),
    Fence(id="line", shape=circle(87.45, 60), detect=frozenset({Detect.CROSS, Detect.EXIT})),
    Fence(
        id="ours", shape=circle(17, 1500), min_inside_s=90, applies_to=frozenset({"hazmat"}), valid_to=NOON + 2 * _HOUR
    ),
)
_FIRST = (*FENCES, *_CHANGING)
_GONE = {"gate", "pen", "mined", "risky", "fair", "ours", "post"}
_MOVED = {
    "fair": circle(88, 2500),
    "pen": circle(90.6, 250),
    "gate": circle(85.2, 200),
    "mined": circle(30.1, 600),
    "yard": circle(6, 300),
    "line": circle(69, 60),
}
# Where they are, and in the same order; some of them are drawn for another purpose now, or only called otherwise.
_ALTERED: dict[str, dict[str, Any]] = {
    "yard": {"kind": FenceKind.GENERIC, "severity": 3},
    "risky": {"risk": 2},
    "federal": {"risk": 5},
    "canyon": {"usual_crossing_s": 30.0},
    "gate": {"detect": frozenset({Detect.ENTER})},
    "pen": {"min_inside_s": 0.0, "min_outside_s": 0.0},
    "pumps": {"approach_m": 800.0},
    "shift": {"schedule": None},
    "mined": {"schedule": _SHIFTS, "detect": ALL_VISITS, "dwell_s": 60.0},
    "plaza": {"kind": FenceKind.NO_STOP},
    "base": {"applies_to": frozenset()},
    "fair": {"name": "Feria", "tags": frozenset({"loud"}), "protocol": "call"},
}
SETS = (
    FenceIndex(_FIRST),
    FenceIndex(replace(fence, **_ALTERED.get(fence.id, {})) for fence in _FIRST),
    FenceIndex(fence for fence in _FIRST if fence.id not in _GONE),
    FenceIndex(replace(fence, shape=_MOVED.get(fence.id, fence.shape)) for fence in reversed(_FIRST)),
)
"""What a fleet may have, one after the other."""

# -- acts ----------------------------------------------------------------------------------------------------------


def _go(truck: Truck, km: float) -> None:
    """To a kilometre, from 2 km before it; the truck is taken there in a pause of 30 min, so that it is no jump."""
    truck.wait(1800)
    truck.km, truck.north_m = km - 1.8, 0.0
    truck.drive(km)


def _sibling(truck: Truck, device: Device) -> Truck:
    other = Truck(
        truck.vehicle_id,
        km=truck.km,
        start_s=truck.now_s,
        device=device,
        **{**truck.fields, "satellites": truck.fields["satellites"] and 7},
    )
    other.sent = truck.sent
    return other


def visit(truck: Truck) -> None:
    """Enters, dwells in, leaves and enters again the gate; stays in the pen."""
    _go(truck, 85)
    truck.stand(360)
    truck.drive(90).stand(120).drive(93).drive(84.6)


def stand_in_no_stop(truck: Truck) -> None:
    """Stands in the no-stop zone and leaves."""
    _go(truck, 30)
    truck.stand(240).drive(33)


def stand_at_risk(truck: Truck) -> None:
    """Stands ten minutes in the risky corridor and leaves."""
    _go(truck, 25)
    truck.stand(660).drive(28)


def stand_on_the_way(truck: Truck) -> None:
    """Stands on the federal road and leaves."""
    _go(truck, 75)
    truck.stand(480).drive(78)


def rest_as_planned(truck: Truck) -> None:
    """Stands where the trip plans a rest."""
    _go(truck, 55)
    truck.stand(600).drive(57)


def fall_silent(truck: Truck) -> None:
    """Silent on the road, then back."""
    _go(truck, 22)
    truck.wait(700).drive(24)


def dead_zone(truck: Truck) -> None:
    """Crosses the canyon and sends what it stored there afterwards."""
    _go(truck, 65)
    first = len(truck.sent)
    truck.drive(70.4, buffered=True)
    back = truck.now()
    truck.sent[first:] = [(back, ping) for _, ping in truck.sent[first:]]
    truck.drive(73)


def jammed(truck: Truck) -> None:
    """Jammed in the risky corridor, then free."""
    _go(truck, 27)
    truck.repeat(120, DeviceEvent.JAMMING).drive(29.4)


def trailer_jammed(truck: Truck) -> None:
    """The trailer's unit is jammed, then free."""
    trailer = _sibling(truck, Device.TRAILER)
    trailer.repeat(60, DeviceEvent.GSM_JAMMING).stand(120)
    truck.stand(180)


def frozen(truck: Truck) -> None:
    """No fix: the last position repeated, and 0,0."""
    truck.repeat(200)
    truck.send(lat=0.0, lon=0.0, satellites=0).wait(truck.every_s)


def press(truck: Truck) -> None:
    """Panic, twice, on two devices."""
    truck.send(DeviceEvent.PANIC).wait(20)
    _sibling(truck, Device.CARGO).send(DeviceEvent.PANIC)
    truck.wait(10).stand(660)


def doors(truck: Truck) -> None:
    """Cab and cargo opened on the road and closed again."""
    _go(truck, 18)
    cargo = _sibling(truck, Device.CARGO)
    truck.send(DeviceEvent.DOOR_OPEN).wait(5)
    cargo.send(DeviceEvent.DOOR_OPEN).wait(25)
    truck.stand(60)
    cargo.now_s = truck.now_s
    cargo.send(DeviceEvent.DOOR_CLOSED)
    truck.drive(19).send(DeviceEvent.DOOR_CLOSED).wait(10)


def unplugged(truck: Truck) -> None:
    """Supply cut and restored, by event and by voltage; tampered with."""
    truck.send(DeviceEvent.POWER_CUT).wait(20).stand(60)
    truck.send(DeviceEvent.POWER_RESTORED, power_v=13.0).wait(truck.every_s)
    truck.stand(660, power_v=13.0).stand(40, power_v=1.0).stand(700, power_v=13.0)
    truck.send(DeviceEvent.TAMPER).wait(5)


def uncoupled(truck: Truck) -> None:
    """The trailer is uncoupled and coupled again."""
    trailer = _sibling(truck, Device.TRAILER)
    trailer.send(DeviceEvent.TRAILER_DETACHED).wait(30)
    truck.wait(10).stand(60)
    trailer.now_s = truck.now_s
    trailer.send(DeviceEvent.TRAILER_ATTACHED)


def jump(truck: Truck) -> None:
    """One wild fix, then three that agree where it was; then it is really elsewhere."""
    _go(truck, 17)
    km = truck.km
    truck.km = km + 300
    truck.flag(truck.every_s)
    truck.km = km
    truck.stand(4 * truck.every_s)
    truck.km = 83
    truck.stand(5 * truck.every_s)


def towed_tracker(truck: Truck) -> None:
    """The odometer stands while positions move, then both agree."""
    _go(truck, 60)
    for _ in range(round(14_000 / (20 * truck.every_s))):
        started = 60.0
        moved_km = truck.km - started
        truck.flag(truck.every_s, kmh=72.0, odometer_km=max(0.0, moved_km - 6.0))


def parked(truck: Truck) -> None:
    """Off for a while, drifting, at the yard."""
    _go(truck, 5)
    truck.stand(400, drift_m=[20, -30, 280, 10], ignition=False)


ACTS: tuple[Callable[[Truck], None], ...] = (
    visit,
    stand_in_no_stop,
    stand_at_risk,
    stand_on_the_way,
    rest_as_planned,
    fall_silent,
    dead_zone,
    jammed,
    trailer_jammed,
    frozen,
    press,
    doors,
    unplugged,
    uncoupled,
    jump,
    towed_tracker,
    parked,
)

# -- streams -------------------------------------------------------------------------------------------------------


class Stream:
    """Inputs in log order, with the trips and sets of fences that are known before the first of them.

    No dataclass: Hypothesis would print every ping of a failing example.
    """

    def __init__(
        self,
        inputs: list[Input],
        trips: tuple[Trip, ...] = (),
        acts: tuple[tuple[str, ...], ...] = (),
        sets: tuple[tuple[FenceIndex, int], ...] = (),
    ) -> None:
        self.inputs = inputs
        self.trips = trips
        self.acts = acts
        self.sets = sets
        """The sets of fences and when they take effect, in the order they come."""

    def engine(self, rules: RuleSet = RULE_SET, **how: Any) -> MonitorEngine:
        """An engine that knows the trips and the sets."""
        engine = MonitorEngine(SETS[0], rules, **how)
        for trip in self.trips:
            engine.put_trip(trip)
        for index, effective_at in self.sets:
            engine.put_fences(index, effective_at)
        return engine

    def restored(self, snapshot: dict[str, Any]) -> MonitorEngine:
        """A new engine that knows as much and goes on from a snapshot written down as JSON."""
        engine = MonitorEngine(SETS[0], RULE_SET)
        engine.restore(json.loads(json.dumps(snapshot)), self.trips, self.sets)
        return engine

    def fences_at(self, at: int) -> FenceIndex:
        """The set in force at an instant of the arrival clock: the last that came of those whose time had come."""
        return next((index for index, effective_at in reversed(self.sets) if effective_at <= at), SETS[0])

    def without_ticks(self) -> list[Input]:
        """The pings alone."""
        return [input_ for input_ in self.inputs if input_[1] is not None]

    def __repr__(self) -> str:
        changes = [(SETS.index(index), clock(effective_at)) for index, effective_at in self.sets]
        return f"Stream({len(self.inputs)} inputs of {self.acts}, sets {changes})"


def soiled(sent: list[tuple[int, Ping]], random: Random, rate: float) -> list[tuple[int, Ping]]:
    """What was sent, with each fault that real feeds have, at about this rate."""
    dirty: list[tuple[int, Ping]] = []
    for arrival, ping in sent:
        if random.random() < rate:
            continue  # lost on the way
        late_ms = round(random.expovariate(1 / 90_000)) if random.random() < rate else random.randrange(0, 900)
        dirty.append((arrival + late_ms, ping))
        if random.random() < rate:
            dirty.append((arrival + late_ms + random.choice([0, 0, 5_000, 700_000]), ping))
        if random.random() < rate / 4:
            dirty.append((arrival, replace(ping, ts=ping.ts + random.choice([700_000, 4 * 10**11]))))
        if random.random() < rate / 4:
            dirty.append((arrival + 1, replace(ping, ts=ping.ts + 1, satellites=0, speed_kmh=0.0)))
        if random.random() < rate / 4:
            dirty.append((arrival + 2, replace(ping, ts=ping.ts + 2, lon=-ping.lon)))
        if random.random() < rate / 4:
            dirty.append((arrival + 3, replace(ping, lat=ping.lat + 0.02)))  # the same instant elsewhere
        if random.random() < rate / 8:
            old = random.choice([ping.ts - 40 * 86_400_000, 1000])
            dirty.append((arrival + 4, replace(ping, ts=old, lat=0.0, lon=0.0, satellites=0)))
    return dirty


def trip_of(vehicle_id: str, effective_at: int | None) -> Trip:
    """A trip that plans the rest of `rest_as_planned`."""
    lon, lat = spot(55)
    stop = PlannedStop(StopKind.REST, lat=lat, lon=lon)
    return Trip(vehicle_id, effective_at, Vehicle(tags=("hazmat",)), TripPlan(id=f"trip-{vehicle_id}", stops=(stop,)))


TELLING: tuple[dict[str, Any], ...] = (
    {},
    {"interval_s": None, "hdop": 1.5},
    {"accuracy_m": 8.0},
    {"power_v": 13.6},
)
"""What a truck's device tells with every ping, beside what every device does."""


_CLOCKS_MS = (0, 0, 0, 0, 2_000, 200_000, -1_000, -400_000)
"""By how much a device's clock is ahead."""


@st.composite
def streams(draw: st.DrawFn, *, most_acts: int = 5, vehicles: int = 3, dirty: bool = True) -> Stream:
    """Some vehicles, each through some acts, more or less dirty, with or without ticks."""
    # Which acts is left to a seed: Hypothesis likes to repeat choices, and every rule must have its turn.
    random = Random(draw(st.integers(0, 2**32 - 1)))
    played = draw(st.integers(2, most_acts))
    lives = [random.sample(ACTS, played) for _ in range(vehicles)]
    rate = draw(st.sampled_from([0.0, 0.02, 0.1])) if dirty else 0.0
    tick_every_ms = draw(st.sampled_from([5_000, 60_000, 3_600_000]))
    sent: list[tuple[int, Ping]] = []
    trips: list[Trip] = []
    for number, acts in enumerate(lives):
        first = Device.TRAILER if random.random() < 0.1 else Device.TRACTOR
        every_s = random.choice([10, 10, 30, 60])
        tells = random.choice(TELLING)
        fields = {**tells, "interval_s": float(every_s)} if "interval_s" in tells else tells
        truck = Truck(f"V{number}", every_s=every_s, km=16, start_s=random.randrange(0, 60), **fields)
        _sibling(truck, first).send()
        truck.wait(7).drive(18)
        for act in acts:
            act(truck)
        ahead_ms = random.choice(_CLOCKS_MS)
        told = [(arrival, replace(ping, ts=ping.ts + ahead_ms)) for arrival, ping in truck.sent]
        sent += soiled(told, random, rate)
        if random.random() < 0.5:
            trips.append(trip_of(truck.vehicle_id, random.choice([None, NOON, NOON + 1_200_000])))
    named = tuple(tuple(act.__name__ for act in acts) for acts in lives)
    # While the trucks are there: a random instant of the day mostly has them on the open road.
    changes = random.choices([sent_at for sent_at, _ in sent], k=random.choice([0, 1, 2, 4, 8])) if sent else []
    sets = tuple(
        (random.choice((*SETS, *SETS[1:])), effective_at + random.randrange(-1000, 30_000)) for effective_at in changes
    )
    return Stream(in_order(sent, tick_every_ms=tick_every_ms), tuple(trips), named, sets)


# -- running and counting ------------------------------------------------------------------------------------------


@dataclass
class Run:
    """What came of a stream, in bytes."""

    alerts: list[Alert] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, effects: Effects) -> Effects:
        """Take up the effects of one step."""
        self.alerts += effects.alerts
        self.counts.update({str(name): count for name, count in effects.counts.items()})
        self.counts.update({f"quarantined {name}": count for name, count in effects.quarantined.items()})
        return effects

    def encoded(self) -> list[bytes]:
        """The alerts as they would be published."""
        return [encode_alert(alert) for alert in self.alerts]


def run(engine: MonitorEngine, inputs: Sequence[Input], cuts: Iterable[int] = ()) -> Run:
    """Feed inputs to an engine, cut into batches before these positions."""
    came = Run()
    edges = [0, *sorted(set(cuts)), len(inputs)]
    for first, last in pairwise(edges):
        came.add(engine.step(batch_of(inputs[first:last], first)))
    return came


# How a fence is entered and left beside by fixes in it and outside.
_HOWS = ("opened", "crossed", "window closed", "fence changed", "fence removed")


class Coverage:
    """Which rules raised and cleared while a law was tried."""

    def __init__(self) -> None:
        self.seen: Counter[tuple[str, str]] = Counter()

    def add(self, alerts: Iterable[Alert]) -> None:
        """Count what a run told."""
        for alert in alerts:
            facts = alert.evidence["facts"]
            self.seen[alert.rule, alert.event.value] += 1
            self.seen.update((alert.rule, how) for how in _HOWS if how in facts or facts.get("reason") == how)

    def require(self) -> None:
        """Fail if some rule was never raised or never cleared, or no fence changed: then the law was not tried on it."""
        wanted = {(rule.id, event.value) for rule in RULES for event in (AlertEvent.RAISED, AlertEvent.CLEARED)}
        wanted |= {("geofence_enter", how) for how in _HOWS}
        missing = sorted(wanted - set(self.seen))
        assert not missing, f"the generator told nothing of {missing}"
