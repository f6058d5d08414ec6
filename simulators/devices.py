"""What a tracker makes of a truck's motion: when it reports, and how far off it is.

An event-driven device: it reports by its interval (moving 10, 30 or 60 s, parked 10 min) and at once when the
ignition turns or something happens. Behaviour of the common families as their public manuals describe it.
"""

from __future__ import annotations

from math import exp, sqrt
from typing import TYPE_CHECKING, NamedTuple

from telematics.model import DeviceEvent, Fix, Ping, Trip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from random import Random

    from simulators.motion import Phase
    from simulators.roads import Line

PARKED_S = 600
STORED_WITHOUT_FIX_S = 60
"""How often a device without fix and without network notes that it lives."""
NOISE_M = (3.0, 7.0)
"""Standard deviation of a good receiver under open sky, drawn per device."""
NOISE_MEMORY_S = 45.0
"""GNSS error wanders: what is left of it after this time is 1/e."""
DEGREES_PER_METRE = 1 / 111_195.0
SHORTEN_LON = 1.06
"""1 / cos(latitude) at 20 degrees: noise needs no better."""

Silence = tuple[tuple[float, float], ...]
"""Stretches of a line, in metres, where nothing sent reaches anybody."""


class Report(NamedTuple):
    """Something leaves the truck (a ping) or the dispatcher (a trip) at `ts`; without `contact` it is kept."""

    ts: int
    contact: bool
    payload: Ping | Trip


class Device:
    """The tracker of one tractor."""

    def __init__(self, vehicle_id: str, cadence_s: int, rng: Random, silence: Mapping[Line, Silence]) -> None:
        self.vehicle_id = vehicle_id
        self.cadence_s = cadence_s
        self._rng = rng
        self._silence = silence
        self._sigma_m = rng.uniform(*NOISE_M)
        self._east_m = self._north_m = 0.0
        self._noise_ts = 0
        self._kept_for_ms = (0, 1.0, 0.0)
        self._last: Ping | None = None
        self._satellites = rng.randrange(9, 16)
        self._hdop = round(rng.uniform(0.6, 1.3), 1)
        self._gsm = rng.randrange(3, 6)

    def reports(self, phases: Iterable[Phase]) -> Iterator[Report]:
        """Return what the device reports during phases that follow each other, in order of `ts`."""
        moving_ms = self.cadence_s * 1000
        ignition: bool | None = None
        next_ts = 0
        for phase in phases:
            if phase.trip is not None:
                yield Report(phase.start_ms, contact=True, payload=phase.trip)
            dark = not (phase.contact or phase.gnss)
            interval_ms = STORED_WITHOUT_FIX_S * 1000 if dark else moving_ms if phase.ignition else PARKED_S * 1000
            if ignition is None:
                # Devices of a fleet do not report in step.
                next_ts = phase.start_ms + int(self._rng.random() * min(interval_ms, moving_ms))
            elif phase.ignition is not ignition or phase.events or (phase.jammed and self._heard()):
                yield self._report(phase, phase.start_ms, phase.events)
                next_ts = phase.start_ms + interval_ms
            ignition = phase.ignition
            while next_ts < phase.end_ms:
                yield self._report(phase, next_ts, ())
                next_ts += interval_ms

    def _heard(self) -> bool:
        """Whether the last report still had a fix: the first moment of a jam is an event of its own."""
        return self._last is not None and self._last.fix is not Fix.NONE

    def _report(self, phase: Phase, ts: int, events: tuple[DeviceEvent, ...]) -> Report:
        s_m, v_mps = phase.at(ts)
        contact = phase.contact
        silence = self._silence.get(phase.line)
        if silence:
            contact = contact and not any(start <= s_m <= end for start, end in silence)
        if phase.jammed:
            events = (*events, DeviceEvent.JAMMING)
        last = self._last
        if not phase.gnss and last is not None:
            ping = Ping(
                self.vehicle_id, ts, last.lat, last.lon, speed_kmh=0.0, heading_deg=0.0, satellites=0, fix=Fix.NONE,
                ignition=phase.ignition, odometer_km=last.odometer_km, gsm_level=self._gsm,
                interval_s=last.interval_s, events=events,
            )  # fmt: skip
        else:
            ping = self._fix(phase, ts, s_m, v_mps, events)
        self._last = ping
        return Report(ts, contact, ping)

    def _fix(self, phase: Phase, ts: int, s_m: float, v_mps: float, events: tuple[DeviceEvent, ...]) -> Ping:
        lon, lat, heading = phase.line.at(s_m)
        random = self._rng.random
        since_ms, kept, fresh_m = self._kept_for_ms
        if ts - self._noise_ts != since_ms:  # most reports come an interval after the one before
            since_ms = ts - self._noise_ts
            kept = exp(-since_ms / (NOISE_MEMORY_S * 1000))
            fresh_m = self._sigma_m * sqrt(12 * (1.0 - kept * kept))
            self._kept_for_ms = (since_ms, kept, fresh_m)
        self._noise_ts = ts
        self._east_m = east_m = self._east_m * kept + (random() - 0.5) * fresh_m
        self._north_m = north_m = self._north_m * kept + (random() - 0.5) * fresh_m
        if kept < 0.3 or random() < 0.05:
            self._sky()
        speed_kmh = v_mps * 3.6
        return Ping(
            self.vehicle_id, ts,
            round(lat + north_m * DEGREES_PER_METRE, 6), round(lon + east_m * DEGREES_PER_METRE * SHORTEN_LON, 6),
            # Below 1 km/h a receiver says 0; the heading comes in whole degrees.
            round(speed_kmh + random() - 0.5, 1) if speed_kmh > 1.0 else 0.0, float(round(heading) % 360),
            None, None, self._hdop, self._satellites, Fix.THREE_D, phase.ignition,
            round((phase.odometer_m + s_m - phase.s_m) / 1000, 2), self._gsm, None, None,
            float(self.cadence_s if phase.ignition else PARKED_S), events=events,
        )  # fmt: skip

    def _sky(self) -> None:
        """Satellites rise and set, cells change: what the device says of its reception drifts."""
        rng = self._rng
        self._satellites = min(18, max(8, self._satellites + rng.randrange(-1, 2)))
        self._hdop = round(min(1.5, max(0.6, self._hdop + rng.uniform(-0.15, 0.15))), 1)
        self._gsm = min(5, max(2, self._gsm + rng.randrange(-1, 2)))
