"""Which fences a vehicle is in: applies `geofences.transitions` to a vehicle's state.

Only fences that somebody watches are tracked (`tracked`): those that detect a visit, and no-stop zones. The rest, such
as corridors and dead zones, are context that the engine reads off each fix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from geofences.model import Detect, Fence, FenceKind
from geofences.transitions import Action, Event, State, advance, observe
from telematics.core.effects import Outcome
from telematics.core.facts import Scope, VisitChange
from telematics.core.state import VISITS, FixPoint, Key, VehicleState, Visit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from geofences.crossing import Crossing

TIMER = "membership"  # stands for a rule in the order of timers
CHANGE: Key = ("fences", "")
"""The deadline at which the next of the fences a vehicle is in or visits wakes up or falls asleep."""
PARKED_DRIFT_M = 300.0  # so far from a parked truck its fixes may lie

ENTERED, LEFT = True, False
_WATCHED = {Detect.ENTER, Detect.EXIT, Detect.DWELL, Detect.CROSS}


def tracked(fences: Iterable[Fence]) -> frozenset[int]:
    """The numbers of the fences whose visits are followed."""
    return frozenset(
        number
        for number, fence in enumerate(fences)
        if not _WATCHED.isdisjoint(fence.detect) or fence.kind is FenceKind.NO_STOP
    )


def applies(fence: Fence, tags: AbstractSet[str], ts: int) -> bool:
    """Whether a fence is there for a vehicle with these tags at an instant, ms."""
    return concerns(fence, tags) and fence.period(ts)[0]


def concerns(fence: Fence, tags: AbstractSet[str]) -> bool:
    """Whether a fence is for vehicles with these tags, in whatever hours."""
    return not fence.applies_to or not fence.applies_to.isdisjoint(tags)


def at_fix(
    scope: Scope,
    state: VehicleState,
    fix: FixPoint,
    inside: AbstractSet[int],
    tags: AbstractSet[str],
    at: int,
    lies_in: AbstractSet[int],
    crossed: Iterable[Crossing] = (),
    before: FixPoint | None = None,
) -> tuple[VisitChange, ...]:
    """What a good fix, newer than all before, changes.

    `inside`: numbers of the tracked fences the fix is in, of those that were there for the vehicle at its time; `lies_in`
    of all. `crossed` are fences between it and the one `before`, in whatever hours.
    """
    left = _end_those_over(scope, state, tags, fix.ts)
    entered: list[VisitChange] = []
    if before is not None:
        left += [change for one in crossed for change in _passage(scope, state, one, before, fix)]
    for fence_id, visit in list(state.visits.items()):
        number = scope.number_of[fence_id]
        # A visit may begin by the arrival clock, when the fence wakes up or comes. What is heard later of a time before that
        # tells where the vehicle was, be the fence asleep by then.
        is_inside = number in (lies_in if fix.ts < visit.since else inside)
        if is_inside and visit.state == State.INSIDE:
            continue
        change = _step(scope, state, number, visit, fix, at, is_inside=is_inside)
        if change is not None:
            (entered if change.entered else left).append(change)
    for number in sorted(inside):
        fence = scope.fences.fences[number]
        if fence.id in state.visits or _is_of_former_visit(state, fence, fix):
            continue
        if not _has_room(scope, state):
            continue
        visit = Visit(State.OUTSIDE, fix.ts, at, -1, fix.ts > state.first_ts)
        change = _step(scope, state, number, visit, fix, at, is_inside=True)
        if change is not None:
            entered.append(change)
    return (*left, *entered)


def at_change(
    scope: Scope,
    state: VehicleState,
    fix: FixPoint | None,
    inside: AbstractSet[int],
    tags: AbstractSet[str],
    ts: int,
    at: int,
) -> tuple[VisitChange, ...]:
    """What changes by an instant without a fix: visits whose fences are there no more end, others begin to be entered.

    `inside`: numbers of the tracked fences that are there now and that the newest fix is in. `at` is `ts` on the
    arrival clock.
    """
    ended = _end_those_over(scope, state, tags, ts)
    for number in sorted(inside):
        fence = scope.fences.fences[number]
        if fix is None or fence.id in state.visits or fix.accuracy_m > scope.fences.size_m(number):
            continue
        if not _has_room(scope, state):
            continue
        following, _ = advance(State.OUTSIDE, Event.WINDOW_OPENS)
        # Each visit to a fence begins after the one before, also where the device's clock is ahead: alerts are named by it.
        since = max(ts, state.exits.get(fence.id, -1) + 1)
        state.visits[fence.id] = Visit(following, since, at, -1, since > state.first_ts)
        scope.timers.arm(state, (TIMER, fence.id), at + round(fence.min_inside_s * 1000))
    return tuple(ended)


def end(scope: Scope, state: VehicleState, endings: Mapping[str, tuple[Event, int]]) -> list[VisitChange]:
    """End the visits to fences, by id, though nobody left: by an event of `ENDINGS`, at an instant."""
    ended: list[VisitChange] = []
    for fence_id, (event, instant) in endings.items():
        visit = state.visits.pop(fence_id)
        ts = max(instant, visit.since)  # of a device whose clock is ahead
        state.deadlines.pop((TIMER, fence_id), None)
        _, action = advance(State(visit.state), event)
        if action is Action.END_VISIT:
            number = scope.number_of[fence_id]
            ended.append(VisitChange(number, LEFT, ts, visit.since, visit.since_at, ts, visit.known, event))
            _remember_exit(scope, state, fence_id, ts)
    return ended


def is_held_back(scope: Scope, state: VehicleState, fix: FixPoint, inside: AbstractSet[int]) -> bool:
    """Whether a fence that a fix is in was not entered by it, because the fix is older than the end of a visit.

    The vehicle may be in it all the same: by what is known now, not by what the fix says of its own time.
    """
    fences = scope.fences.fences
    return any(
        fences[number].id not in state.visits and _is_of_former_visit(state, fences[number], fix) for number in inside
    )


def _is_of_former_visit(state: VehicleState, fence: Fence, fix: FixPoint) -> bool:
    """Whether the last visit to a fence ended after a fix.

    Of a fix newer than all before only where the end came by the arrival clock.
    """
    return fix.ts <= state.exits.get(fence.id, -1)


def _end_those_over(scope: Scope, state: VehicleState, tags: AbstractSet[str], ts: int) -> list[VisitChange]:
    endings: dict[str, tuple[Event, int]] = {}
    for fence_id, visit in state.visits.items():
        fence = scope.fences.fences[scope.number_of[fence_id]]
        if not concerns(fence, tags):
            endings[fence_id] = Event.NO_LONGER_APPLIES, ts
        elif not fence.is_always:
            # In a file that changed while no monitor ran it may never have been awake when the visit began.
            was_awake, until = fence.period(visit.since)
            closes = until if was_awake else visit.since
            if closes is not None and closes <= ts:
                endings[fence_id] = Event.WINDOW_CLOSES, closes
    return end(scope, state, endings) if endings else []


def _has_room(scope: Scope, state: VehicleState) -> bool:
    if len(state.visits) < VISITS:
        return True
    scope.effects.counts[Outcome.STATE_DROPPED] += 1
    return False


def _passage(
    scope: Scope, state: VehicleState, crossing: Crossing, before: FixPoint, fix: FixPoint
) -> Iterable[VisitChange]:
    """A fence that lies between two fixes has been entered and left; one that was being left is left only now.

    Of one that sleeps for a part of the way what counts is the first stretch of it awake.
    """
    fence = scope.fences.fences[crossing.fence]
    visit = state.visits.get(fence.id)
    if visit is not None and visit.state != State.LEAVING:
        return
    _, action = advance(State.OUTSIDE if visit is None else State(visit.state), Event.CROSSED)
    gap_ms = fix.ts - before.ts
    if action is Action.RESTART_EXIT and visit is not None:
        visit.leaving_since = fix.ts
        return
    first, last = (round(before.ts + part * gap_ms) for part in (crossing.first, crossing.last))
    by = Event.CROSSED
    is_awake, until = fence.period(first)
    if not is_awake:
        if until is None:
            return
        first, (_, until) = until, fence.period(until)
    if until is not None and until <= last:
        last, by = until, Event.WINDOW_CLOSES
    min_inside_ms = round(fence.min_inside_s * 1000)
    if first <= state.exits.get(fence.id, -1) or last - first < max(min_inside_ms, 1):
        return
    known = first > state.first_ts
    yield VisitChange(crossing.fence, ENTERED, first + min_inside_ms, first, -1, -1, known, Event.CROSSED)
    yield VisitChange(crossing.fence, LEFT, last, first, -1, last, known, by)
    # A late fix between the two may lie in it, too: it tells of this passage.
    _remember_exit(scope, state, fence.id, fix.ts - 1)


def left_by(fence: Fence, visit: Visit) -> float:
    """The device's time from which on a fix can confirm that the vehicle has left."""
    return visit.leaving_since + fence.min_outside_s * 1000.0


