"""A truck that is led along the test road and reports at a fixed cadence; it keeps the pings it has sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from telematics.instants import parse_rfc3339
from telematics.model import Device, DeviceEvent, Ping
from tests.support.places import spot

NOON = parse_rfc3339("2026-01-28T12:00:00Z")
"""0:00 of every story."""


class Truck:
    """A cursor in time and place. Every act sends a ping at its start and then one per cadence until it is over."""

    def __init__(
        self,
        vehicle_id: str = "T1",
        *,
        every_s: float = 10,
        km: float = 0.0,
        start_s: float = 0.0,
        latency_ms: int = 0,
        device: Device = Device.TRACTOR,
        **fields: Any,
    ) -> None:
        self.vehicle_id = vehicle_id
        self.every_s = every_s
        self.km = km
        self.north_m = 0.0
        self.now_s = start_s
        self.latency_ms = latency_ms
        self.device = device
        self.fields: dict[str, Any] = {"satellites": 10, "ignition": True, **fields}
        self.sent: list[tuple[int, Ping]] = []
        """(arrival, ping) in the order of sending."""

    def now(self) -> int:
        """The instant of the next ping."""
        return NOON + round(self.now_s * 1000)

    def send(self, *events: DeviceEvent, arrives_s: float | None = None, **fields: Any) -> Self:
        """One ping, now; the cursor stays. `arrives_s`: when the broker has it, in seconds of the story."""
        lon, lat = spot(self.km, self.north_m)
        values = {"lon": lon, "lat": lat, "speed_kmh": 0.0, "ts": self.now(), **self.fields, **fields}
        ping = Ping(vehicle_id=self.vehicle_id, device=self.device, events=tuple(events), **values)
        arrival = self.now() + self.latency_ms if arrives_s is None else NOON + round(arrives_s * 1000)
        self.sent.append((arrival, ping))
        return self

    def wait(self, seconds: float) -> Self:
        """Silence."""
        self.now_s += seconds
        return self

    def drive(self, to_km: float, kmh: float = 72.0, **fields: Any) -> Self:
        """To a kilometre at an even speed. At 72 km/h a cadence of 10 / 30 / 60 s steps 0.2 / 0.6 / 1.2 km."""
        step_km = kmh / 3600.0 * self.every_s * (1.0 if to_km > self.km else -1.0)
        for _ in range(round((to_km - self.km) / step_km)):
            self.send(**{"speed_kmh": kmh, **fields})
            self.km = round(self.km + step_km, 6)
            self.now_s += self.every_s
        self.km = to_km
        return self

    def stand(self, seconds: float, drift_m: Iterable[float] = (), **fields: Any) -> Self:
        """Where it is. `drift_m`: metres beside the spot, one for each ping while they last."""
        aside = iter(drift_m)
        for _ in range(round(seconds / self.every_s)):
            spot_m = self.north_m
            self.north_m += next(aside, 0.0)
            self.send(**fields)
            self.north_m = spot_m
            self.now_s += self.every_s
        return self

    def repeat(self, seconds: float, *events: DeviceEvent, **fields: Any) -> Self:
        """Pings without a fix: the last position again, speed and satellites 0, as Teltonika devices do."""
        for _ in range(round(seconds / self.every_s)):
            self.send(*events, **{"satellites": 0, "speed_kmh": 0.0, **fields})
            self.now_s += self.every_s
        return self

    def flag(self, seconds: float, *events: DeviceEvent, kmh: float = 0.0, **fields: Any) -> Self:
        """Pings with a good fix that carry device events, at an even speed."""
        for _ in range(round(seconds / self.every_s)):
            self.send(*events, **{"speed_kmh": kmh, **fields})
            self.km = round(self.km + kmh / 3600.0 * self.every_s, 6)
            self.now_s += self.every_s
        return self

    def arriving(self, km: float) -> Self:
        """Three minutes of driving that end at a kilometre now: the stand that follows begins here and now."""
        self.km = km - 3.6
        self.now_s -= 180
        return self.drive(km)
