"""What the stop rules share: how long a stand must last, when it is over, and what may explain it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from geofences.geodesy import distance_m
from geofences.model import FenceKind
from geofences.transitions import State
from telematics.core.rules.base import Rule
from telematics.model import PlannedStop

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from telematics.core.facts import Facts, Scope
    from telematics.core.plain import PlainFixes
    from telematics.core.state import FixPoint, Visit


class StopRule:
    """What every stop rule tells the screen: from when on a fix within the stop radius concerns it."""

    id: ClassVar[str]
    watches: ClassVar[int] = 2

    def acts_after_s(self, facts: Facts) -> float:
        """How long a stand must last for a fix of it to make `on_facts` do something; never too long. inf is never.

        Of the stay that the vehicle is in, or of one that begins where it is, as long as it is in the same fences.
        """
        raise NotImplementedError

    def watch(self, facts: Facts) -> tuple[float, ...] | None:
        """When a stand concerns it, and whether anything else does."""
        return self.acts_after_s(facts) * 1000.0, self.id in facts.state.remembering

    def indifferent(self, scope: Scope, fixes: PlainFixes, watched: NDArray[np.float64]) -> NDArray[np.bool_]:
        """At a stand for as long as nothing comes of it, and otherwise unless a stop is open."""
        acts_after_ms, is_open = watched.T
        stood_ms = fixes.ts - fixes.anchor_ts
        return np.asarray(np.where(fixes.stands, stood_ms < acts_after_ms, is_open == 0), dtype=bool)


def no_stop_zones(facts: Facts) -> list[tuple[str, int, Visit]]:
    """The no-stop zones the vehicle is in: id, number, visit."""
    fences, number_of = facts.scope.fences.fences, facts.scope.number_of
    found: list[tuple[str, int, Visit]] = []
    if not facts.state.visits:
        return found
    for fence_id, visit in facts.state.visits.items():
        number = number_of.get(fence_id)
        if number is not None and fences[number].kind is FenceKind.NO_STOP and visit.state == State.INSIDE:
            found.append((fence_id, number, visit))
    return found


def needed_s(facts: Facts, seconds: float) -> float:
    """A duration proven by periodic fixes: never shorter than two of the device's intervals."""
    return max(seconds, 2.0 * facts.state.device.interval_s)


def begin(facts: Facts, rule: Rule, subject: str = "") -> None:
    """File where the stop began, for `is_over`."""
    anchor = facts.state.anchor
    if anchor is not None:
        facts.remember(rule, subject, [anchor.lon, anchor.lat])


def is_over(facts: Facts, rule: Rule, subject: str = "") -> bool:
    """Whether the vehicle has left the place of an open stop for good.

    Not on one far fix: the stay must have ended too, which takes two (parked trucks drift).
    """
    state = facts.state
    where = facts.recall(rule, subject)
    fix, anchor, episode = state.fix, state.anchor, facts.episode(rule, subject)
    if where is None or fix is None or anchor is None or episode is None or anchor.ts <= episode.start:
        return False
    return distance_m(where[0], where[1], fix.lon, fix.lat) > facts.scope.motion.leave_radius_m


def end(facts: Facts, rule: Rule, subject: str = "", **told: Any) -> None:
    """Clear the stop and forget its place. What is told of it is that the vehicle left now, unless given otherwise."""
    facts.clear(rule, subject, **{"event_time": facts.ts, "reason": "left the stop", **told})
    facts.forget(rule, subject)


def planned_stop(facts: Facts, fix: FixPoint) -> PlannedStop | None:
    """The stop of the trip's plan that a fix stands at, in its window, if any."""
    trip = facts.state.trip
    if trip is None or trip.trip is None:
        return None
    fences = facts.scope.fences.fences
    here = {fences[number].id for number in facts.places}
    for stop in trip.trip.stops:
        if stop.window is not None and not stop.window.start <= facts.ts < stop.window.end:
            continue
        if stop.place is not None and stop.place in here:
            return stop
        if stop.lat is None or stop.lon is None:
            continue
        if distance_m(stop.lon, stop.lat, fix.lon, fix.lat) <= stop.radius_m:
            return stop
    return None


def excuse(facts: Facts) -> str | None:
    """What explains standing here: a place, the plan, or a profile that stops all day; None if nothing does."""
    fix = facts.state.fix
    if facts.places:
        return facts.place_name()
    if fix is not None and planned_stop(facts, fix) is not None:
        return "stop planned by the trip"
    return "profile last_mile" if _stops_all_day(facts) else None


def is_excused(facts: Facts) -> bool:
    """Whether something explains standing here and goes on explaining it, as the trip's plan may cease to."""
    return bool(facts.places) or _stops_all_day(facts)


def _stops_all_day(facts: Facts) -> bool:
    trip = facts.state.trip
    return trip is not None and trip.vehicle.profile == "last_mile"
