"""A whole fleet as one stream of records in order of arrival, ticks among them.

Every vehicle has random numbers of its own and is simulated lazily, so memory grows with the vehicles and not
with the time, and the same plan gives the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulators.devices import Device
from simulators.encoding import encode_simulated
from simulators.faults import Faults
from simulators.journeys import Journey, somewhere
from simulators.merge import Kind, Record, merged
from simulators.network import Uplink
from simulators.scenarios.c03 import DeadZoneCrossing, silence
from simulators.scenarios.h01 import H01, Hijack
from simulators.seeds import seeded
from simulators.truth import Truth, encode_truth
from simulators.world import Route, load_world
from telematics.errors import UserError
from telematics.model import Ping, Trip
from telematics.wire.partitioner import partition_of
from telematics.wire.trips import encode_trip

if TYPE_CHECKING:
    from collections.abc import Iterator

START_MS = 1_769_601_600_000
"""2026-01-28T12:00:00Z, 06:00 in central Mexico. Fixed, so that a run without `--start` can be repeated."""
CADENCES_S = (10, 30, 60)
CADENCE_SHARES = (0.2, 0.5, 0.3)
TRIPS_PARTITION = 0
"""The trips topic has one."""
CROSSING_AFTER_S = (60.0, 900.0)


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """What to simulate. `cadence_s` None: each device draws 10, 30 or 60 s. `duration_ms` None: without end.

    `hijack` and `crossing_after_s` fix the story of every hijack, and when the dead zone begins, instead of
    drawing them.
    """

    vehicles: int
    seed: int = 1
    start_ms: int = START_MS
    duration_ms: int | None = 3_600_000
    cadence_s: int | None = None
    hijacks: int = 0
    dead_zones: int = 0
    partitions: int = 8
    faults: Faults = field(default_factory=Faults)
    hijack: H01 | None = None
    hijack_cadence_s: int | None = None
    crossing_after_s: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated."""
        if self.vehicles < 1 or self.partitions < 1:
            raise UserError("at least one vehicle and one partition are needed")
        if min(self.hijacks, self.dead_zones) < 0 or self.hijacks + self.dead_zones > self.vehicles:
            raise UserError(
                f"{self.hijacks} hijacks and {self.dead_zones} dead zones need as many vehicles; there are {self.vehicles}"
            )
        if self.duration_ms is not None and self.duration_ms < 1:
            raise UserError("the duration must be longer than nothing, such as 30m or 1h")

    @property
    def end_ms(self) -> int | None:
        """The last arrival of the run, or None if it does not end."""
        return None if self.duration_ms is None else self.start_ms + self.duration_ms


def records(plan: FleetPlan) -> Iterator[Record]:
    """Return all records of a plan, in order of arrival, from its start up to and with its end."""
    stories: list[str] = ["hijack"] * plan.hijacks + ["crossing"] * plan.dead_zones
    numbers = seeded(plan.seed, "fleet").sample(range(plan.vehicles), len(stories))
    story_of = dict(zip(numbers, stories, strict=True))
    lanes = [_lane(plan, number, story_of.get(number)) for number in range(plan.vehicles)]
    return merged(lanes, plan.start_ms, plan.end_ms, plan.partitions)


def _lane(plan: FleetPlan, number: int, story: str | None) -> Iterator[Record]:
    vehicle_id = f"MX-{number + 1:05d}"
    key = vehicle_id.encode()
    partition = partition_of(key, plan.partitions)
    end_ms = plan.end_ms
    for arrival, payload in _life(plan, vehicle_id, story):
        if end_ms is not None and arrival > end_ms:
            return
        if type(payload) is Ping:
            yield Record(arrival, number, Kind.PING, partition, key, encode_simulated(payload))
        elif type(payload) is Trip:
            yield Record(arrival, number, Kind.TRIP, TRIPS_PARTITION, key, encode_trip(payload))
        elif type(payload) is Truth:
            yield Record(arrival, number, Kind.TRUTH, partition, key, encode_truth(payload))


def _life(plan: FleetPlan, vehicle_id: str, story: str | None) -> Iterator[tuple[int, Ping | Trip | Truth]]:
    """One vehicle: motion, device and network in a row, and a witness where there is something to tell.

    The devices of a story report faithfully, so that what is due stays due: faults are for the fleet around it.
    """
    drawn = seeded(plan.seed, vehicle_id, "plan")
    motion_rng = seeded(plan.seed, vehicle_id, "motion")
    uplink = Uplink(seeded(plan.seed, vehicle_id, "network"), newest_first=drawn.random() < 0.5)
    cadence_s = plan.cadence_s or drawn.choices(CADENCES_S, CADENCE_SHARES)[0]
    if story == "hijack" and plan.hijack_cadence_s:
        cadence_s = plan.hijack_cadence_s
    route = _route(vehicle_id, plan.seed, story)
    silent = {way.line: silence(way) for way in (route.out, route.back) if way.dead_zones}
    device = Device(vehicle_id, cadence_s, seeded(plan.seed, vehicle_id, "device"), silent)
    journey = Journey(vehicle_id, route, motion_rng)
    outbound = drawn.random() < 0.5
    if story == "hijack":
        way = route.out if outbound else route.back
        spot = drawn.choice(way.no_stops)
        hijack = Hijack(plan.hijack or H01.draw(drawn), journey, outbound, spot, cadence_s)
        return hijack.witness(uplink.deliver(device.reports(hijack.phases(motion_rng, plan.start_ms))))
    if story == "crossing":
        after_s = drawn.uniform(*CROSSING_AFTER_S) if plan.crossing_after_s is None else plan.crossing_after_s
        crossing = DeadZoneCrossing(journey, outbound=outbound, begins_after_s=after_s)
        return crossing.witness(uplink.deliver(device.reports(crossing.phases(plan.start_ms))))
    phases = journey.phases(plan.start_ms, somewhere(drawn, route))
    arrivals = uplink.deliver(device.reports(phases))
    if plan.faults:
        arrivals = plan.faults.apply(arrivals, seeded(plan.seed, vehicle_id, "faults"))
    return arrivals


def _route(vehicle_id: str, seed: int, story: str | None) -> Route:
    rng = seeded(seed, vehicle_id, "route")
    routes = load_world().routes
    if story == "hijack":
        return rng.choice([route for route in routes if route.out.no_stops])
    if story == "crossing":
        return rng.choice([route for route in routes if route.out.dead_zones])
    return rng.choices(routes, [route.share for route in routes])[0]
