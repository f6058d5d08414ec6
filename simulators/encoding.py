"""Pings to bytes, fast: the bytes of `telematics.wire.pings.encode_ping` for what the simulated devices send.

The wire's own encoder works from the model's fields and rounds each number; it takes longer than simulating the
ping. Devices here round as they report, so one written-out document is enough. A test holds the two together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from telematics.instants import format_rfc3339
from telematics.model import Device

if TYPE_CHECKING:
    from telematics.model import Ping


def encode_simulated(ping: Ping) -> bytes:
    """Return the wire bytes of a ping whose numbers are rounded as the wire rounds them."""
    document: dict[str, object] = {
        "vehicle_id": ping.vehicle_id,
        "ts": format_rfc3339(ping.ts),
        "lat": ping.lat,
        "lon": ping.lon,
        "speed_kmh": ping.speed_kmh,
        "heading_deg": ping.heading_deg,
    }
    if ping.hdop is not None:
        document["hdop"] = ping.hdop
    document["satellites"] = ping.satellites
    document["fix"] = ping.fix
    document["ignition"] = ping.ignition
    document["odometer_km"] = ping.odometer_km
    document["gsm_level"] = ping.gsm_level
    document["interval_s"] = ping.interval_s
    if ping.device is not Device.TRACTOR:
        document["device"] = ping.device
    if ping.buffered:
        document["buffered"] = True
    if ping.events:
        document["events"] = ping.events
    return orjson.dumps(document)
