"""The deadlines of all vehicles of a partition, in the order they fall due: (due, vehicle, rule, subject).

The truth is each vehicle's `deadlines`; the heap is an index over it that may hold an entry too early (the deadline
was moved back: the entry is put back when met) but never one too late. So re-arming a silence timer on every ping
costs one dictionary write.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telematics.core.state import Key, VehicleState


class Timers:
    """An index over the deadlines of `vehicles`."""

    def __init__(self, vehicles: Mapping[str, VehicleState]) -> None:
        self._vehicles = vehicles
        self._heap: list[tuple[int, str, str, str]] = []

    def arm(self, state: VehicleState, key: Key, due: int) -> None:
        """Set or move the deadline of a rule and subject to `due` (arrival clock, ms)."""
        state.deadlines[key] = due
        queued = state.queued.get(key)
        if queued is None or due < queued:
            state.queued[key] = due
            heappush(self._heap, (due, state.vehicle_id, *key))

    def may_be_due(self, at: int) -> bool:
        """Whether a deadline may fall due until `at`; False is certain. Asked for every input, so it only peeks."""
        return bool(self._heap) and self._heap[0][0] <= at

    def next_due(self) -> int | None:
        """When the earliest deadline falls due, None when there is none."""
        heap = self._heap
        while heap:
            queued, vehicle_id, rule, subject = heap[0]
            state = self._vehicles.get(vehicle_id)
            key = (rule, subject)
            if state is None or state.queued.get(key) != queued:
                heappop(heap)
                continue
            due = state.deadlines.get(key)
            if due == queued:
                return due
            heappop(heap)
            del state.queued[key]
            if due is not None:
                self.arm(state, key, due)
        return None

    def pop(self) -> tuple[int, VehicleState, Key]:
        """Take the deadline that `next_due` has just told of; it is no longer set."""
        due, vehicle_id, rule, subject = heappop(self._heap)
        state = self._vehicles[vehicle_id]
        key = (rule, subject)
        del state.queued[key]
        del state.deadlines[key]
        return due, state, key
