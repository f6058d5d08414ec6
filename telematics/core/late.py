"""Pings that are not newer than their device's last: a duplicate, or late. They never move a vehicle backwards."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from telematics.core import visits
from telematics.core.effects import Outcome, Quarantine
from telematics.core.motion import mend_stay
from telematics.core.quality import accuracy_of, has_fix, is_jump
from telematics.core.reports import file_odd
from telematics.core.state import FixPoint

if TYPE_CHECKING:
    from telematics.core.facts import Scope, VisitChange
    from telematics.core.fleet import Rings
    from telematics.core.state import DeviceState, VehicleState
    from telematics.core.surroundings import Hits, Surroundings
    from telematics.model import Ping


def place_late(
    scope: Scope,
    surroundings: Surroundings,
    rings: Rings,
    state: VehicleState,
    device: DeviceState,
    ping: Ping,
    hits: Hits,
) -> tuple[Outcome, bool, tuple[VisitChange, ...]]:
    """Put a late fix where it belongs among the last ones; the vehicle stays where its newest fix is.

    Gives also whether the ping is news, and not perhaps a duplicate: only then it proves that the device lives.
    """
    primary = device is state.device
    ring = rings.of(state) if primary else []
    where = bisect_left(ring, (ping.ts,))
    measured = has_fix(ping, device, ring[where - 1] if where else None)
    if where < len(ring) and ring[where].ts == ping.ts:
        if not measured or (ring[where].lon == ping.lon and ring[where].lat == ping.lat):
            return Outcome.DUPLICATE, False, ()
        scope.effects.quarantined[Quarantine.SAME_TIME_ELSEWHERE] += 1
        return Outcome.QUARANTINED, False, ()
    if ping.ts in device.odd:
        return Outcome.DUPLICATE, False, ()
    if ping.ts <= device.floor or device.last_ts - ping.ts > scope.quality.late_s * 1000:
        return Outcome.LATE_IGNORED, False, ()
    if not primary or not measured:
        file_odd(device, ping.ts)
        return (Outcome.NO_FIX if primary else Outcome.LATE), True, ()
    fix = FixPoint(ping.ts, ping.lon, ping.lat, accuracy_of(ping, scope.quality), ping.speed_kmh or 0.0)
    if any(is_jump(neighbour, fix, scope.quality) for neighbour in ring[max(0, where - 1) : where + 1]):
        file_odd(device, ping.ts)
        scope.effects.quarantined[Quarantine.IMPLAUSIBLE_JUMP] += 1
        return Outcome.QUARANTINED, True, ()
    following = ring[where] if where < len(ring) else None
    ring.insert(where, fix)
    rings.put(state.slot, ring)
    inside = surroundings.followed(surroundings.applicable(state, hits, fix.ts))
    changes = visits.at_late_fix(scope, state, fix, following, inside) if inside else ()
    mend_stay(state, ring, scope.motion)
    return Outcome.LATE, True, changes
