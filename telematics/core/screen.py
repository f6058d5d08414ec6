"""The shortcut past the rules, for many pings at once: which are plain fixes?

After a plain fix the vehicle has moved on, passed a place, stopped or set off, or stands where it stood, and nothing comes
of it yet: no alert, no deadline, no visit. Nine in ten pings of a fleet are plain, and numpy tells for hundreds of them in the time that the order of work
in `engine` takes for two. It would come to the same state and say as little about them; that it does is a property test
(screen on, screen off: the same bytes).
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, cast

import numpy as np

from geofences.geodesy import distances_m
from telematics.core.columns import (
    ANCHOR,
    DEVICE,
    DUE,
    GAP_S,
    IGNITION,
    INTERVAL_S,
    LATEST,
    MOTION,
    OLDER_GAP_S,
    PLACE,
    SATELLITES,
    SETTLED_UNTIL,
    WATCHED_AT,
    Columns,
)
from telematics.core.fleet import of_first
from telematics.core.motion import LONGEST_GAP_S
from telematics.core.plain import MOVES, STANDS, STRAYS, PlainFixes
from telematics.core.quality import NOWHERE_DEG

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from telematics.core.facts import Scope
    from telematics.core.inputs import Inputs
    from telematics.core.rulebook import Rulebook
    from telematics.core.rules.base import NotingRule
    from telematics.core.surroundings import Surroundings

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

# Below so many pings numpy's calls cost more than the engine's work.
_WORTH_IT = 16
# Looking at so many in vain costs as much as doing the engine's work for one.
_A_ROUND = 32
# A stretch is judged before its first input is applied: of a vehicle whose ping is not plain, no later one in it can be.
# With about one ping a vehicle few are lost by that.
_STRETCH = (64, 4096)
_UNKNOWN = -1  # the slot of a vehicle never met, and of ticks
# Distances told in bulk may differ from the engine's in the last bits: what is that near to a limit is not plain.
_CLEARLY = 1e-9


class Screen:
    """Bound to the rules that plain fixes can concern; each may object."""

    def __init__(self, scope: Scope, rules: Rulebook, columns: Columns, surroundings: Surroundings) -> None:
        self._scope = scope
        self._columns = columns
        self._surroundings = surroundings
        self._fleet = columns.fleet
        self._motion = scope.motion
        self._quality = scope.quality
        self._silences = rules.silences
        self._noting = [cast("NotingRule", rule) for rule in self._columns.watched if hasattr(rule, "notes")]

    def stretch(self) -> int:
        """How many inputs to judge at once."""
        return min(max(len(self._fleet.by_slot), _STRETCH[0]), _STRETCH[1])

    def pass_plain(self, inputs: Inputs, stretch: range, waiting: Collection[str]) -> list[bool]:
        """Of a stretch of inputs, say which are plain fixes, and move their vehicles on.

        No ping of a vehicle in `waiting` is plain.
        """
        passed = np.zeros(len(stretch), dtype=bool)
        if len(stretch) >= _WORTH_IT and self._scope.tracer is None:
            self._columns.renew()
            slot_of = self._fleet.slots.get
            slots = np.fromiter(
                map(slot_of, inputs.vehicle_ids[stretch.start : stretch.stop], repeat(_UNKNOWN)), np.intp, len(stretch)
            )
            # By vehicle, and then as they came.
            order = np.argsort(slots, kind="stable")
            place = order[np.searchsorted(slots, _UNKNOWN + 1, sorter=order) :] + stretch.start
            slots = slots[place - stretch.start]
            if waiting:
                free = ~np.isin(slots, [slot_of(vehicle_id, _UNKNOWN) for vehicle_id in waiting])
                slots, place = slots[free], place[free]
            hoped_for = len(place)
            while hoped_for >= _WORTH_IT + len(place) // _A_ROUND:
                plain, again = self._judge(slots, inputs, place)
                passed[place[plain] - stretch.start] = True
                slots, place = slots[again], place[again]
                # A vehicle that turns at every ping gets one of them through in a round.
                hoped_for = len(np.unique(slots))
        return cast("list[bool]", passed.tolist())

    def _judge(self, slots: NDArray[np.intp], inputs: Inputs, place: NDArray[np.intp]) -> tuple[Mask, Mask]:
        """Which of these inputs, sorted by vehicle and then as they came, are plain; with them it is done.

        And of which it can be told only now: those behind one that has changed what they are compared with.
        """
        first = np.ones(len(slots), dtype=bool)
        first[1:] = slots[1:] != slots[:-1]
        rows = self._columns.table[slots]
        plain, good = self._compare(inputs, place, rows, first)
        watched = self._columns.watched
        for rule, columns in watched.items():
            good &= rule.indifferent(self._scope, plain, rows[:, columns])
        keys = inputs.located.keys[place]
        elsewhere = good & (keys != rows[:, PLACE])
        for k in np.flatnonzero(elsewhere).tolist():
            state, hits = self._fleet.by_slot[slots[k]], inputs.located[place[k]]
            good[k] = not plain.stands[k] and self._surroundings.is_passing(state, hits)
        noted = [(rule, rule.notes(plain, rows[:, watched[rule]])) for rule in self._noting]
        # What moves otherwise than before, is elsewhere, learned or noted changes the row: nothing behind it is judged by
        # this one.
        turns = elsewhere | (plain.motion != rows[:, MOTION]) | ~np.isnan(plain.learned_s)
        for _, marked in noted:
            turns |= marked
        good[1:] &= first[1:] | ~turns[:-1]
        good = _leading(good, first)

        newest = self._columns.pass_by(slots, plain, good, first)
        due = rows[:, DUE]
        for silence in self._silences.values():
            due = np.fmin(due, silence.due_after(plain, rows[:, watched[silence]]))
        self._scope.timers.put_off(slots[newest], due[newest])
        for k in np.flatnonzero(good & elsewhere).tolist():
            self._surroundings.pass_on(self._fleet.by_slot[slots[k]], inputs.located[place[k]])
            self._columns.table[slots[k], PLACE] = keys[k]
        for noting, marked in noted:
            for k in np.flatnonzero(good & marked).tolist():
                self._columns.table[slots[k], watched[noting]] = noting.note(
                    self._fleet.by_slot[slots[k]], plain.noted(k)
                )
        vehicle = np.cumsum(first)
        has_turned = np.zeros(len(first) + 1, dtype=bool)
        has_turned[vehicle[newest]] = turns[newest]
        return good, has_turned[vehicle] & ~good

    def _compare(self, inputs: Inputs, place: NDArray[np.intp], rows: Floats, first: Mask) -> tuple[PlainFixes, Mask]:
        """The inputs as plain fixes, and which of them the engine would certainly take as such, as far as no rule objects.

        That is: of the vehicle's first device, in time, with a position that is believed, and nothing else new but where
        it is.
        """
        at, ts, lon, lat = inputs.at[place], inputs.ts[place], inputs.lon[place], inputs.lat[place]
        speed, interval = inputs.speed_kmh[place], inputs.interval_s[place]
        satellites, ignition = inputs.satellites[place], inputs.ignition[place]
        former = rows[:, LATEST].T.copy()
        behind = np.flatnonzero(~first)
        former[:, behind] = np.array((at, ts, ts, lon, lat))[:, behind - 1]
        before_at, last_ts, before_ts, before_lon, before_lat = former
        former_interval = rows[:, INTERVAL_S]
        silent = np.isnan(interval)
        gap_s = (ts - last_ts) / 1000.0
        learned = _median(rows[:, OLDER_GAP_S], rows[:, GAP_S], gap_s)
        anchor = np.where(rows[:, MOTION] == MOVES, former[2:], rows[:, ANCHOR].T)
        step_m, off_m = distances_m(before_lon, before_lat, lon, lat), distances_m(anchor[1], anchor[2], lon, lat)
        motion, told = self._follow(rows[:, MOTION], step_m, off_m)
        quality = self._quality
        good = (
            ~inputs.special[place]
            & (ts < rows[:, SETTLED_UNTIL])
            & (inputs.device[place] == rows[:, DEVICE])
            & (at < rows[:, DUE])
            & (ts > last_ts)
            & (ts <= at + quality.future_clock_s * 1000)
            & (silent | (interval == former_interval))
            & np.where(
                np.isnan(satellites),
                (speed > 0) | (rows[:, SATELLITES] == 0),
                (satellites > 0) & (rows[:, SATELLITES] > 0),
            )
            & (np.isnan(ignition) | (ignition == rows[:, IGNITION]))
            & (speed >= 0)
            & ((np.abs(lon) >= NOWHERE_DEG) | (np.abs(lat) >= NOWHERE_DEG))
            & told
            # How long a stand may last was asked where the row was written.
            & ((motion != STANDS) | (rows[:, PLACE] == rows[:, WATCHED_AT]))
            & (
                (step_m < quality.jump_m * (1 - _CLEARLY))
                | (step_m * 3600.0 < quality.jump_kmh * (ts - before_ts) * (1 - _CLEARLY))
            )
        )
        whole = np.flatnonzero(good)
        crosses = self._surroundings.may_cross(before_lon[whole], before_lat[whole], lon[whole], lat[whole])
        if crosses is not None:
            good[whole[crosses]] = False
        anchor_ts, anchor_lon, anchor_lat = np.where(motion == MOVES, (ts, lon, lat), anchor)
        plain = PlainFixes(
            at=at,
            ts=ts,
            lon=lon,
            lat=lat,
            accuracy_m=self._accuracy_m(inputs.accuracy_m[place], inputs.hdop[place]),
            speed_kmh=speed,
            motion=motion,
            stands=motion == STANDS,
            anchor_ts=anchor_ts,
            anchor_lon=anchor_lon,
            anchor_lat=anchor_lat,
            odometer_km=inputs.odometer_km[place],
            ignition=rows[:, IGNITION],
            power_v=inputs.power_v[place],
            interval_s=np.where(silent & (gap_s <= LONGEST_GAP_S), learned, former_interval),
            learned_s=np.where(silent, gap_s, np.nan),
            before_at=before_at,
            before_interval_s=former_interval,
        )
        return plain, good

    def _follow(self, before: Floats, step_m: Floats, off_m: Floats) -> tuple[Floats, Mask]:
        """How the vehicles move on, as `motion.stay` has it, and where that is certain.

        From what they did before, the way from the last fix and the way from the anchor, on the way the same.
        """
        near_m, far_m = self._motion.stop_radius_m * (1 - _CLEARLY), self._motion.stop_radius_m * (1 + _CLEARLY)
        stands = off_m < near_m
        leaves = (off_m > far_m) & ((before != STRAYS) | (step_m > far_m))
        return np.where(stands, STANDS, np.where(before == STANDS, STRAYS, MOVES)), stands | leaves

    def _accuracy_m(self, told_m: Floats, hdop: Floats) -> Floats:
        """As `quality.accuracy_of`."""
        quality = self._quality
        by_hdop = np.fmax(quality.default_accuracy_m, quality.metres_per_hdop * hdop)
        return np.where(np.isnan(told_m), by_hdop, told_m)


def _median(older: Floats, newer: Floats, gap: Floats) -> Floats:
    """As `motion.observe_interval` has it: of three gaps the middle one, of two the longer, of one itself."""
    longer = np.fmax(newer, gap)
    middle = np.maximum(np.minimum(older, newer), np.minimum(np.maximum(older, newer), gap))
    return np.where(np.isnan(older), longer, middle)


def _leading(good: Mask, first: Mask) -> Mask:
    """Of each group (`first` marks where one begins) the good ones before which all are good."""
    bad = np.cumsum(~good)
    return np.asarray(bad == of_first(bad - ~good, first), dtype=bool)
