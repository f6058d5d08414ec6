"""H01: boxed in and jammed while rolling; hours later the truck answers from somewhere else.

Times after T0, the thieves' first act: braked to a stand, jammed, driven off the road unheard to a hide-out,
heard again with the cargo door open and what the device could store: rows without a fix.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simulators.journeys import Placement
from simulators.motion import KMH
from simulators.roads import Line, Point, offset
from simulators.truth import SLACK_MS, Due, Truth
from telematics.model import DeviceEvent, Fix, Ping, Severity, Trip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from random import Random

    from simulators.journeys import Journey
    from simulators.motion import Motion, Phase
    from simulators.world import Direction, Stretch

APPROACH_KMH = (76.0, 88.0)
STEADY_M = 1500.0
"""Before T0 the truck rolls at one speed for this distance."""
SHORTEST_LEAD_M = 2300.0
"""The steady stretch and the longest braking: a truck cannot begin nearer to where it will stand."""
GETAWAY_KMH = (42.0, 60.0)
OFF_ROUTE_M = (8_000.0, 15_000.0)
NO_STOP_S = 60
"""The rules' own durations, from the rule catalogue: what is due is counted with them."""
LOST_WARNING_S, LOST_HIGH_S = 150, 300
"""signal_lost at 5 and 10 min, halved in a corridor of risk 4 and more, where every hijack of the sample is."""
DOOR_S = 10.0
"""From standing to the cab door open."""
LEFT_STANDING_S = 30 * 86_400


@dataclass(frozen=True, slots=True)
class H01:
    """How one hijack goes, in seconds after T0. `flagged`: the device says `jamming` twice before it is cut off.

    `begins_after_s` is about how long after the start T0 is; under 90 s it is as soon as an approach allows.
    """

    begins_after_s: float
    brake_s: float = 40.0
    jam_s: float = 120.0
    dark_until_s: float = 1500.0
    flagged: bool = True
    cab_door: bool = False

    @classmethod
    def draw(cls, rng: Random) -> H01:
        """Draw one within the ranges of the scenario list."""
        return cls(
            begins_after_s=rng.uniform(180.0, 1200.0),
            brake_s=rng.uniform(20.0, 60.0),
            jam_s=rng.uniform(110.0, 150.0),
            dark_until_s=rng.uniform(1500.0, 5400.0),
            flagged=rng.random() < 0.7,
            cab_door=rng.random() < 0.5,
        )


