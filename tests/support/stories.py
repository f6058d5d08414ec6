"""Trucks on one straight road, each living through what one rule is about, for an hour of simulated time.

The road runs east along a parallel; positions are metres along it. What stands beside it is drawn in `FENCES`.
Everything is computed, nothing is drawn at random: the same stories are the same bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from telematics.model import Device, DeviceEvent, Ping, PlannedStop, StopKind, Trip, TripPlan

START = 1_700_000_000_000
LAT, LON = 19.0, -99.0
_METRE_LON = 1 / (111_194.9 * math.cos(math.radians(LAT)))
# From the device to the broker.
_TRANSIT_MS = 400


def _lon(metres: float) -> float:
    return round(LON + metres * _METRE_LON, 6)


def _feature(geometry: str, coordinates: Any, **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": geometry, "coordinates": coordinates},
        "properties": properties,
    }


def _point(metres: float) -> list[float]:
    return [_lon(metres), LAT]


FENCES = {
    "type": "FeatureCollection",
    "features": [
        _feature("Point", _point(0), id="yard", kind="generic", radius_m=400, dwell_s=240, detect=["enter", "exit", "dwell"]),
        _feature("Point", _point(6_000), id="bridge", kind="no_stop", radius_m=600),
        _feature("LineString", [_point(10_000), _point(24_000)], id="gorge", kind="high_risk_corridor", risk=5, buffer_m=900),
        _feature("LineString", [_point(26_000), _point(40_000)], id="plain", kind="high_risk_corridor", risk=2, buffer_m=900),
    ],
}  # fmt: skip


def write_fences(folder: Path) -> Path:
    """The fences as a file."""
    path = folder / "fences.geojson"
    path.write_text(json.dumps(FENCES))
    return path


@dataclass(frozen=True, slots=True)
class Arrived:
    """A ping and when the broker took it (ms)."""

    at: int
    ping: Ping


@dataclass(slots=True)
class Track:
    """A truck that is told what to do next; a ping every `interval_s`, from `at_s` seconds after the start on."""

    vehicle_id: str
    metres: float = 0.0
    at_s: float = 0.0
    interval_s: float = 10.0
    rows: list[Arrived] = field(default_factory=list)

    def drive(self, seconds: float, kmh: float, **fields: Any) -> Track:
        """Drive east (west when negative) and report."""
        for _ in range(int(seconds / self.interval_s)):
            self.at_s += self.interval_s
            self.metres += kmh / 3.6 * self.interval_s
            self.report(speed_kmh=abs(kmh), **fields)
        return self

    def stand(self, seconds: float, **fields: Any) -> Track:
        """Stand still and report."""
        return self.drive(seconds, 0, **fields)

    def silent(self, seconds: float, kmh: float = 0) -> Track:
        """Report nothing, at whatever speed."""
        self.at_s += seconds
        self.metres += kmh / 3.6 * seconds
        return self

    def say(self, *events: DeviceEvent, device: Device = Device.TRACTOR, speed_kmh: float = 0) -> Track:
        """Report device events, a second after the last ping."""
        self.at_s += 1
        return self.report(events=events, device=device, speed_kmh=speed_kmh)

    def report(self, delay_s: float = 0, **fields: Any) -> Track:
        """One ping from where the truck is now, on the way for `delay_s` longer than usual."""
        ts = START + round(self.at_s * 1000)
        defaults: dict[str, Any] = {"ignition": True, "satellites": 9, "accuracy_m": 8.0}
        ping = Ping(self.vehicle_id, ts, LAT, _lon(self.metres), **(defaults | fields))
        self.rows.append(Arrived(ts + _TRANSIT_MS + round(delay_s * 1000), ping))
        return self


def _visits(track: Track) -> None:
    track.metres = -2_000
    track.drive(120, 60).stand(300).drive(150, 60).drive(180, -60).stand(30).drive(180, 60)


def _no_stop(track: Track) -> None:
    track.metres = 3_000
    track.drive(180, 60).stand(200).drive(240, 60)


def _risk_stop(track: Track) -> None:
    track.metres = 12_000
    track.drive(120, 60).stand(720).drive(180, 60)


def _unscheduled_stop(track: Track) -> None:
    track.metres = 28_000
    track.drive(120, 60).stand(500).drive(180, 60)


def _signal_lost(track: Track) -> None:
    track.metres = 12_000
    track.drive(120, 60).silent(720, 30).drive(180, 60)


def _panic(track: Track) -> None:
    track.metres = 50_000
    track.drive(60, 60).say(DeviceEvent.PANIC, speed_kmh=60).drive(30, 60).say(DeviceEvent.PANIC, speed_kmh=60)
    track.drive(720, 60)


def _jamming(track: Track) -> None:
    track.metres = 12_000
    track.drive(120, 70)
    track.stand(90, events=(DeviceEvent.JAMMING,), satellites=0)
    track.drive(180, 60)


def _power_cut(track: Track) -> None:
    track.metres = 50_000
    track.drive(60, 60).say(DeviceEvent.POWER_CUT).drive(40, 60).say(DeviceEvent.POWER_RESTORED).drive(720, 60)


def _cab_door(track: Track) -> None:
    track.metres = 50_000
    track.drive(60, 60).stand(40).say(DeviceEvent.DOOR_OPEN).stand(60).say(DeviceEvent.DOOR_CLOSED).drive(120, 60)


def _cargo_door(track: Track) -> None:
    track.metres = 50_000
    track.drive(60, 60).stand(30).say(DeviceEvent.DOOR_OPEN, device=Device.TRAILER).stand(40)
    track.say(DeviceEvent.DOOR_CLOSED, device=Device.TRAILER).drive(120, 60)


def _detached(track: Track) -> None:
    track.metres = 50_000
    track.drive(60, 60).stand(30).say(DeviceEvent.TRAILER_DETACHED).stand(60)
    track.say(DeviceEvent.TRAILER_ATTACHED).drive(120, 60)


def _jump(track: Track) -> None:
    track.metres = 50_000
    track.drive(60, 60)
    here = track.metres
    track.metres += 80_000
    track.drive(10, 0)
    track.metres = here + 200
    track.drive(120, 60)


def _messy(track: Track) -> None:
    """Late, repeated and without a fix: what must raise nothing beyond the visit that is there."""
    track.metres = -2_000
    track.drive(60, 60).report(delay_s=35)
    track.drive(120, 60)
    track.rows.append(Arrived(track.rows[-1].at + 1_500, track.rows[-1].ping))
    track.drive(60, 60, satellites=0, fix=None).drive(180, 60)


def _long_haul(track: Track) -> None:
    track.metres = 60_000
    track.interval_s = 30
    track.drive(3_600, 80)


STORIES: dict[str, Callable[[Track], None]] = {
    "visits": _visits,
    "no_stop": _no_stop,
    "risk_stop": _risk_stop,
    "unscheduled_stop": _unscheduled_stop,
    "signal_lost": _signal_lost,
    "panic": _panic,
    "jamming": _jamming,
    "power_cut": _power_cut,
    "cab_door": _cab_door,
    "cargo_door": _cargo_door,
    "detached": _detached,
    "jump": _jump,
    "messy": _messy,
    "long_haul": _long_haul,
}


def fleet(vehicles: int, spread_s: float = 1_500) -> list[Arrived]:
    """So many trucks, taking turns at the stories and setting out over `spread_s`, in order of arrival."""
    rows: list[Arrived] = []
    tellers = list(STORIES.items())
    for number in range(vehicles):
        name, tell = tellers[number % len(tellers)]
        # 7 is coprime to the numbers of trucks used: whoever sets out next to another lives something else.
        track = Track(f"{name}-{number:04d}", at_s=spread_s * (number * 7 % vehicles) / vehicles)
        tell(track)
        rows += track.rows
    return sorted(rows, key=lambda row: (row.at, row.ping.vehicle_id, row.ping.ts))


def trips(vehicles: int) -> Iterator[Trip]:
    """Every other unscheduled stop is planned after all."""
    names = list(STORIES)
    for number in range(vehicles):
        name = names[number % len(names)]
        if name == "unscheduled_stop" and number // len(names) % 2:
            stop = PlannedStop(StopKind.REST, lat=LAT, lon=_lon(30_000), radius_m=2_000.0)
            yield Trip(f"{name}-{number:04d}", trip=TripPlan(f"trip-{number}", stops=(stop,)))
