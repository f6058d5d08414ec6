"""The monitor engine: all that changes what is known of a vehicle happens here, in this order.

The laws it keeps (each has property tests in tests/property/core):

 1. `step` reads no clock, file, network or random number, and logs nothing. Time comes in with the input.
 2. The order of work is written once: below.
 3. The same inputs, however they are cut into batches, have the same effects, to the byte.
 4. A duplicate has no effect. A late ping never moves a vehicle backwards.
 5. An episode has one alert id, computed from vehicle, rule, subject and start, however often it is processed.
 6. Every alert carries its evidence: facts, thresholds, versions of rules and fences.
 7. A deadline takes effect when it is due, not when somebody noticed: before an input with arrival A is applied, all
    deadlines due at or before A are, in order. An arrival below the clock counts as the clock.
 8. State is plain data, bounded; restored from a snapshot it goes on as if it had never stopped.
 9. A late ping counts for device events, and for geometry if it is younger than ten minutes; else it is counted.
10. A ping without a fix proves that the device lives and nothing else. One whose position or clock cannot be believed
    is quarantined: it counts for liveness and device events. One bad ping never poisons a vehicle.

The order of work, for each input:

 a. time      the clock moves to the input's arrival; sets of fences, trips and deadlines due until then take effect, in
              order
 b. device    who reports; is the ping new, late, a duplicate; how often does the device report
 c. events    which device events are not known yet
 d. position  is it good, no fix, a jump; where does the vehicle stand and since when
 e. place     which corridors, places and dead zones the fix is in; which fences were entered and left (`whereabouts`)
 f. rules     each rule the input can concern, in the order of the registry

A stretch of inputs at a time is shown to the screen first: what it knows for a plain fix is not put through b to f, as
nothing would come of it but where the vehicle is.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from geofences.geodesy import distance_m
from telematics.core import visits
from telematics.core.columns import Columns
from telematics.core.effects import Effects, Outcome, Quarantine
from telematics.core.facts import Facts, Scope, Tracer, VisitChange
from telematics.core.fencesets import FenceSets
from telematics.core.fleet import Fleet
from telematics.core.inputs import Inputs, prepare
from telematics.core.late import place_late
from telematics.core.motion import derived_kmh, observe_interval, stay
from telematics.core.quality import accuracy_of, agreeing, has_fix, is_too_fast
from telematics.core.reports import file_odd, news
from telematics.core.rulebook import Rulebook
from telematics.core.rules.base import Trigger
from telematics.core.screen import Screen
from telematics.core.snapshot import Known, Saved, parse_vehicle, restore_vehicle, snapshot_vehicle
from telematics.core.state import DeviceState, FixPoint, Key, VehicleState
from telematics.core.surroundings import Hits, Surroundings, tags_of
from telematics.core.timers import Timers
from telematics.core.trips import Trips
from telematics.core.whereabouts import Whereabouts
from telematics.model import Batch, Device, DeviceEvent, Ping, Trip

if TYPE_CHECKING:
    from geofences.index import FenceIndex
    from telematics.core.fleet import Floats
    from telematics.core.params import RuleSet

# The deadline of every vehicle, of no rule: it is put off whenever the vehicle is heard, and not part of a snapshot.
_FORGET: Key = ("", "")
_LET_GO: Key = ("fences", "removed")
REBUILD_WINDOW_MS = 6 * 3_600_000  # how far a rebuild without snapshots looks back, unless set otherwise
ASTRAY_TIMES = 8  # pings with a clock ahead of time that are remembered, for telling duplicates


class MonitorEngine:
    """One engine per input partition.

    `truncated`: what it is fed first is not the beginning of the log. Then a vehicle that is heard for the first time may
    have been there before, and what it is found in may have begun before; for as long as `anew_ms` of arrivals, after
    which it counts as new like in a whole log.
    """

    def __init__(
        self, fences: FenceIndex, rules: RuleSet, *, truncated: bool = False, anew_ms: int = REBUILD_WINDOW_MS
    ) -> None:
        self.clock = 0
        self.truncated_until: int | None = None if truncated else 0
        """Until when vehicles that are heard for the first time may have been there before (arrival, ms).

        None: for `anew_ms` from the first input on, which has not come.
        """
        self._anew_ms = anew_ms
        self._lost: frozenset[str] = frozenset()
        self._fleet = Fleet()
        self._vehicles = self._fleet.by_id
        self._rings = self._fleet.rings
        self._trips = Trips()
        self._sets = FenceSets()
        # Vehicles that were saved at a later clock than the one this engine began at, and when that was.
        self._saved_at: dict[str, int] = {}
        self._quality = rules.quality
        self._forgotten_ms = round(rules.quality.forgotten_s * 1000)
        self._future_ms = round(rules.quality.future_clock_s * 1000)
        self._motion = rules.motion
        self._timers = Timers(self._fleet, self._true_due)
        self._scope = Scope(
            fences=fences,
            number_of=_numbers(fences),
            motion=rules.motion,
            quality=rules.quality,
            rules_version=rules.version,
            timers=self._timers,
            effects=Effects(),
        )
        self._surroundings = Surroundings(self._scope)
        self._rules = Rulebook(rules)
        self._columns = Columns(self._scope, self._fleet, self._rules, self._surroundings.key)
        self._whereabouts = Whereabouts(self._scope, self._surroundings, self._columns, self._rules)
        self._screen = Screen(self._scope, self._rules, self._columns, self._surroundings)

    # -- inputs ----------------------------------------------------------------------------------------------------

    def step(self, batch: Batch) -> Effects:
        """Apply the inputs of a batch in order; the effects are theirs alone."""
        effects = self._scope.effects = Effects()
        if not len(batch):
            return effects
        if self.truncated_until is None:
            self.truncated_until = max(batch.arrivals[0], self.clock) + self._anew_ms
        for part in self._between_sets(batch):
            inputs = prepare(part, self.clock, self._surroundings)
            stretch = self._screen.stretch()
            for start in range(0, len(part), stretch):
                self._walk(inputs, range(start, min(start + stretch, len(part))))
        effects.changed = self._columns.changed()
        return effects

    def _between_sets(self, batch: Batch) -> Iterator[Batch]:
        """The batch in parts, and between two of them the fences change."""
        while self._sets.next_at <= max(batch.arrivals):
            arrived = next(i for i, arrival in enumerate(batch.arrivals) if arrival >= self._sets.next_at)
            if arrived:
                yield batch[:arrived]
            batch = batch[arrived:]
            self._change_fences(revealed=batch.arrivals[0])
        yield batch

    def _walk(self, inputs: Inputs, stretch: range) -> None:
        """Apply a stretch of inputs; those that the screen passes are done with before the first of the others."""
        ats, counts = inputs.ats, self._scope.effects.counts
        horizon = ats[stretch[-1]]
        passed = self._screen.pass_plain(inputs, stretch, self._trips.vehicles_until(horizon))
        self._timers.look_ahead(horizon)
        since, accepted = stretch.start, 0
        for i, is_done in zip(stretch, passed, strict=True):
            if is_done:
                accepted += 1
                continue
            at, ping = ats[i], inputs.pings[i]
            self._advance(at, ats, since, i)
            self.clock, since = at, i + 1
            outcome = Outcome.TICK if ping is None else self._apply(ping, inputs.located[i], at)
            if outcome is Outcome.ACCEPTED:
                accepted += 1
            else:
                counts[outcome] += 1
        if since < stretch.stop:
            self._advance(horizon, ats, since, stretch.stop - 1)
            self.clock = horizon
        if accepted:
            counts[Outcome.ACCEPTED] += accepted

    def put_trip(self, trip: Trip) -> bool:
        """Let a trip's document take effect before the first input with arrival >= its `effective_at`.

        One whose time has passed, or that names none, takes effect at once; that is what is answered.
        """
        if trip.effective_at is None or trip.effective_at <= self.clock:
            self._trips.take(trip)
            self._set_trip(trip, self.clock)
            return True
        self._trips.put(trip, trip.effective_at)
        return False

    def put_fences(self, fences: FenceIndex, effective_at: int | None = None) -> int:
        """Let a set of fences take effect before the first input with arrival >= `effective_at`, and say when that is.

        One whose time has passed, or that names none, takes effect before the first input that arrives after the clock.
        """
        at = self.clock + 1 if effective_at is None else max(effective_at, self.clock + 1)
        self._sets.put(fences, at)
        return at

    @property
    def fences(self) -> FenceIndex:
        """Those in force."""
        return self._scope.fences

    def trace(self, tracer: Tracer) -> None:
        """Tell of every rule's verdict from now on; for `telematics explain`."""
        self._scope.tracer = tracer

    def vehicle(self, vehicle_id: str) -> VehicleState | None:
        """What is known of a vehicle; to look at, not to change."""
        state = self._vehicles.get(vehicle_id)
        if state is not None:
            self._columns.settle(state)
        return state

    def gauges(self) -> dict[str, int]:
        """How many vehicles are known, and how many alerts and visits are open."""
        return self._fleet.gauges()

    # -- snapshots -------------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Everything the engine knows but the trips, as plain data: {clock, truncated_until, vehicles: {id: …}}."""
        saved = [self.save(state.slot) for state in self._vehicles.values()]
        return {
            "clock": self.clock,
            "truncated_until": self.truncated_until,
            "vehicles": {one.vehicle_id: one.state for one in saved},
        }

    def restore(
        self,
        snapshot: Mapping[str, Any],
        trips: Iterable[Trip] = (),
        fences: Iterable[tuple[FenceIndex, int]] = (),
    ) -> None:
        """Take up what `snapshot` knew, on an engine that has seen nothing yet; trips and fences as in `resume`."""
        clock = snapshot["clock"]
        known = [
            Known(*restore_vehicle(vehicle_id, parse_vehicle(plain)), clock)
            for vehicle_id, plain in snapshot["vehicles"].items()
        ]
        self.truncated_until = snapshot["truncated_until"]
        self.resume(clock, known, trips, fences=fences)

    def save(self, slot: int) -> Saved:
        """All that is to be kept of one vehicle, by its number; later steps do not change it."""
        state = self._fleet.by_slot[slot]
        self._columns.settle(state)
        return Saved(
            state.vehicle_id,
            self.clock,
            snapshot_vehicle(state, self._rings.rows(state), self._true_due),
            self._trips.before_the_newest(state.vehicle_id),
        )

    def slots_of(self, vehicle_ids: Iterable[str]) -> list[int]:
        """The numbers of these vehicles, of those that are known."""
        slots = self._fleet.slots
        return [slots[vehicle_id] for vehicle_id in vehicle_ids if vehicle_id in slots]

    def resume(
        self,
        clock: int,
        known: Sequence[Known],
        trips: Iterable[Trip] = (),
        lost: Iterable[str] = (),
        fences: Iterable[tuple[FenceIndex, int]] = (),
    ) -> None:
        """Go on from `clock`, on an engine that has seen nothing yet.

        Each vehicle is as it was when it was saved, be that after `clock`; then the inputs up to there are not to be
        shown again. Of the trips, and of the sets of fences with the instants from which they hold, in the order they
        came, those that were in force then are, the others come. `lost` are vehicles that were known and are not: what
        they are found in began who knows when.
        """
        self.clock = clock
        self._lost = frozenset(lost)
        for index, effective_at in fences:
            self._sets.put(index, effective_at)
        while self._sets.next_at <= clock:
            self._use(self._sets.pop())
        saved_at = {one.state.vehicle_id: one.clock for one in known}
        self._saved_at = {vehicle_id: at for vehicle_id, at in saved_at.items() if at > clock}
        for trip in itertools.chain((trip for one in known for trip in one.trips), trips):
            known_at = saved_at.get(trip.vehicle_id, clock)
            if trip.effective_at is None or trip.effective_at <= known_at:
                self._trips.take(trip)
            else:
                self._trips.put(trip, trip.effective_at)
        for one in known:
            self._take_up(one.state, one.ring)
        self._find_all()

    def let_go(self) -> None:
        """Let what is open on fences that are not there, or do not ask for it, end before the next input.

        They were not removed before this engine: another that was stopped had them, and nobody could tell of it.
        """
        for state in self._vehicles.values():
            if self._whereabouts.unwanted(state, self._scope.fence):
                self._columns.touch(state)
                self._timers.arm(state, _LET_GO, self.clock)

    def _take_up(self, state: VehicleState, ring: Floats) -> None:
        if self._is_met(state):
            # Of fences that went while nobody looked.
            for gone in [known for known in state.visits if known not in self._scope.number_of]:
                del state.visits[gone]
                state.deadlines.pop((visits.TIMER, gone), None)
        state.trip = self._trips.in_force.get(state.vehicle_id)
        self._fleet.add(state, ring)
        for key, due in list(state.deadlines.items()):
            self._timers.arm(state, key, due)
        self._timers.arm(state, _FORGET, self._forgotten_at(state))

    # -- a. time ---------------------------------------------------------------------------------------------------

    def _advance(self, at: int, ats: list[int], since: int, until: int) -> None:
        """Let everything take effect that is due until `at`; one of the inputs from `since` to `until` is what shows it."""
        timers, trips = self._timers, self._trips
        while timers.may_be_due(at) or trips.next_at <= at:
            due = timers.next_due()
            if trips.next_at <= at and (due is None or trips.next_at <= due):
                due_at = max(self.clock, int(trips.next_at))
                self._set_trip(trips.pop(), due_at)
            elif due is not None and due <= at:
                since = bisect_left(ats, due, since, until)
                self._fire(ats[since])

    def _fire(self, revealed: int) -> None:
        due, state, (rule_id, subject) = self._timers.pop()
        self._columns.touch(state)
        due = max(due, self.clock)
        if (rule_id, subject) == _FORGET:
            self._forget(state, due, revealed)
            return
        ts = state.device.last_ts + max(0, due - state.device.heard_at)
        if rule_id == visits.TIMER:
            changes = visits.at_timer(self._scope, state, subject)
            self._rules.ask(Facts(self._scope, state, due, revealed, ts, triggers=Trigger.VISITS, visits=changes))
            return
        if (rule_id, subject) == visits.CHANGE:
            self._whereabouts.look_out(state, due, revealed, ts)
            return
        if (rule_id, subject) == _LET_GO:
            self._whereabouts.end_unwanted(state, self._scope.fence, due, revealed)
            return
        rule = self._rules.by_id.get(rule_id)
        if rule is not None:
            rule.on_timer(Facts(self._scope, state, due, revealed, ts), subject)

    def _true_due(self, state: VehicleState, key: Key, due: int) -> int:
        """When a deadline set for `due` really comes: a silence begins anew whenever the vehicle is heard."""
        if key == _FORGET:
            self._columns.settle(state)
            return self._forgotten_at(state)
        silence = self._rules.silences.get(key[0])
        if silence is None:
            return due
        self._columns.settle(state)
        return max(due, silence.due(self._scope, state))

    def _forgotten_at(self, state: VehicleState) -> int:
        heard_at = max(state.device.heard_at, *(device.heard_at for device in state.others.values()), 0)
        return heard_at + self._forgotten_ms

    def _forget(self, state: VehicleState, due: int, revealed: int) -> None:
        """Not heard of for so long that nothing said of it before means anything."""
        facts = Facts(self._scope, state, due, revealed, state.device.last_ts)
        for rule_id, subject in list(state.episodes):
            rule = self._rules.by_id.get(rule_id)
            if rule is not None:
                facts.clear(rule, subject, event_time=state.device.last_ts, reason="forgotten")
        self._columns.forget(state)
        self._fleet.remove(state)
        self._scope.effects.forgotten.append(state.vehicle_id)

    def _set_trip(self, trip: Trip, at: int) -> None:
        state = self._vehicles.get(trip.vehicle_id)
        if state is None:
            return
        self._columns.touch(state)
        tags = tags_of(state)
        state.trip = trip
        if tags_of(state) != tags:
            # Other fences are there for it now.
            self._whereabouts.find(state, self._whereabouts.hits_of(state), at)
            self._timers.arm(state, visits.CHANGE, at)
        self._whereabouts.silence_anew(state, at)

    def _find_all(self) -> list[tuple[VehicleState, Hits]]:
        """Find every vehicle whose state is of the fences in force."""
        met = filter(self._is_met, self._vehicles.values())
        return self._whereabouts.find_all(met, lambda state: self._saved_at.get(state.vehicle_id, self.clock))

    def _is_met(self, state: VehicleState) -> bool:
        """Whether it was saved while the fences that are in force now were, or before; else it waits for those to come."""
        return self._saved_at.get(state.vehicle_id, -1) < self._sets.next_at

    # -- b. device -------------------------------------------------------------------------------------------------

    def _apply(self, ping: Ping, hits: Hits, at: int) -> Outcome:
        state = self._vehicles.get(ping.vehicle_id)
        if state is None:
            state = self._meet(ping)
        self._columns.touch(state)
        primary = ping.device is state.primary
        device = state.device if primary else state.device_met(ping.device)
        if ping.ts in device.astray:
            return Outcome.DUPLICATE  # also when its time has come by now
        if ping.ts > at + self._future_ms:
            return self._astray(state, device, ping, at, Quarantine.FUTURE_CLOCK)
        if ping.ts <= device.last_ts:
            if device.last_ts - ping.ts > self._quality.past_clock_s * 1000 and not has_fix(ping, device, None):
                return self._astray(state, device, ping, at, Quarantine.PAST_CLOCK)
            return self._not_new(state, device, ping, hits, at)
        if ping.interval_s is not None:
            device.interval_s = ping.interval_s
        elif device.last_ts >= 0 and not ping.events and not ping.buffered:
            observe_interval(device, (ping.ts - device.last_ts) / 1000.0)
        device.last_ts = ping.ts
        device.heard_at = at
        if ping.satellites is not None:
            device.reports_satellites = True
        if not primary and ping.device is Device.TRACTOR and (state.fix is None or ping.ts > state.fix.ts):
            self._take_over(state, device)
            primary = True
        if not primary:
            file_odd(device, ping.ts)
            self._rules.ask(self._facts(state, ping, at, late=ping.buffered))
            return Outcome.ACCEPTED
        if ping.ignition is not None and ping.ignition is not state.ignition:
            state.ignition = ping.ignition
            state.ignition_ts = ping.ts
        return self._position(state, device, ping, hits, at)

    def _meet(self, ping: Ping) -> VehicleState:
        before = self.truncated_until is None or self.clock < self.truncated_until
        first_ts = ping.ts if before or ping.vehicle_id in self._lost else -1
        state = VehicleState(ping.vehicle_id, first_ts=first_ts, primary=ping.device)
        state.trip = self._trips.in_force.get(ping.vehicle_id)
        self._fleet.add(state)
        self._timers.arm(state, _FORGET, self.clock + self._forgotten_ms)
        return state

    def _take_over(self, state: VehicleState, tractor: DeviceState) -> None:
        """The tractor is heard, later than the vehicle's last fix: its fixes are the vehicle's from now on."""
        del state.others[Device.TRACTOR]
        former = state.others[state.primary] = state.device
        former.floor = max(former.floor, former.last_ts)
        state.primary, state.device = Device.TRACTOR, tractor
        state.fix = state.anchor = None
        state.suspects, state.settled_in = [], None
        self._rings.put(state.slot, ())
        self._surroundings.look_around(state, ())

    def _astray(self, state: VehicleState, device: DeviceState, ping: Ping, at: int, reason: Quarantine) -> Outcome:
        """A clock that cannot be right: the device lives, its events count as of now, its position does not."""
        device.astray = [*device.astray, ping.ts][-ASTRAY_TIMES:]
        device.heard_at = at
        triggers = Trigger.HEARD if device is state.device else 0
        self._rules.ask(self._facts(state, ping, at, ts=at, triggers=triggers))
        self._scope.effects.quarantined[reason] += 1
        return Outcome.QUARANTINED

    def _not_new(self, state: VehicleState, device: DeviceState, ping: Ping, hits: Hits, at: int) -> Outcome:
        """A ping that is not newer than the device's last: a duplicate, or late."""
        late = place_late(self._scope, self._rings, state, device, ping)
        if late.is_news:
            device.heard_at = at
        triggers = Trigger.HEARD if late.is_news and device is state.device else 0
        changes = self._whereabouts.place_late(state, late, hits, at)
        if changes:
            triggers |= Trigger.VISITS
        facts = self._facts(state, ping, at, late=True, triggers=triggers, changes=changes)
        if late.is_news or facts.events:
            self._rules.ask(facts)
        return Outcome.LATE if facts.events and not late.is_news else late.outcome

    # -- c. events -------------------------------------------------------------------------------------------------

    def _facts(
        self,
        state: VehicleState,
        ping: Ping,
        at: int,
        *,
        ts: int | None = None,
        late: bool = False,
        triggers: int = 0,
        stopped_s: float = 0.0,
        changes: tuple[VisitChange, ...] = (),
    ) -> Facts:
        """What the rules are shown of a ping; its device events that are news become known here."""
        ts = ping.ts if ts is None else ts
        events: tuple[DeviceEvent, ...] = ()
        if ping.events:
            events = news(state, ping, ts)
            if events:
                triggers |= Trigger.EVENTS
        if ping.power_v is not None:
            triggers |= Trigger.POWER
        return Facts(self._scope, state, at, at, ts, ping, late, triggers, stopped_s, events, changes)

    # -- d. position -----------------------------------------------------------------------------------------------

    def _position(self, state: VehicleState, device: DeviceState, ping: Ping, hits: Hits, at: int) -> Outcome:
        last = state.fix
        if not has_fix(ping, device, last):
            file_odd(device, ping.ts)
            self._rules.ask(self._facts(state, ping, at, late=ping.buffered, triggers=Trigger.HEARD))
            return Outcome.NO_FIX
        speed_kmh = ping.speed_kmh
        fix = FixPoint(ping.ts, ping.lon, ping.lat, accuracy_of(ping, self._quality), speed_kmh or 0.0)
        triggers = Trigger.HEARD | Trigger.FIX
        step_m = 0.0
        if last is not None:
            step_m = distance_m(last.lon, last.lat, fix.lon, fix.lat)
            if is_too_fast(step_m, fix.ts - last.ts, self._quality):
                state.suspects = agreeing(state.suspects, fix, self._quality)
                if len(state.suspects) < self._quality.consistent_fixes:
                    file_odd(device, ping.ts)
                    triggers = Trigger.HEARD | Trigger.JUMP
                    self._rules.ask(self._facts(state, ping, at, late=ping.buffered, triggers=triggers))
                    self._scope.effects.quarantined[Quarantine.IMPLAUSIBLE_JUMP] += 1
                    return Outcome.QUARANTINED
                triggers |= Trigger.JUMP
                device.floor = max(device.floor, int(self._rings.newest_ts(state.slot)))
                self._rings.put(state.slot, state.suspects[:-1])
                last, state.anchor = state.suspects[-2], None
                step_m = distance_m(last.lon, last.lat, fix.lon, fix.lat)
            if speed_kmh is None:
                fix = fix._replace(speed_kmh=derived_kmh(self._rings.of(state), fix))
        elif state.first_ts >= 0:
            state.first_ts = fix.ts
        if state.suspects:
            state.suspects = []
        state.fix = fix
        if fix.speed_kmh > self._motion.moving_kmh:
            state.moved_ts = fix.ts
        before = last
        if before is not None and before.ts != self._rings.newest_ts(state.slot):
            before = self._rings.newest(state.slot)  # a late fix, behind pings without one
            step_m = distance_m(before.lon, before.lat, fix.lon, fix.lat)
        self._rings.append(state.slot, fix)
        stopped_s = stay(state, before, fix, step_m, self._motion, self._rings)
        if stopped_s:
            triggers |= Trigger.STANDING
        crossed = () if before is None else self._whereabouts.crossed(state, before, fix, step_m)
        settled = hits == state.settled_in and fix.ts < state.settled_until and not crossed
        changes = () if settled else self._whereabouts.place(state, hits, fix, at, before, crossed)
        if changes:
            triggers |= Trigger.VISITS
        self._rules.ask(
            self._facts(state, ping, at, late=ping.buffered, triggers=triggers, stopped_s=stopped_s, changes=changes)
        )
        return Outcome.ACCEPTED

    # -- other fences ----------------------------------------------------------------------------------------------

    def _change_fences(self, revealed: int) -> None:
        """Let the next set of fences take effect.

        Visits to fences that do not act as they did end, and what is open on fences that are gone; both are told as of the
        set that had them. A vehicle whose last fix is in a fence that was not there has entered it, as if its window had
        opened.
        """
        at = int(self._sets.next_at)
        self._timers.look_ahead(at - 1)
        self._advance(at - 1, [revealed], 0, 0)
        self.clock = at
        met = [self._vehicles[vehicle_id] for vehicle_id in sorted(self._vehicles)]
        met = [state for state in met if self._is_met(state)]
        fences = self._sets.pop()
        stood = self._whereabouts.end_for(met, fences, at, revealed)
        self._use(fences)
        self._whereabouts.begin_for(self._find_all(), stood, at)

    def _use(self, fences: FenceIndex) -> None:
        self._scope.fences, self._scope.number_of = fences, _numbers(fences)
        self._surroundings.renew()


def _numbers(fences: FenceIndex) -> dict[str, int]:
    return {fence.id: number for number, fence in enumerate(fences.fences)}
