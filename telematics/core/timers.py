"""The deadlines of all vehicles of a partition, in the order they fall due: (due, vehicle, rule, subject).

The truth is each vehicle's `deadlines`. Beside it stand a column with an instant before which none of a vehicle's
deadlines is due, and a heap of those that are due within the horizon: the arrival of the last input of the stretch in
hand. So a deadline far ahead costs one comparison of numpy's a stretch, and re-arming it one dictionary write.

Some deadlines are put off without being set anew, whenever the vehicle is heard (silences): `true_due` is asked what
has become of one before it counts.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

import numpy as np

from telematics.core.fleet import grown

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from telematics.core.fleet import Fleet
    from telematics.core.state import Key, VehicleState

    TrueDue = Callable[[VehicleState, Key, int], int]

_NEVER = np.inf


class Timers:
    """An index over the deadlines of the vehicles of a fleet."""

    def __init__(self, fleet: Fleet, true_due: TrueDue) -> None:
        self._fleet = fleet
        self._true_due = true_due
        self._not_before = np.full(1, _NEVER)
        self._cells = self._not_before.data  # the same column, for one cell at a time
        self._horizon = -1
        self._heap: list[tuple[int, str, str, str]] = []

    def arm(self, state: VehicleState, key: Key, due: int) -> None:
        """Set or move the deadline of a rule and subject to `due` (arrival clock, ms)."""
        state.deadlines[key] = due
        if due <= self._horizon:
            heappush(self._heap, (due, state.vehicle_id, *key))
            return
        if state.slot >= len(self._cells):
            self._grow()
        self._cells[state.slot] = min(self._cells[state.slot], due)

    def put_off(self, slots: NDArray[np.intp], not_before: NDArray[np.float64]) -> None:
        """None of the deadlines of these vehicles is due before these instants any more."""
        if len(self._fleet.by_slot) > len(self._cells):
            self._grow()
        self._not_before[slots] = not_before

    def _grow(self) -> None:
        self._not_before = grown(self._not_before, len(self._fleet.by_slot), _NEVER)
        self._cells = self._not_before.data

    def look_ahead(self, horizon: int) -> None:
        """Let the deadlines due until `horizon` (arrival clock, ms; never less than before) be found."""
        self._horizon = horizon
        for slot in np.flatnonzero(self._not_before <= horizon).tolist():
            state = self._fleet.by_slot[slot]
            self._not_before[slot] = _NEVER
            for key, due in list(state.deadlines.items()):
                self.arm(state, key, self._true_due(state, key, due))

    def may_be_due(self, at: int) -> bool:
        """Whether a deadline may fall due until `at`, within the horizon; False is certain. It only peeks."""
        return bool(self._heap) and self._heap[0][0] <= at

    def next_due(self) -> int | None:
        """When the earliest deadline within the horizon falls due, None when there is none."""
        heap = self._heap
        while heap:
            due, vehicle_id, rule, subject = heap[0]
            state, key = self._fleet.by_id.get(vehicle_id), (rule, subject)
            if state is not None and state.deadlines.get(key) == due:
                put_off = self._true_due(state, key, due)
                if put_off == due:
                    return due
                self.arm(state, key, put_off)
            heappop(heap)
        return None

    def pop(self) -> tuple[int, VehicleState, Key]:
        """Take the deadline that `next_due` has just told of; it is no longer set."""
        due, vehicle_id, rule, subject = heappop(self._heap)
        state = self._fleet.by_id[vehicle_id]
        key = (rule, subject)
        del state.deadlines[key]
        return due, state, key
