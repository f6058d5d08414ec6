"""Where a vehicle stands and since when, and how often a device reports. Pure functions over the last fixes."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from pydantic import Field

from geofences.geodesy import distance_m
from telematics.core.rules.base import Params
from telematics.core.state import Anchor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telematics.core.fleet import Rings
    from telematics.core.state import DeviceState, FixPoint, VehicleState

GAPS = 3  # a median of three follows a change of cadence after two pings and shrugs off one odd gap
SPEED_OVER_MS = 10_000
LONGEST_GAP_S = 3600.0  # a longer gap is an absence, not a cadence (parked devices report hourly: Teltonika wiki)


class MotionParams(Params):
    """What standing and moving mean."""

    stop_radius_m: float = Field(100, gt=0, description="standing = staying within this distance of where it began")
    leave_radius_m: float = Field(200, gt=0, description="a stop is over this far from where it began")
    moving_kmh: float = Field(5, ge=0, description="faster than this is moving")


def within(anchor: Anchor | FixPoint, fix: FixPoint, radius_m: float) -> bool:
    """Whether a fix lies within `radius_m` of an anchor."""
    return distance_m(anchor.lon, anchor.lat, fix.lon, fix.lat) <= radius_m


def back_dated(ring: Sequence[FixPoint], radius_m: float, first_ts: int) -> Anchor:
    """The stay that the newest fix belongs to: from the earliest fix that every later one is within the radius of."""
    start = len(ring) - 1
    for i in range(len(ring) - 2, -1, -1):
        if not all(within(ring[i], later, radius_m) for later in ring[i + 1 :]):
            break
        start = i
    at = ring[start]
    return Anchor(at.ts, at.lon, at.lat, at.ts > first_ts)


def stay(
    state: VehicleState, before: FixPoint | None, fix: FixPoint, step_m: float, params: MotionParams, rings: Rings
) -> float:
    """Follow where the vehicle stands, on its newest fix, in the ring already, and the one in front of it there.

    `step_m` is the way between them. Gives how long it has stood, in seconds; 0 when the fix lies outside the stay. Two
    fixes outside in a row end a stay, one alone may be drift; a stay of a single fix is none.
    """
    anchor = state.anchor
    if anchor is None or before is None:
        state.anchor = back_dated(rings.of(state), params.stop_radius_m, state.first_ts)
        return 0.0
    if anchor.ts == before.ts:
        if step_m <= params.stop_radius_m:
            return (fix.ts - anchor.ts) / 1000.0
        state.anchor = Anchor(fix.ts, fix.lon, fix.lat, fix.ts > state.first_ts)
        return 0.0
    if within(anchor, fix, params.stop_radius_m):
        return (fix.ts - anchor.ts) / 1000.0
    if not within(anchor, before, params.stop_radius_m):
        state.anchor = back_dated(rings.of(state), params.stop_radius_m, state.first_ts)
    return 0.0


def mend_stay(state: VehicleState, ring: Sequence[FixPoint], params: MotionParams) -> None:
    """A late fix, now in the ring, may show that the vehicle was away in between: two in a row outside end the stay."""
    anchor = state.anchor
    if anchor is None:
        return
    outside = [not within(anchor, fix, params.stop_radius_m) for fix in ring if fix.ts > anchor.ts]
    if any(first and second for first, second in pairwise(outside)):
        mended = back_dated(ring, params.stop_radius_m, state.first_ts)
        if mended.ts > anchor.ts:
            state.anchor = mended


def derived_kmh(ring: Sequence[FixPoint], fix: FixPoint) -> float:
    """The speed of a vehicle whose device does not tell it, at a fix newer than the ring's.

    Over some seconds, as noise divided by an instant is any speed; a step within the fix's accuracy is none.
    """
    before = next((known for known in reversed(ring) if fix.ts - known.ts >= SPEED_OVER_MS), ring[0])
    step_m = distance_m(before.lon, before.lat, fix.lon, fix.lat)
    return 0.0 if step_m <= fix.accuracy_m else step_m * 3600.0 / (fix.ts - before.ts)


def observe_interval(device: DeviceState, gap_s: float) -> None:
    """Learn how often a device reports that does not say so: the median of its last gaps."""
    gaps = device.gaps_s
    if gap_s > LONGEST_GAP_S or (gap_s == device.interval_s and len(gaps) == GAPS and min(gaps) == max(gaps)):
        return
    gaps = (*gaps[1 - GAPS :], gap_s)
    device.gaps_s = gaps
    device.interval_s = sorted(gaps)[len(gaps) // 2]
