"""Pings that are not newer than their device's last: a duplicate, or late. They never move a vehicle backwards."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from telematics.core.effects import Outcome, Quarantine
from telematics.core.motion import mend_stay
from telematics.core.quality import accuracy_of, has_fix, is_jump
from telematics.core.reports import file_odd
from telematics.core.state import FixPoint

if TYPE_CHECKING:
    from telematics.core.facts import Scope
    from telematics.core.fleet import Rings
    from telematics.core.state import DeviceState, VehicleState
    from telematics.model import Ping


class Late(NamedTuple):
    """What became of a ping that is not newer than its device's last.

    `is_news`: it is not perhaps a duplicate, so it proves that the device lives. `fix` is the late fix if it took its place
    among the last ones, between `before` and `following`.
    """

    outcome: Outcome
    is_news: bool
    fix: FixPoint | None = None
    before: FixPoint | None = None
    following: FixPoint | None = None


def place_late(scope: Scope, rings: Rings, state: VehicleState, device: DeviceState, ping: Ping) -> Late:
    """Put a late fix where it belongs among the last ones; the vehicle stays where its newest fix is."""
    primary = device is state.device
    ring = rings.of(state) if primary else []
    where = bisect_left(ring, (ping.ts,))
    measured = has_fix(ping, device, ring[where - 1] if where else None)
    if where < len(ring) and ring[where].ts == ping.ts:
        if not measured or (ring[where].lon == ping.lon and ring[where].lat == ping.lat):
            return Late(Outcome.DUPLICATE, is_news=False)
        scope.effects.quarantined[Quarantine.SAME_TIME_ELSEWHERE] += 1
        return Late(Outcome.QUARANTINED, is_news=False)
    if ping.ts in device.odd:
        return Late(Outcome.DUPLICATE, is_news=False)
    if ping.ts <= device.floor or device.last_ts - ping.ts > scope.quality.late_s * 1000:
        return Late(Outcome.LATE_IGNORED, is_news=False)
    if not primary or not measured:
        file_odd(device, ping.ts)
        return Late(Outcome.NO_FIX if primary else Outcome.LATE, is_news=True)
    fix = FixPoint(ping.ts, ping.lon, ping.lat, accuracy_of(ping, scope.quality), ping.speed_kmh or 0.0)
    if any(is_jump(neighbour, fix, scope.quality) for neighbour in ring[max(0, where - 1) : where + 1]):
        file_odd(device, ping.ts)
        scope.effects.quarantined[Quarantine.IMPLAUSIBLE_JUMP] += 1
        return Late(Outcome.QUARANTINED, is_news=True)
    before = ring[where - 1] if where else None
    following = ring[where] if where < len(ring) else None
    ring.insert(where, fix)
    rings.put(state.slot, ring)
    mend_stay(state, ring, scope.motion)
    return Late(Outcome.LATE, is_news=True, fix=fix, before=before, following=following)
