"""The ordinary life of a truck: wait at a depot, drive a route with its tolls and a fuel stop, unload, drive back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simulators.motion import KMH, Motion
from simulators.world import Direction, Place, PlaceKind, Route
from telematics.model import PlannedStop, StopKind, Trip, TripPlan, Vehicle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from simulators.motion import Phase

CRUISE_KMH = (72.0, 90.0)
"""Loaded articulated trucks on toll motorways; each driver keeps to a band within it."""
TOLL_S = (60.0, 240.0)
FUEL_S = (600.0, 1500.0)
FUEL_SHARE = 0.3
"""The part of the fuel stops on a route that a trip plans to use."""
WARM_UP_S = (45.0, 180.0)
LOADING_S = (1800.0, 7200.0)
CLEAR_OF_PLACES_M = 1500.0
"""Trucks that begin on the road begin this far from any place, at cruising speed: none has to brake at once."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a truck is when the simulation starts: on which way of its route, at which metre, moving or parked."""

    outbound: bool
    s_m: float
    moving: bool


def somewhere(rng: Random, route: Route) -> Placement:
    """Place an ordinary truck: two of three are on the road, the others at the depot where they load."""
    outbound = rng.random() < 0.5
    direction = route.out if outbound else route.back
    if rng.random() < 1 / 3:
        return Placement(outbound, 0.0, moving=False)
    while True:
        s_m = rng.uniform(0.0, direction.line.length_m)
        if all(abs(place.s_m - s_m) > CLEAR_OF_PLACES_M for place in direction.places):
            return Placement(outbound, s_m, moving=True)


class Journey:
    """One truck on one route, forever back and forth."""

    def __init__(self, vehicle_id: str, route: Route, rng: Random) -> None:
        self.vehicle_id = vehicle_id
        self.route = route
        self._rng = rng
        slowest = rng.uniform(CRUISE_KMH[0], CRUISE_KMH[1] - 8)
        self.band_kmh = (slowest, slowest + 8)
        self.odometer_m = rng.uniform(50e6, 900e6)
        self._vehicle = Vehicle(
            client=f"client-{rng.randrange(1, 13)}", tags=("sample",), profile="line_haul", max_speed_kmh=95.0
        )

    def begin(self, start_ms: int, placement: Placement) -> tuple[Motion, Direction]:
        """Return the truck's motion as it is at the start, and the way of the route it is on."""
        direction = self.route.out if placement.outbound else self.route.back
        v_mps = self._rng.uniform(*self.band_kmh) * KMH if placement.moving else 0.0
        return Motion(direction.line, start_ms, placement.s_m, v_mps, self.odometer_m), direction

    def phases(self, start_ms: int, placement: Placement) -> Iterator[Phase]:
        """Everything the truck does from the start on; without end."""
        motion, direction = self.begin(start_ms, placement)
        rng = self._rng
        halts = self.halts(direction, placement.s_m)
        first_trip: Trip | None = self.trip(direction, halts, start_ms)
        if not placement.moving:
            yield motion.phase(rng.uniform(0.0, LOADING_S[0]), ignition=False, trip=first_trip)
            yield motion.phase(rng.uniform(*WARM_UP_S))
            first_trip = None
        while True:
            for phase in self.haul(motion, halts):
                yield replace(phase, trip=first_trip) if first_trip else phase
                first_trip = None
            yield motion.phase(rng.uniform(*WARM_UP_S))
            direction = self.route.back if direction is self.route.out else self.route.out
            motion.turn_onto(direction.line)
            halts = self.halts(direction, 0.0)
            # Dispatch publishes the next trip while the truck is still being unloaded.
            loading_s = rng.uniform(*LOADING_S)
            trip = self.trip(direction, halts, motion.now_ms + round(loading_s * 1000))
            yield motion.phase(loading_s, ignition=False, trip=trip)
            yield motion.phase(rng.uniform(*WARM_UP_S))

    def halts(self, direction: Direction, from_m: float) -> list[Place]:
        """Return the places ahead where this trip stops: every toll, some fuel stops, and the end."""
        ahead = [place for place in direction.places if place.s_m > from_m + CLEAR_OF_PLACES_M / 2]
        return [p for p in ahead if p.kind is not PlaceKind.FUEL or self._rng.random() < FUEL_SHARE]

    def trip(self, direction: Direction, halts: list[Place], effective_at: int) -> Trip:
        """Return the document that dispatch publishes for the trip that begins at `effective_at`."""
        stops = [PlannedStop(StopKind.LOAD, place=direction.places[0].fence_id)]
        stops += [PlannedStop(StopKind.FUEL, place=p.fence_id) for p in halts if p.kind is PlaceKind.FUEL]
        stops.append(PlannedStop(StopKind.UNLOAD, place=direction.places[-1].fence_id))
        trip_id = f"{self.vehicle_id}-{effective_at // 1000}"
        plan = TripPlan(trip_id, route=direction.line.points, stops=tuple(stops), carrier_vetted=True)
        return Trip(self.vehicle_id, effective_at, self._vehicle, plan)

    def haul(self, motion: Motion, halts: list[Place]) -> Iterator[Phase]:
        """Drive from halt to halt; stand at each but the last, where the caller decides what comes."""
        rng = self._rng
        for halt in halts:
            yield from motion.drive(rng, halt.s_m, self.band_kmh, stop=True)
            if halt.kind is PlaceKind.TOLL:
                yield motion.phase(rng.uniform(*TOLL_S))
            elif halt.kind is PlaceKind.FUEL:
                yield motion.phase(rng.uniform(20.0, 60.0))
                yield motion.phase(rng.uniform(*FUEL_S), ignition=False)
                yield motion.phase(rng.uniform(20.0, 60.0))