def _step(
    scope: Scope, state: VehicleState, number: int, visit: Visit, fix: FixPoint, at: int, *, is_inside: bool
) -> VisitChange | None:
    fence = scope.fences.fences[number]
    began = {State.ENTERING: visit.since, State.LEAVING: visit.leaving_since}.get(State(visit.state), fix.ts)
    if visit.state == State.LEAVING and not is_inside and fix.ts < left_by(fence, visit):
        return None  # however far outside it is: a column of the table, without measuring
    may_drift = state.ignition is False and not is_inside
    outside_m = 0.0
    if not is_inside:
        # Further than this, by a metre against rounding, is all the same.
        enough_m = fix.accuracy_m + max(fence.exit_margin_m, PARKED_DRIFT_M if may_drift else 0.0) + 1.0
        outside_m = scope.fences.boundary_m(number, fix.lon, fix.lat, enough_m)
    event = observe(
        fence,
        inside=is_inside,
        outside_m=outside_m,
        accuracy_m=fix.accuracy_m,
        size_m=scope.fences.size_m(number),
        elapsed_ms=fix.ts - began,
    )
    if may_drift and outside_m - fix.accuracy_m <= PARKED_DRIFT_M:
        # A parked truck drifts; one that is further off was towed, or its ignition is not wired.
        event = Event.AMBIGUOUS
    following, action = advance(State(visit.state), event)
    visit.state = following
    key = (TIMER, fence.id)
    if action is Action.START_ENTER_TIMER:
        state.visits[fence.id] = visit
        scope.timers.arm(state, key, at + round(fence.min_inside_s * 1000))
    elif action is Action.RAISE_ENTER:
        state.visits[fence.id] = visit
        state.deadlines.pop(key, None)
        return _entered(fence, number, visit, event)
    elif action is Action.CANCEL_ENTER:
        del state.visits[fence.id]
        state.deadlines.pop(key, None)
    elif action is Action.START_EXIT:
        visit.leaving_since = fix.ts
    elif action is Action.CANCEL_EXIT:
        visit.leaving_since = -1
    elif action is Action.RAISE_EXIT:
        del state.visits[fence.id]
        # By a clock that is behind it may have left before its visit began.
        left_since = max(fix.ts if visit.leaving_since < 0 else visit.leaving_since, visit.since)
        _remember_exit(scope, state, fence.id, left_since)
        ts = left_since + round(fence.min_outside_s * 1000)
        return VisitChange(number, LEFT, ts, visit.since, visit.since_at, left_since, visit.known, event)
    return None


