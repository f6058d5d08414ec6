"""What the screen compares, as a table with a row a vehicle.

Two directions, and a vehicle is in one of them at a time. The engine touches a state: its row is written anew before the
screen looks at it again. The screen passes fixes: they are in the table and in the rings, and `settle` brings the state
up to date before anybody looks at it.
"""

from __future__ import annotations

from math import inf, isnan
from typing import TYPE_CHECKING

import numpy as np

from telematics.core.facts import Facts
from telematics.core.fleet import ends_of, grown
from telematics.core.inputs import DEVICES
from telematics.core.motion import LONGEST_GAP_S, within
from telematics.core.plain import MOVES, STANDS, STRAYS
from telematics.core.state import Anchor, FixPoint, VehicleState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from telematics.core.facts import Scope
    from telematics.core.fleet import Fleet
    from telematics.core.plain import PlainFixes
    from telematics.core.rulebook import Rulebook
    from telematics.core.rules.base import PlainFixRule
    from telematics.core.surroundings import Hits

    Floats = NDArray[np.float64]
    Slots = NDArray[np.intp]
    Mask = NDArray[np.bool_]

# The columns of the table; those that the rules watch follow. PLACE stands for the hits of the last fix, WATCHED_AT for
# those it had when the rules were asked what to watch; DUE is the earliest deadline that no silence puts off.
(
    HEARD_AT,
    LAST_TS,
    FIX_TS,
    FIX_LON,
    FIX_LAT,
    ANCHOR_TS,
    ANCHOR_LON,
    ANCHOR_LAT,
    MOTION,
    INTERVAL_S,
    OLDEST_GAP_S,
    OLDER_GAP_S,
    GAP_S,
    MOVED_TS,
    IGNITION,
    SATELLITES,
    PLACE,
    WATCHED_AT,
    SETTLED_UNTIL,
    DEVICE,
    DUE,
) = range(21)
_OWN = DUE + 1
LATEST, ANCHOR = slice(HEARD_AT, FIX_LAT + 1), slice(ANCHOR_TS, ANCHOR_LAT + 1)
_GAPS = slice(OLDEST_GAP_S, GAP_S + 1)
_BLANK = float("nan")


