"""The shortcut past the rules, for many pings at once: which are plain fixes?

After a plain fix only the vehicle's position is different: it has moved on, or stands where it stood and nothing comes
of it yet. Nine in ten pings of a fleet are plain, and numpy
tells for hundreds of them in the time that the order of work in `engine` takes for two. It would come to the same state
and say as little about them; that it does is a property test (screen on, screen off: the same bytes).

What is compared lies in a table with a row a vehicle. A row is written anew once the engine has touched the vehicle; one
that is not ready for the shortcut holds NaN, which equals and exceeds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isnan
from typing import TYPE_CHECKING, cast

import numpy as np

from geofences.geodesy import distances_m
from telematics.core.facts import Facts
from telematics.core.inputs import DEVICES
from telematics.core.motion import LONGEST_GAP_S, observe_interval
from telematics.core.quality import NOWHERE_DEG
from telematics.core.state import RING_FIXES, Anchor, FixPoint, VehicleState
from telematics.core.timers import grown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from telematics.core.facts import Scope
    from telematics.core.inputs import Inputs
    from telematics.core.rules.base import NotingRule, PlainFixRule, SilenceRule
    from telematics.core.state import Fleet
    from telematics.core.surroundings import Hits

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

# Below so many pings numpy's calls cost more than the engine's work.
_WORTH_IT = 16
# A stretch is judged before its first input is applied: of a vehicle whose ping is not plain, no later one in it can be.
# With about one ping a vehicle few are lost by that.
_STRETCH = (64, 4096)
# Distances told in bulk may differ from the engine's in the last bits: what is that near to a limit is not plain.
_CLEARLY = 1e-9

# The columns of the table; those that the rules watch follow.
(
    _LAST_TS,
    _FIX_TS,
    _LON,
    _LAT,
    _HEARD_AT,
    _INTERVAL_S,
    _OLDER_GAP_S,
    _GAP_S,
    _IGNITION,
    _SATELLITES,
    _PLACE,
    _SETTLED_UNTIL,
    _DEVICE,
    _STANDS,
    _DUE,
) = range(15)
_OWN = 15
_BLANK = float("nan")
_new = tuple.__new__  # a named tuple's own constructor takes twice as long


@dataclass(frozen=True, slots=True)
class PlainFixes:
    """Fixes that are plain unless a rule objects: columns of equal length, what came before each beside it.

    Units as in `Ping`; `at` is arrival, `ignition` 1 on, 0 off, NaN unknown, `odometer_km` and `power_v` NaN where not told. What is
    called `before` is the vehicle's former ping or, within a run of plain ones, the ping in front.
    """

    at: Floats
    ts: Floats
    stands: Mask
    lon: Floats
    lat: Floats
    speed_kmh: Floats
    odometer_km: Floats
    ignition: Floats
    power_v: Floats
    interval_s: Floats
    before_at: Floats
    before_fix_ts: Floats
    before_interval_s: Floats


class Screen:
    """Bound to the rules that every good fix concerns; each may object."""

    def __init__(
        self,
        scope: Scope,
        fleet: Fleet,
        rules: Iterable[PlainFixRule],
        silences: Mapping[str, SilenceRule],
        key: Callable[[Hits | None], float],
    ) -> None:
        self._scope = scope
        self._fleet = fleet
        self._key = key
        self._motion = scope.motion
        self._quality = scope.quality
        self._rules: dict[PlainFixRule, slice] = {}
        """Which columns of the table are whose."""
        width = _OWN
        for rule in rules:
            self._rules[rule] = slice(width, width + rule.watches)
            width += rule.watches
        self._remembering = frozenset(rule.id for rule in self._rules)
        self._silences = silences
        self._silent = {(rule_id, "") for rule_id in silences}
        self._facts = Facts(scope, VehicleState(""), 0, 0, 0)  # one for all rows: making it costs as much as filling it
        self._noting = [cast("NotingRule", rule) for rule in self._rules if hasattr(rule, "notes")]
        self._blank = (_BLANK,) * width
        self._table = np.full((0, len(self._blank)), _BLANK)
        self._touched: dict[int, VehicleState] = {}

    def stretch(self) -> int:
        """How many inputs to judge at once."""
        return min(max(len(self._fleet.by_slot), _STRETCH[0]), _STRETCH[1])

    def touch(self, state: VehicleState) -> None:
        """The vehicle is not as it was: its row has to be written anew."""
        self._touched[state.slot] = state

    def pass_plain(self, inputs: Inputs, stretch: range, waiting: Iterable[str]) -> list[bool]:
        """Of a stretch of inputs, say which are plain fixes, and move their vehicles on; nothing else is touched.

        No ping of a vehicle in `waiting` is plain.
        """
        passed = [False] * len(stretch)
        if len(stretch) < _WORTH_IT or self._scope.tracer is not None:
            return passed
        where: list[int] = []
        slots: list[int] = []
        held = set(waiting)  # vehicles of which something else comes first
        slot_of = self._fleet.slots.get
        part = slice(stretch.start, stretch.stop)
        for i, vehicle_id, special in zip(stretch, inputs.vehicle_ids[part], inputs.special[part], strict=True):
            slot = slot_of(vehicle_id)
            if slot is None or special or vehicle_id in held:
                held.add(vehicle_id)
            else:
                where.append(i)
                slots.append(slot)
        if not where:
            return passed
        self._renew()
        order = np.argsort(slots, kind="stable")
        place = np.array(where)[order]
        plain = self._judge(np.array(slots)[order], inputs, place)
        for i in (place[plain] - stretch.start).tolist():
            passed[i] = True
        return passed

    def _judge(self, slots: NDArray[np.intp], inputs: Inputs, place: NDArray[np.intp]) -> Mask:
        """Which of these inputs, sorted by vehicle and then as they came, are plain; with them it is done."""
        at, ts, lon, lat = inputs.at[place], inputs.ts[place], inputs.lon[place], inputs.lat[place]
        speed, interval, odometer = inputs.speed_kmh[place], inputs.interval_s[place], inputs.odometer_km[place]
        satellites, ignition = inputs.satellites[place], inputs.ignition[place]
        first = np.ones(len(slots), dtype=bool)
        first[1:] = slots[1:] != slots[:-1]
        rows = self._table[slots]

        def before(now: Floats, column: int) -> Floats:
            former = rows[:, column].copy()
            former[1:][~first[1:]] = now[:-1][~first[1:]]
            return former

        last_ts, former_interval = before(ts, _LAST_TS), rows[:, _INTERVAL_S]
        silent = np.isnan(interval)
        gap_s = (ts - last_ts) / 1000.0
        learned = _median(rows[:, _OLDER_GAP_S], rows[:, _GAP_S], gap_s)
        stands = rows[:, _STANDS] == 1
        plain = PlainFixes(
            at=at,
            ts=ts,
            stands=stands,
            lon=lon,
            lat=lat,
            speed_kmh=speed,
            odometer_km=odometer,
            ignition=rows[:, _IGNITION],
            power_v=inputs.power_v[place],
            interval_s=np.where(silent & (gap_s <= LONGEST_GAP_S), learned, former_interval),
            before_at=before(at, _HEARD_AT),
            before_fix_ts=before(ts, _FIX_TS),
            before_interval_s=former_interval,
        )
        quality = self._quality
        # A stand is measured from where it began, and its row holds that; a way from the fix before.
        from_lon, from_lat = before(lon, _LON), before(lat, _LAT)
        from_lon[stands], from_lat[stands] = rows[stands, _LON], rows[stands, _LAT]
        step_m = distances_m(from_lon, from_lat, lon, lat)
        step_ms = ts - plain.before_fix_ts
        radius_m = self._motion.stop_radius_m
        good = (
            (inputs.located.keys[place] == rows[:, _PLACE])
            & (ts < rows[:, _SETTLED_UNTIL])
            & (inputs.device[place] == rows[:, _DEVICE])
            & (at < rows[:, _DUE])
            & (ts > last_ts)
            & (ts <= at + quality.future_clock_s * 1000)
            & np.where(silent, first, interval == former_interval)
            & np.where(np.isnan(satellites), speed > 0, (satellites > 0) & (rows[:, _SATELLITES] > 0))
            & (np.isnan(ignition) | (ignition == rows[:, _IGNITION]))
            & (speed >= 0)
            & ((np.abs(lon) >= NOWHERE_DEG) | (np.abs(lat) >= NOWHERE_DEG))
            & np.where(
                stands,
                step_m < radius_m * (1 - _CLEARLY),
                (step_m > radius_m * (1 + _CLEARLY))
                & (
                    (step_m < quality.jump_m * (1 - _CLEARLY))
                    | (step_m * 3600.0 < quality.jump_kmh * step_ms * (1 - _CLEARLY))
                ),
            )
        )
        for rule, columns in self._rules.items():
            good &= rule.indifferent(self._scope, plain, rows[:, columns])
        noted = [(rule, rule.notes(plain, rows[:, self._rules[rule]])) for rule in self._noting]
        for _, marked in noted:
            # What is noted changes what is watched: nothing after it is judged by this row.
            good[1:] &= first[1:] | ~marked[:-1]
        good = _leading(good, first)
        accuracy_m = self._accuracy_m(inputs.accuracy_m[place], inputs.hdop[place])
        self._move(slots[good], plain, accuracy_m, np.where(silent, gap_s, _BLANK), good)
        for rule, marked in noted:
            for k in np.flatnonzero(good & marked).tolist():
                self._facts.state = self._fleet.by_slot[slots[k]]
                rule.note(self._facts, float(odometer[k]))
                self.touch(self._facts.state)
        newest = good.copy()
        newest[:-1] &= first[1:] | ~good[1:]
        self._write(slots, newest, plain, gap_s, silent)
        due = rows[:, _DUE]
        for silence in self._silences.values():
            due = np.fmin(due, silence.due_after(plain, rows[:, self._rules[silence]]))
        self._scope.timers.put_off(slots[newest], due[newest])
        return good

    def _accuracy_m(self, told_m: Floats, hdop: Floats) -> Floats:
        """As `quality.accuracy_of`."""
        quality = self._quality
        by_hdop = np.fmax(quality.default_accuracy_m, quality.metres_per_hdop * hdop)
        return np.where(np.isnan(told_m), by_hdop, told_m)

    def _move(self, slots: NDArray[np.intp], plain: PlainFixes, accuracy_m: Floats, gap_s: Floats, good: Mask) -> None:
        """What the engine does with plain fixes. `gap_s` is NaN where the device tells its interval."""
        by_slot, moving_kmh = self._fleet.by_slot, self._motion.moving_kmh
        instants = plain.ts[good].astype(np.int64).tolist()
        columns = (plain.lon, plain.lat, accuracy_m, plain.speed_kmh)
        fixes = zip(instants, *(column[good].tolist() for column in columns), strict=True)
        others = (plain.at[good].astype(np.int64).tolist(), plain.stands[good].tolist(), gap_s[good].tolist())
        for slot, told, heard_at, stands, gap in zip(slots.tolist(), fixes, *others, strict=True):
            state = by_slot[slot]
            ts, lon, lat, _, speed_kmh = told
            device = state.device
            if not isnan(gap):
                observe_interval(device, gap)
            device.last_ts = ts
            device.heard_at = heard_at
            fix = state.fix = _new(FixPoint, told)
            if speed_kmh > moving_kmh:
                state.moved_ts = ts
            ring = state.ring
            ring.append(fix)
            if len(ring) > RING_FIXES:
                device.floor = max(device.floor, ring.pop(0).ts)
            if not stands:
                state.anchor = _new(Anchor, (ts, lon, lat, ts > state.first_ts))

    def _write(self, slots: NDArray[np.intp], newest: Mask, plain: PlainFixes, gap_s: Floats, silent: Mask) -> None:
        """Bring the rows of the vehicles that moved on up to date."""
        table, slot = self._table, slots[newest]
        table[slot, _LAST_TS] = table[slot, _FIX_TS] = plain.ts[newest]
        table[slot, _HEARD_AT] = plain.at[newest]
        table[slot, _INTERVAL_S] = plain.interval_s[newest]
        moved = newest & ~plain.stands
        table[slots[moved], _LON], table[slots[moved], _LAT] = plain.lon[moved], plain.lat[moved]
        learning = newest & silent & (gap_s <= LONGEST_GAP_S)
        slot = slots[learning]
        table[slot, _OLDER_GAP_S] = table[slot, _GAP_S]
        table[slot, _GAP_S] = gap_s[learning]

    # -- the table -------------------------------------------------------------------------------------------------

    def _renew(self) -> None:
        """Write the rows of the vehicles that the engine has touched."""
        self._table = grown(self._table, len(self._fleet.by_slot), _BLANK)
        if self._touched:
            self._table[list(self._touched)] = [self._row(state) for state in self._touched.values()]
            self._touched.clear()

    def _row(self, state: VehicleState) -> tuple[float, ...]:
        fix, anchor, device = state.fix, state.anchor, state.device
        if (
            fix is None
            or anchor is None
            or state.settled_in is None
            or state.ring[-1].ts != fix.ts
            or state.suspects
            or not state.remembering <= self._remembering
            or (device.astray and max(device.astray) > device.last_ts)
        ):
            return self._blank
        watched: list[float] = []
        facts = self._facts
        facts.state, facts.ts, facts.stopped_s = state, fix.ts, (fix.ts - anchor.ts) / 1000.0
        for rule in self._rules:
            numbers = rule.watch(facts)
            if numbers is None:
                return self._blank
            watched += numbers
        older_gap_s, gap_s = (_BLANK, _BLANK, *device.gaps_s)[-2:]
        return (
            device.last_ts,
            fix.ts,
            anchor.lon,
            anchor.lat,
            device.heard_at,
            device.interval_s,
            older_gap_s,
            gap_s,
            _BLANK if state.ignition is None else state.ignition,
            device.reports_satellites,
            self._key(state.settled_in),
            state.settled_until,
            DEVICES[state.primary],
            anchor.ts < fix.ts,
            inf if state.deadlines.keys() <= self._silent else self._due(state),
            *watched,
        )

    def _due(self, state: VehicleState) -> float:
        """When the first of the deadlines comes that no ping puts off."""
        return min([due for (rule, _), due in state.deadlines.items() if rule not in self._silences], default=inf)


def _median(older: Floats, newer: Floats, gap: Floats) -> Floats:
    """As `motion.observe_interval` has it: of three gaps the middle one, of two the longer, of one itself."""
    longer = np.fmax(newer, gap)
    middle = np.maximum(np.minimum(older, newer), np.minimum(np.maximum(older, newer), gap))
    return np.where(np.isnan(older), longer, middle)


def _leading(good: Mask, first: Mask) -> Mask:
    """Of each group (`first` marks where one begins) the good ones before which all are good."""
    bad = np.cumsum(~good)
    before_group: NDArray[np.intp] = (bad - ~good)[first]
    return np.asarray(bad == before_group[np.cumsum(first) - 1], dtype=bool)
