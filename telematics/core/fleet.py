"""The vehicles of a partition, and what is kept of all of them in columns: their last fixes."""

from __future__ import annotations

from itertools import repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from telematics.core.state import RING_FIXES, FixPoint, VehicleState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Slots = NDArray[np.intp]
    Mask = NDArray[np.bool_]

_DEPTH = RING_FIXES + 1  # the ring, and the one whose time is the latest forgotten
# The places of a full ring from each of them on, around its end.
_FROM = (np.arange(_DEPTH)[:, None] + np.arange(_DEPTH)) % _DEPTH
_new = tuple.__new__  # a named tuple's own constructor takes twice as long, a loop around it four times


def grown(column: NDArray[Any], slots: int, fill: float) -> NDArray[Any]:
    """`column` with room for twice as many rows as there are slots; new rows hold `fill`."""
    more = np.full((2 * slots, *column.shape[1:]), fill, dtype=column.dtype)
    more[: len(column)] = column
    return more


def of_first(column: NDArray[np.int64], first: Mask) -> NDArray[np.int64]:
    """For each row of a column in groups what the group's first row holds; `first` marks where groups begin."""
    spread: NDArray[np.int64] = column[first][np.cumsum(first) - 1]
    return spread


def ends_of(first: Mask) -> Mask:
    """Where groups end; `first` marks where they begin."""
    return np.append(first[1:], True) if len(first) else first


class Rings:
    """The last good fixes of each vehicle by time, RING_FIXES of them, by slot.

    As columns, for as objects they were half of all that a vehicle costs, and few are ever looked at.
    """

    def __init__(self) -> None:
        self._fixes = np.zeros((0, _DEPTH, len(FixPoint._fields)))
        self._counts = np.zeros(0, dtype=np.int64)  # ever put in; the place of the next is this modulo _DEPTH
        self._counts_of = self._counts.data

    def reserve(self, slots: int) -> None:
        """Make room for so many vehicles."""
        if slots > len(self._counts):
            self._fixes, self._counts = grown(self._fixes, slots, 0.0), grown(self._counts, slots, 0)
            self._counts_of = self._counts.data

    def of(self, state: VehicleState) -> list[FixPoint]:
        """The ring of a vehicle, oldest first; the latest that it has forgotten raises its device's floor."""
        ts, *rest = self.rows(state).T.tolist()
        return list(map(_new, repeat(FixPoint), zip(map(int, ts), *rest, strict=True)))

    def rows(self, state: VehicleState) -> Floats:
        """As `of`, a row of FixPoint's fields each; not to be kept, and not to be changed."""
        count = self._counts_of[state.slot]
        rows: Floats = self._fixes[state.slot, :count]
        if count > _DEPTH:
            rows = rows[_FROM[count % _DEPTH]]
        if count > RING_FIXES:
            device = state.device
            device.floor = max(device.floor, int(rows[0, 0]))
            rows = rows[1:]
        return rows

    def newest(self, slot: int) -> FixPoint:
        """The newest fix of a ring that is not empty."""
        ts, *rest = self._fixes[slot, (self._counts_of[slot] - 1) % _DEPTH].tolist()
        return FixPoint(int(ts), *rest)

    def newest_positions(self, slots: Sequence[int]) -> tuple[Floats, Floats]:
        """Longitudes and latitudes, degrees, of the newest fixes of rings, by slot; of an empty one anything."""
        rows = self._fixes[slots, (self._counts[slots] - 1) % _DEPTH] if slots else np.zeros((0, 3))
        return rows[:, 1].copy(), rows[:, 2].copy()

    def newest_ts(self, slot: int) -> float:
        """Its time."""
        return self._fixes.item(slot, (self._counts_of[slot] - 1) % _DEPTH, 0)

    def append(self, slot: int, fix: FixPoint) -> None:
        """Put in a fix that is newer than all before."""
        count = self._counts_of[slot]
        self._fixes[slot, count % _DEPTH] = fix
        self._counts_of[slot] = count + 1

    def extend(self, slots: Slots, first: Mask, fixes: Floats) -> None:
        """Put in fixes, a row of FixPoint's fields each, sorted by vehicle and then by time."""
        rank = np.arange(len(slots))
        rank -= of_first(rank, first)
        self._fixes[slots, (self._counts[slots] + rank) % _DEPTH] = fixes
        last = ends_of(first)
        self._counts[slots[last]] += rank[last] + 1

    def put(self, slot: int, fixes: Sequence[FixPoint] | Floats) -> None:
        """Let these, oldest first, be the ring; of RING_FIXES + 1 the oldest counts as forgotten."""
        self._counts_of[slot] = len(fixes)
        if len(fixes):
            self._fixes[slot, : len(fixes)] = fixes


class Fleet:
    """The vehicles of a partition. Each has a slot: its number in columns that are kept beside the states."""

    def __init__(self) -> None:
        self.by_id: dict[str, VehicleState] = {}
        self.by_slot: list[VehicleState] = []
        self.slots: dict[str, int] = {}
        """Apart from the states: each of a batch is asked for, few are looked at."""
        self.rings = Rings()
        self._free: list[int] = []

    def add(self, state: VehicleState, ring: Sequence[FixPoint] | Floats = ()) -> None:
        """Take in a vehicle that is new here."""
        state.slot = self.slots[state.vehicle_id] = self._free.pop() if self._free else len(self.by_slot)
        if state.slot == len(self.by_slot):
            self.by_slot.append(state)
        else:
            self.by_slot[state.slot] = state
        self.rings.reserve(state.slot + 1)
        self.rings.put(state.slot, ring)
        self.by_id[state.vehicle_id] = state

    def remove(self, state: VehicleState) -> None:
        """Forget a vehicle; another may have its slot."""
        del self.by_id[state.vehicle_id], self.slots[state.vehicle_id]
        self.by_slot[state.slot] = VehicleState("", slot=state.slot)
        self._free.append(state.slot)

    def gauges(self) -> dict[str, int]:
        """How many vehicles there are, and how many alerts and visits are open."""
        return {
            "vehicles": len(self.by_id),
            "open_alerts": sum(map(len, map(attrgetter("episodes"), self.by_id.values()))),
            "visits": sum(map(len, map(attrgetter("visits"), self.by_id.values()))),
        }