class Hijack:
    """One truck to which H01 happens at a no-stop stretch of its route, and the witness of it."""

    def __init__(self, story: H01, journey: Journey, outbound: bool, spot: Stretch, cadence_s: int) -> None:  # noqa: FBT001
        self._story = story
        self._journey = journey
        self._outbound = outbound
        self._spot = spot
        self._cadence_s = cadence_s
        self.t0 = 0

    @property
    def jam_phase_s(self) -> float:
        """Long enough for two pings: one when the jam begins, one an interval later."""
        return self._cadence_s + 5.0 if self._story.flagged else 0.0

    def phases(self, rng: Random, start_ms: int) -> Iterator[Phase]:
        """Everything the truck does from the start on; without end."""
        story, journey = self._story, self._journey
        direction = journey.route.out if self._outbound else journey.route.back
        stand_m = rng.uniform(0.4, 0.6) * (self._spot.end_m - self._spot.start_m) + self._spot.start_m
        lead_m = (story.begins_after_s + story.brake_s / 2) * sum(APPROACH_KMH) / 2 * KMH
        placement = Placement(self._outbound, max(0.0, stand_m - max(lead_m, SHORTEST_LEAD_M)), moving=True)
        motion, _ = journey.begin(start_ms, placement)
        trip: Trip | None = journey.trip(direction, journey.halts(direction, placement.s_m), start_ms)
        for phase in motion.drive(rng, stand_m - STEADY_M, APPROACH_KMH, stop=False):
            yield replace(phase, trip=trip) if trip else phase
            trip = None
        braking_m = motion.v_mps * story.brake_s / 2
        yield motion.phase((stand_m - braking_m - motion.s_m) / motion.v_mps)
        self.t0 = motion.now_ms
        yield motion.phase(story.brake_s, -motion.v_mps / story.brake_s)
        yield from self._boarded(motion)
        yield from self._taken(rng, motion, direction)

    def _boarded(self, motion: Motion) -> Iterator[Phase]:
        """Stand, until the jammer is on and the network gone."""
        story = self._story
        door_s = DOOR_S if story.cab_door else 0.0
        if door_s:
            yield motion.phase(door_s)
        events = (DeviceEvent.DOOR_OPEN,) if story.cab_door else ()
        yield motion.phase(story.jam_s - story.brake_s - door_s, events=events)
        if story.flagged:
            yield motion.phase(self.jam_phase_s, gnss=False, jammed=True)

    def _taken(self, rng: Random, motion: Motion, direction: Direction) -> Iterator[Phase]:
        """Drive off unheard, answer from the hide-out, unload, and stay there."""
        yield replace(motion.phase(rng.uniform(10.0, 40.0)), gnss=False, contact=False)
        getaway = off_route(rng, direction.line, motion.s_m)
        motion.turn_onto(getaway)
        for phase in motion.drive(rng, getaway.length_m, GETAWAY_KMH, stop=True):
            yield replace(phase, gnss=False, contact=False)
        dark_s = self._story.dark_until_s - (motion.now_ms - self.t0) / 1000
        if dark_s > 0:
            yield replace(motion.phase(dark_s), gnss=False, contact=False)
        yield motion.phase(rng.uniform(600.0, 3600.0), events=(DeviceEvent.DOOR_OPEN,))
        yield motion.phase(LEFT_STANDING_S, ignition=False)

    def witness(self, arrivals: Iterable[tuple[int, Ping | Trip]]) -> Iterator[tuple[int, Ping | Trip | Truth]]:
        """Pass on what arrives, and say what is due as soon as the last ping before the dark is in."""
        told = False
        stood = 0
        for arrival, payload in arrivals:
            yield arrival, payload
            if told or type(payload) is not Ping or not self.t0:
                continue
            if payload.fix is not Fix.NONE and payload.ts <= self._ms(self._story.jam_s):
                stood = payload.ts
            # The next interval would begin in the dark.
            if payload.ts + self._cadence_s * 1000 >= self._ms(self._story.jam_s + self.jam_phase_s):
                told = True
                yield arrival, self._truth(stood, arrival)

    def _ms(self, after_t0_s: float) -> int:
        return self.t0 + round(after_t0_s * 1000)

    def _truth(self, stood_ms: int, last_live: int) -> Truth:
        story, grace_ms = self._story, self._cadence_s * 1000 + SLACK_MS
        stand_at = self._ms(story.brake_s)
        due = []
        # Due only if the device still told so, live, when the rule's time was up: sampling costs one interval.
        no_stop_ms = max(NO_STOP_S, 2 * self._cadence_s) * 1000
        if stood_ms - stand_at - self._cadence_s * 1000 >= no_stop_ms:
            due.append(Due("no_stop_zone", Severity.HIGH, stand_at + no_stop_ms + grace_ms, self._spot.fence_id))
        if story.cab_door:
            due.append(Due("cab_door", Severity.WARNING, stand_at + round(DOOR_S * 1000) + grace_ms))
        if story.flagged:
            jammed_ms = self._ms(story.jam_s) + 20_000 + grace_ms
            due.append(Due("gnss_jamming", Severity.WARNING, jammed_ms))
        due.append(Due("signal_lost", Severity.WARNING, last_live + LOST_WARNING_S * 1000 + grace_ms))
        due.append(Due("signal_lost", Severity.HIGH, last_live + LOST_HIGH_S * 1000 + grace_ms))
        facts = {
            "stand_at": stand_at,
            "jam_at": self._ms(story.jam_s),
            "last_ping_at": last_live,
            "back_at": self._ms(story.dark_until_s),
            "cadence_s": self._cadence_s,
        }
        return Truth("H01", self._journey.vehicle_id, self.t0, tuple(due), None, ("risk_stop",), facts)


def off_route(rng: Random, line: Line, from_m: float) -> Line:
    """Return a winding way from metre `from_m` of a line to a hide-out 8-15 km from the nearest point of it."""
    lon, lat, heading = line.at(from_m)
    while True:
        bearing = heading + rng.choice((-90.0, 90.0)) + rng.uniform(-25.0, 25.0)
        reach_m = rng.uniform(OFF_ROUTE_M[0] * 1.05, OFF_ROUTE_M[1] * 0.9)
        hideout = offset((lon, lat), bearing, reach_m)
        if OFF_ROUTE_M[0] * 1.02 < line.nearest(hideout)[1] < OFF_ROUTE_M[1] * 0.98:
            break
    ways: list[Point] = [(lon, lat)]
    for share in (0.3, 0.65):
        beside_m = rng.uniform(-0.08, 0.08) * reach_m
        ways.append(offset(offset((lon, lat), bearing, share * reach_m), bearing + 90, beside_m))
    return Line([*ways, hideout])