def at_timer(scope: Scope, state: VehicleState, fence_id: str) -> tuple[VisitChange, ...]:
    """The time inside is over that a fence asks for before an entry counts."""
    visit = state.visits[fence_id]
    visit.state, _ = advance(State(visit.state), Event.TIMER)
    number = scope.number_of[fence_id]
    return (_entered(scope.fences.fences[number], number, visit, Event.TIMER),)


def at_late_fix(
    scope: Scope, state: VehicleState, fix: FixPoint, following: FixPoint, inside: AbstractSet[int]
) -> tuple[VisitChange, ...]:
    """What a fix between two known ones changes: a leaving that had not begun yet, or a passage nobody saw.

    `following` is the next one in the ring. A fence that wants a time inside is not proven by one late fix.
    """
    changes: list[VisitChange] = []
    for number in sorted(inside):
        fence = scope.fences.fences[number]
        if fix.accuracy_m > scope.fences.size_m(number):
            continue
        visit = state.visits.get(fence.id)
        if visit is not None:
            if visit.state == State.LEAVING and fix.ts > visit.leaving_since:
                visit.leaving_since = following.ts
            continue
        if fence.min_inside_s > 0 or _is_of_former_visit(state, fence, fix):
            continue
        known = fix.ts > state.first_ts
        closes = fence.period(fix.ts)[1]
        over, by = following.ts, Event.CLEARLY_OUTSIDE_DUE
        if closes is not None and closes <= over:
            over, by = closes, Event.WINDOW_CLOSES
        changes.append(VisitChange(number, ENTERED, fix.ts, fix.ts, -1, -1, known, Event.INSIDE_DUE))
        changes.append(VisitChange(number, LEFT, over, fix.ts, -1, over, known, by))
        _remember_exit(scope, state, fence.id, over)
    return tuple(changes)


def _entered(fence: Fence, number: int, visit: Visit, by: Event) -> VisitChange:
    ts = visit.since + round(fence.min_inside_s * 1000)
    return VisitChange(number, ENTERED, ts, visit.since, visit.since_at, -1, visit.known, by)


def _remember_exit(scope: Scope, state: VehicleState, fence_id: str, left_since: int) -> None:
    # A late fix lies before the last one, and a clock is ahead, by no more than these.
    kept_ms = 1000 * max(scope.quality.late_s, scope.quality.future_clock_s)
    now = state.device.last_ts
    for past in [known for known, ts in state.exits.items() if ts < now - kept_ms]:
        del state.exits[past]
    state.exits[fence_id] = left_since
    if len(state.exits) > VISITS:
        del state.exits[min(state.exits, key=lambda known: (state.exits[known], known))]
