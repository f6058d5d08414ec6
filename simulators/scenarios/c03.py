"""C03 and C04: a truck crosses a mapped stretch without network; what it stored comes as a burst among live pings.

Fixes are good all along: it is coverage, not jamming. The silence lies well inside the fence, so that a device
with up to 60 s between reports is heard from inside the fence before it falls silent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.journeys import Placement
from simulators.motion import KMH
from simulators.truth import Truth
from telematics.model import Ping, Severity, Trip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from simulators.devices import Silence
    from simulators.journeys import Journey
    from simulators.motion import Phase
    from simulators.world import Direction, Stretch

HEARD_INSIDE_M = 1600.0
"""60 s at 95 km/h: the silence begins this far inside the fence."""
BEFORE_THE_EXIT_M = 500.0


def silent(zone: Stretch) -> tuple[float, float]:
    """Return from which to which metre of its line a dead zone swallows what is sent."""
    return zone.start_m + HEARD_INSIDE_M, zone.end_m - BEFORE_THE_EXIT_M


def silence(direction: Direction) -> Silence:
    """Return all silent stretches along one way of a route."""
    return tuple(silent(zone) for zone in direction.dead_zones)


class DeadZoneCrossing:
    """One truck that starts shortly before a dead zone, and the witness of each of its crossings."""

    def __init__(self, journey: Journey, *, outbound: bool, begins_after_s: float) -> None:
        self._journey = journey
        self._outbound = outbound
        self._begins_after_s = begins_after_s
        direction = journey.route.out if outbound else journey.route.back
        self._zone = direction.dead_zones[0]

    def phases(self, start_ms: int) -> Iterator[Phase]:
        """Everything the truck does from the start on: an ordinary journey; without end."""
        mean_mps = sum(self._journey.band_kmh) / 2 * KMH
        s_m = max(0.0, silent(self._zone)[0] - mean_mps * self._begins_after_s)
        return self._journey.phases(start_ms, Placement(self._outbound, s_m, moving=True))

    def witness(self, arrivals: Iterable[tuple[int, Ping | Trip]]) -> Iterator[tuple[int, Ping | Trip | Truth]]:
        """Pass on what arrives; when a burst begins, say that it was a crossing and nothing worse."""
        last_live_ts = last_live_arrival = gap_start = last_arrival = 0
        in_burst = False
        for arrival, payload in arrivals:
            if type(payload) is Ping and payload.buffered and not in_burst:
                in_burst = True
                yield arrival, self._truth(gap_start, last_arrival, arrival)
            elif type(payload) is Ping and not payload.buffered:
                # The first live ping after the silence announces the burst: the gap lies before it.
                gap_start, last_arrival = last_live_ts, last_live_arrival
                in_burst = in_burst and payload.ts - last_live_ts <= 120_000
                last_live_ts, last_live_arrival = payload.ts, arrival
            yield arrival, payload

    def _truth(self, gap_start: int, last_arrival: int, arrival: int) -> Truth:
        facts = {
            "zone": self._zone.fence_id,
            "last_ping_at": last_arrival,
            "silent_from_at": gap_start,
            "heard_again_at": arrival,
        }
        return Truth("C03", self._journey.vehicle_id, gap_start, may_raise=Severity.HINT, facts=facts)
