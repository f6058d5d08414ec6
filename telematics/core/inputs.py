"""A batch as the engine works on it: columns, and a ping itself only where it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from telematics.model import PING_FIELDS, Device, Fix, Ping, Pings, fields_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from telematics.core.surroundings import Located, Surroundings
    from telematics.model import Batch

    Column = tuple[Any, ...]
    Floats = NDArray[np.float64]

_NOWHERE = float("nan")
_TICK = fields_of(Ping("", ts=0, lat=_NOWHERE, lon=_NOWHERE))
DEVICES = {device: number for number, device in enumerate(Device)}


@dataclass(frozen=True, slots=True)
class Inputs:
    """Columns of equal length. Units as in `Ping`; NaN is not told, or a tick.

    `ats` are the arrivals, none below the one before or the clock, and `at` the same as floats. `special` is true where
    a ping is more than a measured position: it tells of events, was stored, or has no fix.
    """

    pings: Sequence[Ping | None]
    ats: list[int]
    at: Floats
    vehicle_ids: tuple[str, ...]
    special: NDArray[np.bool_]
    device: Floats
    ts: Floats
    lon: Floats
    lat: Floats
    speed_kmh: Floats
    interval_s: Floats
    odometer_km: Floats
    satellites: Floats
    hdop: Floats
    accuracy_m: Floats
    ignition: Floats
    power_v: Floats
    located: Located


def prepare(batch: Batch, clock: int, surroundings: Surroundings) -> Inputs:
    """The inputs of a batch, not empty, that follows `clock`."""
    pings = batch.pings
    told = pings.rows if isinstance(pings, Pings) else [None if ping is None else fields_of(ping) for ping in pings]
    column = dict(zip(PING_FIELDS, zip(*(row or _TICK for row in told), strict=True), strict=True))
    at = np.maximum.accumulate(np.maximum(np.fromiter(batch.arrivals, np.int64, len(told)), clock))
    lon, lat = _numbers(column["lon"]), _numbers(column["lat"])
    return Inputs(
        pings=pings,
        ats=at.tolist(),
        at=at.astype(np.float64),
        vehicle_ids=column["vehicle_id"],
        special=_special(column["events"], column["buffered"], column["fix"]),
        device=_devices(column["device"]),
        ts=_numbers(column["ts"]),
        lon=lon,
        lat=lat,
        speed_kmh=_numbers(column["speed_kmh"]),
        interval_s=_numbers(column["interval_s"]),
        odometer_km=_numbers(column["odometer_km"]),
        satellites=_numbers(column["satellites"]),
        hdop=_numbers(column["hdop"]),
        accuracy_m=_numbers(column["accuracy_m"]),
        ignition=_numbers(column["ignition"]),
        power_v=_numbers(column["power_v"]),
        located=surroundings.locate(lon, lat),
    )


def _special(events: Column, buffered: Column, fix: Column) -> NDArray[np.bool_]:
    if not (any(events) or any(buffered) or Fix.NONE in fix):
        return np.zeros(len(fix), dtype=bool)
    asides = zip(events, buffered, fix, strict=True)
    return np.array([bool(told or late or fixed is Fix.NONE) for told, late, fixed in asides])


def _devices(column: Column) -> Floats:
    if column.count(Device.TRACTOR) == len(column):
        return np.full(len(column), float(DEVICES[Device.TRACTOR]))
    return np.array([DEVICES[device] for device in column], dtype=np.float64)


def _numbers(column: Column) -> Floats:
    """NaN for None; told of at once where nobody tells anything."""
    if column[0] is None and column.count(None) == len(column):
        return np.full(len(column), _NOWHERE)
    return np.array(column, dtype=np.float64)
