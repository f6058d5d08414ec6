"""The shortcut past the rules: is a ping a plain fix of a moving truck, after which only its position is different?

Nine in ten pings of a fleet on the road are. The engine would come to the same state and say as little about them, ping
by ping, with its whole order of work; that it does is a property test (screen on, screen off: the same bytes).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from geofences.geodesy import distance_m
from telematics.core.quality import NOWHERE_DEG, accuracy_of, is_too_fast
from telematics.core.reports import trim_ring
from telematics.core.state import RING_FIXES, Anchor, FixPoint, VehicleState
from telematics.model import Fix, Ping

if TYPE_CHECKING:
    from collections.abc import Iterable

    from telematics.core.facts import Scope
    from telematics.core.rules.base import EveryFixRule
    from telematics.core.surroundings import Hits


class Screen:
    """Bound to the rules that every good fix concerns; each may object."""

    def __init__(self, scope: Scope, rules: Iterable[EveryFixRule]) -> None:
        self._scope = scope
        self._rules = tuple(rules)
        self._remembering = frozenset(rule.id for rule in self._rules)
        self._motion = scope.motion
        self._quality = scope.quality

    def passes(self, state: VehicleState, ping: Ping, hits: Hits) -> bool:
        """Move the vehicle on if nothing else can follow from its primary device's newest ping; else touch nothing."""
        last, anchor = state.fix, state.anchor
        speed_kmh = ping.speed_kmh
        if (
            last is None
            or anchor is None
            or speed_kmh is None
            or hits != state.settled_in
            or anchor.ts != last.ts  # it stands, or may
            or state.ring[-1] is not last
            or ping.events
            or ping.buffered
            or ping.satellites == 0
            or ping.fix is Fix.NONE
            or ping.power_v is not None
            or state.suspects
            or not state.remembering <= self._remembering
            or self._scope.tracer is not None
        ):
            return False
        ts, lon, lat = ping.ts, ping.lon, ping.lat
        step_m = distance_m(last.lon, last.lat, lon, lat)
        if step_m <= self._motion.stop_radius_m or is_too_fast(step_m, ts - last.ts, self._quality):
            return False
        if abs(lat) < NOWHERE_DEG and abs(lon) < NOWHERE_DEG:
            return False
        fix = FixPoint(ts, lon, lat, accuracy_of(ping, self._quality), speed_kmh)
        for rule in self._rules:
            if not rule.indifferent(self._scope, state, ping, fix):
                return False
        state.fix = fix
        if speed_kmh > self._motion.moving_kmh:
            state.moved_ts = ts
        state.ring.append(fix)
        if len(state.ring) > RING_FIXES:
            trim_ring(state)
        state.anchor = Anchor(ts, lon, lat, ts > state.first_ts)
        return True
