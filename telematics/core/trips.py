"""The trips of a partition's vehicles: those in force, and those whose time has not come."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telematics.model import Trip


class Trips:
    """A heap of the coming ones. A trip that takes effect replaces those that came before it, also the coming ones."""

    def __init__(self) -> None:
        self.in_force: dict[str, Trip] = {}
        self.next_at: float = inf
        """When the next one takes effect (arrival clock, ms)."""
        self._coming: list[tuple[int, int, Trip]] = []
        self._coming_of: dict[str, dict[int, Trip]] = {}
        self._count = 0

    def put(self, trip: Trip, effective_at: int) -> None:
        """A trip that takes effect later."""
        self._count += 1
        heappush(self._coming, (effective_at, self._count, trip))
        self._coming_of.setdefault(trip.vehicle_id, {})[self._count] = trip
        self.next_at = self._coming[0][0]

    def pop(self) -> Trip:
        """The next one, which is in force from now on."""
        _, number, trip = self._coming[0]
        self._forget(trip.vehicle_id, number)
        self.in_force[trip.vehicle_id] = trip
        return trip

    def take(self, trip: Trip) -> None:
        """Let a trip that came last be in force at once."""
        if trip.vehicle_id in self._coming_of:
            self._forget(trip.vehicle_id, self._count)
        self.in_force[trip.vehicle_id] = trip

    def _forget(self, vehicle_id: str, until: int) -> None:
        """The coming trips of a vehicle that came up to the one with this number will never be in force."""
        coming = self._coming_of[vehicle_id]
        gone = [number for number in coming if number <= until]
        for number in gone:
            del coming[number]
        if not coming:
            del self._coming_of[vehicle_id]
        if gone == [self._coming[0][1]]:
            heappop(self._coming)
        else:
            dead = set(gone)
            self._coming = [entry for entry in self._coming if entry[1] not in dead]
            heapify(self._coming)
        self.next_at = self._coming[0][0] if self._coming else inf

    def vehicles_until(self, at: int) -> frozenset[str]:
        """The vehicles whose trips take effect by then."""
        if self.next_at > at:
            return frozenset()
        return frozenset(trip.vehicle_id for effective_at, _, trip in self._coming if effective_at <= at)

    def before_the_newest(self, vehicle_id: str) -> tuple[Trip, ...]:
        """The trip in force and those to come, in the order they came, without the one that came last.

        A compacted log keeps only that one.
        """
        coming = self._coming_of.get(vehicle_id)
        if coming is None:
            return ()
        in_force = self.in_force.get(vehicle_id)
        return (*(() if in_force is None else (in_force,)), *list(coming.values())[:-1])
