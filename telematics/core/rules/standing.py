"""What the stop rules share: how long a stand must last, when it is over, and what may explain it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from geofences.geodesy import distance_m
from telematics.core.rules.base import Rule
from telematics.model import PlannedStop

if TYPE_CHECKING:
    from telematics.core.facts import Facts
    from telematics.core.state import FixPoint


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


def end(facts: Facts, rule: Rule, subject: str = "", **where: Any) -> None:
    """Clear the stop and forget its place."""
    facts.clear(rule, subject, event_time=facts.ts, reason="left the stop", **where)
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
    state = facts.state
    if facts.places:
        return facts.place_name()
    if state.fix is not None and planned_stop(facts, state.fix) is not None:
        return "stop planned by the trip"
    if state.trip is not None and state.trip.vehicle.profile == "last_mile":
        return "profile last_mile"
    return None
