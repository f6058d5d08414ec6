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
from telematics.core.state import VISITS, FixPoint, VehicleState, Visit

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

TIMER = "membership"  # stands for a rule in the order of timers
PARKED_DRIFT_M = 300.0  # so far from a parked truck its fixes may lie
REMEMBER_EXITS_MS = 600_000  # as long as a late fix may still speak of the visit (QualityParams.late_s)

ENTERED, LEFT = True, False
_WATCHED = {Detect.ENTER, Detect.EXIT, Detect.DWELL}


def tracked(fences: Iterable[Fence]) -> frozenset[int]:
    """The numbers of the fences whose visits are followed."""
    return frozenset(
        number
        for number, fence in enumerate(fences)
        if not _WATCHED.isdisjoint(fence.detect) or fence.kind is FenceKind.NO_STOP
    )


def at_fix(
    scope: Scope, state: VehicleState, fix: FixPoint, inside: AbstractSet[int], at: int
) -> tuple[VisitChange, ...]:
    """What a good fix, newer than all before, changes. `inside`: numbers of the tracked fences the fix is in."""
    left: list[VisitChange] = []
    entered: list[VisitChange] = []
    for fence_id, visit in list(state.visits.items()):
        number = scope.number_of[fence_id]
        is_inside = number in inside
        if is_inside and visit.state == State.INSIDE:
            continue
        change = _step(scope, state, number, visit, fix, at, is_inside=is_inside)
        if change is not None:
            (entered if change.entered else left).append(change)
    for number in sorted(inside):
        if scope.fences.fences[number].id in state.visits:
            continue
        if len(state.visits) >= VISITS:
            scope.effects.counts[Outcome.STATE_DROPPED] += 1
            continue
        visit = Visit(State.OUTSIDE, fix.ts, at, -1, fix.ts > state.first_ts)
        change = _step(scope, state, number, visit, fix, at, is_inside=True)
        if change is not None:
            entered.append(change)
    return (*left, *entered)


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
        return _entered(fence, number, visit)
    elif action is Action.CANCEL_ENTER:
        del state.visits[fence.id]
        state.deadlines.pop(key, None)
    elif action is Action.START_EXIT:
        visit.leaving_since = fix.ts
    elif action is Action.CANCEL_EXIT:
        visit.leaving_since = -1
    elif action is Action.RAISE_EXIT:
        del state.visits[fence.id]
        left_since = fix.ts if visit.leaving_since < 0 else visit.leaving_since
        _remember_exit(state, fence.id, left_since, fix.ts)
        ts = left_since + round(fence.min_outside_s * 1000)
        return VisitChange(number, LEFT, ts, visit.since, visit.since_at, left_since, visit.known)
    return None


def at_timer(scope: Scope, state: VehicleState, fence_id: str) -> tuple[VisitChange, ...]:
    """The time inside is over that a fence asks for before an entry counts."""
    visit = state.visits[fence_id]
    visit.state, _ = advance(State(visit.state), Event.TIMER)
    number = scope.number_of[fence_id]
    return (_entered(scope.fences.fences[number], number, visit),)


def at_late_fix(
    scope: Scope, state: VehicleState, fix: FixPoint, following: FixPoint | None, inside: AbstractSet[int]
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
            if visit.state == State.LEAVING and fix.ts > visit.leaving_since and following is not None:
                visit.leaving_since = following.ts
            continue
        if fence.min_inside_s > 0 or following is None or fix.ts <= state.exits.get(fence.id, -1):
            continue
        known = fix.ts > state.first_ts
        changes.append(VisitChange(number, ENTERED, fix.ts, fix.ts, -1, -1, known))
        changes.append(VisitChange(number, LEFT, following.ts, fix.ts, -1, following.ts, known))
        _remember_exit(state, fence.id, following.ts, following.ts)
    return tuple(changes)


def _entered(fence: Fence, number: int, visit: Visit) -> VisitChange:
    ts = visit.since + round(fence.min_inside_s * 1000)
    return VisitChange(number, ENTERED, ts, visit.since, visit.since_at, -1, visit.known)


def _remember_exit(state: VehicleState, fence_id: str, left_since: int, now: int) -> None:
    for past in [known for known, ts in state.exits.items() if ts < now - REMEMBER_EXITS_MS]:
        del state.exits[past]
    state.exits[fence_id] = left_since
    if len(state.exits) > VISITS:
        del state.exits[min(state.exits, key=lambda known: (state.exits[known], known))]