class Columns:
    """The vehicles of a fleet, one by slot. A row that is not ready for the shortcut holds NaN: equal to nothing."""

    def __init__(
        self,
        scope: Scope,
        fleet: Fleet,
        rules: Rulebook,
        key: Callable[[Hits | None], float],
    ) -> None:
        self.fleet = fleet
        self._moving_kmh = scope.motion.moving_kmh
        self._stop_radius_m = scope.motion.stop_radius_m
        self._silences = rules.silences
        self._key = key
        self.watched: dict[PlainFixRule, slice] = {}
        """Which columns are whose."""
        width = _OWN
        for rule in rules.of_plain_fixes:
            self.watched[rule] = slice(width, width + rule.watches)
            width += rule.watches
        self._remembering = frozenset(rule.id for rule in self.watched)
        self._blank = (_BLANK,) * width
        self.table = np.full((0, width), _BLANK)
        self._touched: dict[int, VehicleState] = {}
        self._changed: set[int] = set()
        self._passed: list[Slots] = []
        # One for all rows: making it costs as much as filling it. What is asked is how it will be if the vehicle stands.
        self._facts = Facts(scope, VehicleState(""), 0, 0, 0, stopped_s=inf)
        self._ahead = np.zeros(0, dtype=bool)  # of its state
        self._is_ahead = self._ahead.data

    def touch(self, state: VehicleState) -> None:
        """Somebody is about to change a state."""
        self.settle(state)
        self._touched[state.slot] = state
        self._changed.add(state.slot)

    def renew_later(self, state: VehicleState) -> None:
        """What follows from a state, and is no part of it, is to be written anew."""
        self.settle(state)
        self._touched[state.slot] = state

    def positions(self, states: Sequence[VehicleState]) -> tuple[Floats, Floats]:
        """Longitudes and latitudes of the newest fixes of vehicles that have one, degrees."""
        return self.fleet.rings.newest_positions([state.slot for state in states])

    def newest(self, state: VehicleState) -> FixPoint | None:
        """The newest fix: the last good one, or a late one behind pings without a fix. Of a state that was settled."""
        if state.fix is None or self.fleet.rings.newest_ts(state.slot) == state.fix.ts:
            return state.fix
        return self.fleet.rings.newest(state.slot)

    def forget(self, state: VehicleState) -> None:
        """Its vehicle is known no more, and another may have its slot."""
        self.settle(state)
        self._touched.pop(state.slot, None)
        self._changed.discard(state.slot)
        if state.slot < len(self.table):
            self.table[state.slot] = _BLANK

    def changed(self) -> Slots:
        """The vehicles that were touched or whose fixes were passed by since this was last asked, each once."""
        changed = np.unique(np.concatenate([*self._passed, np.fromiter(self._changed, np.intp, len(self._changed))]))
        self._passed, self._changed = [], set()
        return changed

    def settle(self, state: VehicleState) -> None:
        """Somebody is about to look at a state: put into it what was passed by."""
        if state.slot < len(self._is_ahead) and self._is_ahead[state.slot]:
            self._catch_up(state)

    def renew(self) -> None:
        """Write the rows of the vehicles that were touched."""
        slots = len(self.fleet.by_slot)
        if slots > len(self.table):
            self.table = grown(self.table, slots, _BLANK)
            self._ahead = grown(self._ahead, slots, fill=False)
            self._is_ahead = self._ahead.data
        if self._touched:
            self.table[list(self._touched)] = [self._row(state) for state in self._touched.values()]
            self._touched.clear()

    def pass_by(self, slots: Slots, fixes: PlainFixes, good: Mask, first: Mask) -> Slots:
        """Take in the good ones of fixes that are sorted by vehicle and then as they came; each vehicle's first lead.

        Gives the numbers of those that are now their vehicle's newest.
        """
        table, slot, ts = self.table, slots[good], fixes.ts[good]
        begins = first[good]
        columns = (fixes.ts, fixes.lon, fixes.lat, fixes.accuracy_m, fixes.speed_kmh)
        self.fleet.rings.extend(slot, begins, np.column_stack([column[good] for column in columns]))
        moving = fixes.speed_kmh[good] > self._moving_kmh
        table[slot[moving], MOVED_TS] = ts[moving]  # of several the last one counts, as always in numpy
        newest = ends_of(begins)
        last, slot = np.flatnonzero(good)[newest], slot[newest]
        self._ahead[slot] = True
        self._passed.append(slot)
        table[slot, : INTERVAL_S + 1] = np.array(
            (
                fixes.at,
                fixes.ts,
                fixes.ts,
                fixes.lon,
                fixes.lat,
                fixes.anchor_ts,
                fixes.anchor_lon,
                fixes.anchor_lat,
                fixes.motion,
                fixes.interval_s,
            )
        ).T[last]
        learning = fixes.learned_s[last] <= LONGEST_GAP_S
        learner = slot[learning]
        table[learner, OLDEST_GAP_S:GAP_S] = table[learner, OLDER_GAP_S : GAP_S + 1]
        table[learner, GAP_S] = fixes.learned_s[last][learning]
        return last

    def _catch_up(self, state: VehicleState) -> None:
        slot, device = state.slot, state.device
        row = self.table[slot, :_OWN].tolist()
        self._is_ahead[slot] = False
        state.fix = self.fleet.rings.newest(slot)
        state.moved_ts = int(row[MOVED_TS])
        device.last_ts, device.heard_at = int(row[LAST_TS]), int(row[HEARD_AT])
        device.interval_s = row[INTERVAL_S]
        device.gaps_s = tuple([gap for gap in row[_GAPS] if not isnan(gap)])
        state.anchor = Anchor(int(row[ANCHOR_TS]), row[ANCHOR_LON], row[ANCHOR_LAT], row[ANCHOR_TS] > state.first_ts)

    def _row(self, state: VehicleState) -> tuple[float, ...]:
        fix, anchor, device = state.fix, state.anchor, state.device
        if (
            fix is None
            or anchor is None
            or state.settled_in is None
            or self.fleet.rings.newest_ts(state.slot) != fix.ts
            or state.suspects
            or not state.remembering <= self._remembering
            or (device.astray and max(device.astray) > device.last_ts)
        ):
            return self._blank
        watched: list[float] = []
        place = self._key(state.settled_in)
        facts = self._facts
        facts.state, facts.ts = state, fix.ts
        for rule in self.watched:
            numbers = rule.watch(facts)
            if numbers is None:
                return self._blank
            watched += numbers
        due = inf
        for key, when in state.deadlines.items():
            if when < due and key[0] not in self._silences:
                due = when
        return (
            device.heard_at,
            device.last_ts,
            fix.ts,
            fix.lon,
            fix.lat,
            anchor.ts,
            anchor.lon,
            anchor.lat,
            MOVES if anchor.ts == fix.ts else STANDS if within(anchor, fix, self._stop_radius_m) else STRAYS,
            device.interval_s,
            *(_BLANK, _BLANK, _BLANK, *device.gaps_s)[-3:],
            state.moved_ts,
            _BLANK if state.ignition is None else state.ignition,
            device.reports_satellites,
            place,
            place,
            state.settled_until,
            DEVICES[state.primary],
            due,
            *watched,
        )
