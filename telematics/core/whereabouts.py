"""Where vehicles stand as far as fences go: what a fix enters and leaves, and what time, trips and new sets change of it.

A part of the order of work (`engine`), which says when each of these is done.
"""

from __future__ import annotations

import itertools
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from geofences.geodesy import distance_m
from geofences.transitions import ENDINGS, Event
from telematics.core import visits
from telematics.core.facts import Facts, VisitChange
from telematics.core.rules.base import Trigger
from telematics.core.surroundings import tags_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from geofences.crossing import Crossing
    from geofences.index import FenceIndex
    from geofences.model import Fence
    from telematics.core.columns import Columns
    from telematics.core.facts import Scope
    from telematics.core.late import Late
    from telematics.core.rulebook import Rulebook
    from telematics.core.state import FixPoint, Key, VehicleState
    from telematics.core.surroundings import Hits, Surroundings

    FenceOf = Callable[[str], Fence | None]
    Stood = dict[str, tuple[Fence | None, ...]]  # in which corridor and dead zone, by vehicle

CROSSING_GAP_MS = 600_000  # what lies between two fixes further apart was not crossed for certain


class Whereabouts:
    """Of all vehicles of an engine."""

    def __init__(self, scope: Scope, surroundings: Surroundings, columns: Columns, rules: Rulebook) -> None:
        self._scope = scope
        self._surroundings = surroundings
        self._columns = columns
        self._rules = rules

    # -- a fix --------------------------------------------------------------------------------------------------------

    def place(
        self,
        state: VehicleState,
        hits: Hits,
        fix: FixPoint,
        at: int,
        before: FixPoint | None,
        crossed: Sequence[Crossing],
    ) -> tuple[VisitChange, ...]:
        """Which fences a fix, newer than all before, enters and leaves; the vehicle is where it is."""
        applicable = self._surroundings.applicable(state, hits, fix.ts)
        self._surroundings.look_around(state, applicable)
        inside = self._surroundings.followed(applicable)
        changes: tuple[VisitChange, ...] = ()
        if inside or state.visits or crossed:
            lies_in = self._surroundings.followed(hits)
            changes = visits.at_fix(self._scope, state, fix, inside, tags_of(state), at, lies_in, crossed, before)
        self._watch(state, hits, fix.ts, at)
        if visits.is_held_back(self._scope, state, fix, inside):
            self._scope.timers.arm(state, visits.CHANGE, at)
        self._settle(state, hits, inside, fix.ts)
        return changes

    def place_late(self, state: VehicleState, late: Late, hits: Hits, at: int) -> tuple[VisitChange, ...]:
        """Which fences a late fix shows to have been entered or left; unless it is the newest the vehicle stays where it is."""
        fix, before = late.fix, late.before
        if fix is None:
            return ()
        if late.following is not None:
            inside = self._surroundings.followed(self._surroundings.applicable(state, hits, fix.ts))
            return visits.at_late_fix(self._scope, state, fix, late.following, inside) if inside else ()
        if before is None or state.fix is None:
            return ()
        # The newest of all, behind pings without a fix: what it enters or leaves is entered or left.
        crossed = self.crossed(state, before, fix, distance_m(before.lon, before.lat, fix.lon, fix.lat))
        return self.place(state, hits, fix, at, before, crossed)

    def crossed(self, state: VehicleState, before: FixPoint, fix: FixPoint, step_m: float) -> list[Crossing]:
        """The fences between two fixes, in whatever hours, if the way through one is longer than the fixes err."""
        gap_ms = fix.ts - before.ts
        if gap_ms > CROSSING_GAP_MS or step_m * 3600.0 > self._scope.quality.jump_kmh * gap_ms:
            return []
        tags, fences = tags_of(state), self._scope.fences.fences
        return [
            one
            for one in self._surroundings.crossed(before, fix)
            if one.inside * step_m > max(before.accuracy_m, fix.accuracy_m) and visits.concerns(fences[one.fence], tags)
        ]

    # -- time, trips and new sets ---------------------------------------------------------------------------------------

    def look_out(self, state: VehicleState, due: int, revealed: int, ts: int) -> None:
        """A fence that the vehicle is in or visits has perhaps woken up, fallen asleep, or is there for it at last."""
        fix, hits = self._columns.newest(state), self.hits_of(state)
        since = due if fix is None else max(due, fix.ts)
        inside = self._surroundings.followed(self._surroundings.applicable(state, hits, since))
        changes = visits.at_change(self._scope, state, fix, inside, tags_of(state), since, due)
        before = state.risk, state.corridor, state.dead_zone
        self.find(state, hits, due)
        self._watch(state, hits, since, due)
        if (state.risk, state.corridor, state.dead_zone) != before:
            self.silence_anew(state, due)
        if changes:
            self._rules.ask(Facts(self._scope, state, due, revealed, ts, triggers=Trigger.VISITS, visits=changes))

    def _watch(self, state: VehicleState, hits: Hits, ts: int, at: int) -> None:
        """Have a look when the next of the fences that it is in or visits wakes up or falls asleep after `ts`."""
        change = self._surroundings.next_change(state, hits, ts)
        if change is None:
            state.deadlines.pop(visits.CHANGE, None)
        elif state.deadlines.get(visits.CHANGE) != max(change, at):
            self._scope.timers.arm(state, visits.CHANGE, max(change, at))

    def hits_of(self, state: VehicleState) -> Hits:
        """Of the newest fix."""
        fix = self._columns.newest(state)
        return () if fix is None else self._surroundings.locate(np.array([fix.lon]), np.array([fix.lat]))[0]

    def find(self, state: VehicleState, hits: Hits, at: int) -> None:
        """Where the vehicle stands, for the trip it is on and the hour it is: a restored engine must see what this one sees."""
        fix = self._columns.newest(state)
        if fix is None:
            return
        ts = max(fix.ts, at)
        applicable = self._surroundings.applicable(state, hits, ts)
        self._surroundings.look_around(state, applicable)
        self._settle(state, hits, self._surroundings.followed(applicable), ts)
        if ts > fix.ts and self._surroundings.depends(state, hits):
            state.settled_in = None  # the next fix may be older than this

    def _settle(self, state: VehicleState, hits: Hits, inside: AbstractSet[int], ts: int) -> None:
        change = self._surroundings.next_change(state, hits, ts)
        self._surroundings.settle(state, hits, inside, inf if change is None else change)

    def find_all(
        self, states: Iterable[VehicleState], as_of: Callable[[VehicleState], int]
    ) -> list[tuple[VehicleState, Hits]]:
        """Find vehicles by the fences in force, each as of an instant of the arrival clock, ms; and what they hit.

        One that was near no fence, and is near none, is passed over: nothing follows from that.
        """
        placed = [state for state in states if state.fix is not None]
        located = self._surroundings.locate(*self._columns.positions(placed))
        found: list[tuple[VehicleState, Hits]] = []
        for i, state in enumerate(placed):
            hits = located[i]
            if hits or state.settled_in != () or state.visits:
                self._columns.renew_later(state)
                state.hits = None  # numbers of other fences, or what these were before
                # One that is due has not been looked at: a fix told of it, and the vehicle was found as of that fix.
                at = as_of(state)
                self.find(state, hits, 0 if state.deadlines.get(visits.CHANGE, inf) <= at else at)
                found.append((state, hits))
        return found

    def silence_anew(self, state: VehicleState, at: int) -> None:
        """It may stand elsewhere now, and a silence that runs last less long: as if it had been so from the start."""
        for rule_id, silence in self._rules.silences.items():
            key = (rule_id, "")
            if key in state.deadlines and key not in state.episodes:
                self._scope.timers.arm(state, key, max(at, silence.due(self._scope, state)))

    def end_for(self, states: Iterable[VehicleState], coming: FenceIndex, at: int, revealed: int) -> Stood:
        """Before the fences change: end what does not outlast them, and say what the vehicles stood in.

        Visits to fences that do not act as they did end, and what is open on fences that are gone, or that do not ask for it
        any more; all is told as of the set that had them.
        """
        former = self._scope.fences.fences
        is_now = {fence.id: fence for fence in coming.fences}
        endings = {
            fence.id: (Event.FENCE_CHANGED if fence.id in is_now else Event.FENCE_REMOVED, at)
            for fence in former
            if not (fence.id in is_now and fence.acts_like(is_now[fence.id]))
        }
        stood: Stood = {}
        for state in states:
            self._end_visits(state, {known: endings[known] for known in state.visits if known in endings}, at, revealed)
            self.end_unwanted(state, is_now.get, at, revealed)
            stood[state.vehicle_id] = self._context(state)
        return stood

    def begin_for(self, found: Iterable[tuple[VehicleState, Hits]], stood: Stood, at: int) -> None:
        """When the fences have changed, for the vehicles that stood somewhere before.

        One whose last fix is in a fence that was not there enters it, as if its window had opened.
        """
        for state, hits in found:
            if state.vehicle_id not in stood:
                continue
            if self._context(state) != stood[state.vehicle_id]:
                self._columns.touch(state)
                self.silence_anew(state, at)
            if self._surroundings.is_to_be_watched(state, hits, at):
                self._columns.touch(state)
                self._scope.timers.arm(state, visits.CHANGE, at)
            elif state.deadlines.pop(visits.CHANGE, None) is not None:
                self._columns.touch(state)

    def _context(self, state: VehicleState) -> tuple[Fence | None, ...]:
        """The corridor and the dead zone a vehicle is in."""
        fences = self._scope.fences.fences
        return tuple(None if number is None else fences[number] for number in (state.corridor, state.dead_zone))

    def _end_visits(
        self, state: VehicleState, endings: Mapping[str, tuple[Event, int]], at: int, revealed: int
    ) -> None:
        if not endings:
            return
        self._columns.touch(state)
        changes = tuple(visits.end(self._scope, state, endings))
        if not changes:
            return
        ts = state.device.last_ts + max(0, at - state.device.heard_at)
        self._rules.ask(Facts(self._scope, state, at, revealed, ts, triggers=Trigger.VISITS, visits=changes))

    def unwanted(self, state: VehicleState, fence_of: FenceOf) -> set[Key]:
        """What is open or remembered of fences that are not there any more, or do not ask for it any more."""
        return {
            (rule_id, subject)
            for rule_id, subject in itertools.chain(state.episodes, state.memory, state.deadlines)
            if self._rules.is_of_fences(rule_id) and not self._rules.is_wanted(rule_id, fence_of(subject))
        }

    def end_unwanted(self, state: VehicleState, fence_of: FenceOf, at: int, revealed: int) -> None:
        """Clear what is open of them, and forget what was remembered."""
        unwanted = self.unwanted(state, fence_of)
        if not unwanted:
            return
        self._columns.touch(state)
        facts = Facts(self._scope, state, at, revealed, at)
        for rule_id, subject in sorted(unwanted):
            rule, ending = self._rules.by_id[rule_id], Event.FENCE_CHANGED if fence_of(subject) else Event.FENCE_REMOVED
            number = self._scope.number_of.get(subject)
            facts.clear(rule, subject, event_time=at, reason=ENDINGS[ending], fence=number)
            facts.forget(rule, subject)
            facts.disarm(rule, subject)
