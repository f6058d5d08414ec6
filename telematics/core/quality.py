"""What a position is worth: good, no fix, or not to be believed. Pure functions of a ping and what came before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from geofences.geodesy import distance_m
from telematics.core.rules.base import Params
from telematics.model import Fix, Ping

if TYPE_CHECKING:
    from telematics.core.state import DeviceState, FixPoint


NOWHERE_DEG = 1e-4  # 0,0 is what a device without a position sends


class QualityParams(Params):
    """When a position is believed."""

    future_clock_s: float = Field(600, gt=0, description="a device clock further ahead of arrival is not believed")
    past_clock_s: float = Field(
        86_400, gt=0, description="a ping without a fix this far behind the last: a reset clock"
    )
    jump_kmh: float = Field(150, gt=0, description="a faster step than this is implausible …")
    jump_m: float = Field(1000, gt=0, description="… when it is at least this long")
    consistent_fixes: int = Field(3, ge=2, le=10, description="so many fixes that agree move the vehicle after a jump")
    default_accuracy_m: float = Field(15, gt=0, description="accuracy when the device gives none (GPS.at manual)")
    metres_per_hdop: float = Field(8, gt=0, description="accuracy from hdop when the device gives none")
    forgotten_s: float = Field(
        2_592_000,
        ge=86_400,
        description="a vehicle not heard of for this long is forgotten, and what is open is cleared",
    )
    late_s: float = Field(600, gt=0, description="a late fix older than this moves nothing")


def accuracy_of(ping: Ping, params: QualityParams) -> float:
    """Metres: the larger of 15 and 8 x hdop where the device does not say."""
    if ping.accuracy_m is not None:
        return ping.accuracy_m
    if ping.hdop is None:
        return params.default_accuracy_m
    return max(params.default_accuracy_m, params.metres_per_hdop * ping.hdop)


def has_fix(ping: Ping, device: DeviceState, last: FixPoint | None) -> bool:
    """Whether the position was measured, and is not the last good one repeated for want of a new one.

    A device that has reported satellites before and reports none now, standing with speed 0 exactly where it was, is
    held to repeat itself. One that never reports satellites may well be parked: it is believed.
    """
    if ping.satellites == 0 or ping.fix is Fix.NONE or (abs(ping.lat) < NOWHERE_DEG and abs(ping.lon) < NOWHERE_DEG):
        return False
    return not (
        ping.satellites is None
        and ping.speed_kmh == 0
        and device.reports_satellites
        and last is not None
        and last.lat == ping.lat
        and last.lon == ping.lon
    )


def is_jump(before: FixPoint, after: FixPoint, params: QualityParams) -> bool:
    """Whether nothing on wheels gets from one fix to the other in the time between them."""
    step_m = distance_m(before.lon, before.lat, after.lon, after.lat)
    return is_too_fast(step_m, abs(after.ts - before.ts), params)


def is_too_fast(step_m: float, step_ms: int, params: QualityParams) -> bool:
    """Whether a step of so many metres in so many milliseconds is a jump."""
    return step_m >= params.jump_m and step_m * 3600.0 > params.jump_kmh * step_ms


def agreeing(suspects: list[FixPoint], fix: FixPoint, params: QualityParams) -> list[FixPoint]:
    """The fixes in a row, up to this one, that agree that the vehicle is elsewhere."""
    return [*suspects, fix] if suspects and not is_jump(suspects[-1], fix, params) else [fix]
