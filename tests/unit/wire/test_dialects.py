"""Dialects: the pings in what others write."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from telematics.model import Device, DeviceEvent, Fix, Ping
from telematics.wire.dialects import DialectName, native, recognise, traccar
from telematics.wire.dialects.timestamps import read_instant
from telematics.wire.reasons import Reject, RejectReason

TS = 1_769_613_720_000
R = RejectReason


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        (1_769_613_720, TS),
        ("1769613720", TS),
        (" 1769613720 ", TS),
        (1_769_613_720.25, TS + 250),
        ("1769613720.25", TS + 250),
        (1_769_613_720_250, TS + 250),
        ("1769613720250", TS + 250),
        ("2026-01-28T15:22:00Z", TS),
        ("2026-01-28T09:22:00.000-06:00", TS),
        ("2026-01-28T15:22:00.000+0000", TS),
        (0, 0),
        (-1, -1000),
    ],
)
def test_instants(value: Any, ms: int) -> None:
    """Seconds, milliseconds and RFC 3339 are told apart by themselves."""
    assert read_instant(value) == ms


@pytest.mark.parametrize(
    "value",
    ["", "soon", "2026-01-28 15:22:00", 1_769_613_720_250_000, "1769613720250000", True, None, [1], float("nan"),
     float("inf"), "1e9", "nan", 10**400, "9" * 5000],
)  # fmt: skip
def test_no_instants(value: Any) -> None:
    """Microseconds, dates without a zone and words are refused, not guessed at."""
    with pytest.raises(ValueError, match=r"RFC 3339|epoch|zone"):
        read_instant(value)


ROW = {"vehicle_id": "7", "ts": "1769613720", "lat": "-10.9393413858", "lon": "-37.06274210"}


def test_a_native_row() -> None:
    """Texts of a CSV are read as their field's type and rounded as the wire is; empty ones are absent."""
    row = ROW | {
        "speed_kmh": "81.26", "satellites": "11", "ignition": "TRUE", "buffered": "0", "device": "cargo", "fix": "3d",
        "events": "panic; door_open", "hdop": "", "colour": "red",
    }  # fmt: skip
    assert native.ping_of_row(row) == Ping(
        "7", TS, -10.939341, -37.062742, speed_kmh=81.3, satellites=11, ignition=True, device=Device.CARGO,
        fix=Fix.THREE_D, events=(DeviceEvent.PANIC, DeviceEvent.DOOR_OPEN),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        ({"lat": "north"}, R.WRONG_TYPE, "lat: 'north' is not a number such as 19.5"),
        ({"lat": "19,5"}, R.WRONG_TYPE, "lat: '19,5' is not a number"),
        ({"lat": "1_0"}, R.WRONG_TYPE, "lat: '1_0' is not a number"),
        ({"lat": ""}, R.MISSING_FIELD, "lat: "),
        ({"lat": "91"}, R.OUT_OF_RANGE, "lat: "),
        ({"lat": "nan"}, R.NOT_FINITE, "lat: 'nan' is not finite"),
        ({"lat": "1e999"}, R.NOT_FINITE, "lat: '1e999' is not finite"),
        ({"ts": "yesterday"}, R.BAD_TS, "ts: 'yesterday' is not RFC 3339"),
        ({"satellites": "7.5"}, R.WRONG_TYPE, "satellites: '7.5' is not a whole number"),
        ({"satellites": "inf"}, R.WRONG_TYPE, "satellites: 'inf' is not a whole number"),
        ({"ignition": "on?"}, R.WRONG_TYPE, "ignition: 'on?' is neither true nor false"),
        ({"events": "panic,ufo"}, R.BAD_VALUE, "events.0: "),
        ({"vehicle_id": "truck 7"}, R.BAD_VEHICLE_ID, "vehicle_id: "),
        ({"device_id": "\udcff"}, R.NOT_UTF8, ""),
    ],
)
def test_native_rows_refused(change: dict[str, str], reason: RejectReason, words: str) -> None:
    """A text that is not what its column holds refuses the row and names column and remedy."""
    refused = native.ping_of_row(ROW | change)
    assert isinstance(refused, Reject)
    assert refused.reason is reason
    assert words in refused.detail


def test_a_native_object_of_a_file() -> None:
    """In files a vehicle may be a whole number and time may be counted from the epoch; the rest is strict."""
    assert native.ping_of_object({"vehicle_id": 7, "ts": TS, "lat": 1, "lon": 2}) == Ping("7", TS, 1.0, 2.0)
    refused = native.ping_of_object({"vehicle_id": 7, "ts": TS, "lat": "1", "lon": 2})
    assert isinstance(refused, Reject)
    assert refused.reason is R.WRONG_TYPE


POSITION: dict[str, Any] = {
    "id": 12, "deviceId": 134, "protocol": "teltonika", "serverTime": "2026-01-28T15:22:09.000+00:00",
    "deviceTime": "2026-01-28T15:22:05.000+00:00", "fixTime": "2026-01-28T15:22:00.000+00:00", "outdated": False,
    "valid": True, "latitude": 19.5, "longitude": -99.25, "altitude": 2240.04, "speed": 43.9, "course": 117.0,
    "address": None, "accuracy": 0.0, "network": None,
    "attributes": {
        "sat": 14, "hdop": 0.8, "ignition": True, "motion": True, "rssi": 4, "power": 27.41, "batteryLevel": 85,
        "odometer": 101944000, "fuel": 210.5, "archive": True, "alarm": "jamming,powerCut,lowBattery",
    },
}  # fmt: skip
DEVICE = {"id": 134, "name": "Truck 1", "uniqueId": "359632106090555", "status": "online"}
EXPECTED = Ping(
    "359632106090555", TS, 19.5, -99.25, speed_kmh=81.3, heading_deg=117.0, altitude_m=2240.0, hdop=0.8, satellites=14,
    ignition=True, odometer_km=101944.0, gsm_level=4, power_v=27.41, fuel_l=210.5, buffered=True,
    events=(DeviceEvent.JAMMING, DeviceEvent.POWER_CUT),
)  # fmt: skip


def forwarded(**position: Any) -> Ping | Reject:
    """What becomes of a forwarded position with changed fields."""
    return traccar.decode_traccar(orjson.dumps({"position": POSITION | position, "device": DEVICE}))


def test_traccar_forwarded() -> None:
    """A forwarded position is the ping of the unique id, in our units."""
    assert forwarded() == EXPECTED


def test_traccar_row() -> None:
    """An exported row says the same with folded names, texts and JSON attributes."""
    row = {name.lower(): str(value) for name, value in POSITION.items() if name not in {"attributes", "address"}}
    row |= {"uniqueid": "359632106090555", "attributes": orjson.dumps(POSITION["attributes"]).decode(), "address": ""}
    assert traccar.ping_of_row(row) == EXPECTED


def test_traccar_row_with_flat_attributes() -> None:
    """Attributes may be columns of their own, with or without their prefix."""
    row = {"uniqueId": "a", "fixTime": "1769613720", "latitude": "1", "longitude": "2", "attributes.sat": "9",
           "ignition": "false"}  # fmt: skip
    assert traccar.ping_of_row(row) == Ping("a", TS, 1.0, 2.0, satellites=9, ignition=False)


@pytest.mark.parametrize(
    "change",
    [{"valid": False}, {"outdated": True}, {"attributes": {"approximate": True}}, {"outdated": "true"}, {"valid": 0}],
)
def test_traccar_without_a_fix(change: dict[str, Any]) -> None:
    """A position that is repeated, invalid or guessed is a report of the device's time without a fix, never a stop."""
    ping = forwarded(**change)
    assert isinstance(ping, Ping)
    assert (ping.fix, ping.ts) == (Fix.NONE, TS + 5_000)


@pytest.mark.parametrize(
    "attributes",
    [{"sat": 255}, {"power": 12800}, {"rssi": 31}, {"hdop": -1}, {"ignition": "perhaps"}, {"odometer": "far"},
     {"sat": [1]}, {"alarm": 7}, {"power": 10**400}],
)  # fmt: skip
def test_odd_attributes_are_left_out(attributes: dict[str, Any]) -> None:
    """An attribute in an unexpected unit costs itself and not the position."""
    document = {"position": POSITION | {"attributes": attributes}, "device": DEVICE}
    ping = traccar.ping_of_object(document)
    assert isinstance(ping, Ping)
    assert (ping.lat, ping.satellites, ping.power_v, ping.gsm_level, ping.hdop) == (19.5, None, None, None, None)
    assert (ping.ignition, ping.odometer_km, ping.events) == (None, None, ())


@pytest.mark.parametrize(
    ("value", "reason", "words"),
    [
        ({"position": POSITION}, R.MISSING_FIELD, "uniqueId"),
        ({"position": 7, "device": DEVICE}, R.WRONG_TYPE, "position"),
        ({"device": DEVICE}, R.MISSING_FIELD, "fixTime"),
        ({"event": {"type": "deviceOnline"}, "device": DEVICE}, R.MISSING_FIELD, "forward.topic"),
        ({"position": POSITION | {"latitude": 95}, "device": DEVICE}, R.OUT_OF_RANGE, "lat"),
        ({"position": POSITION | {"latitude": "x"}, "device": DEVICE}, R.WRONG_TYPE, "lat"),
        ({"position": POSITION | {"fixTime": "today"}, "device": DEVICE}, R.BAD_TS, "fixtime"),
        ({"position": POSITION, "device": {"uniqueId": "truck 1"}}, R.BAD_VEHICLE_ID, "vehicle_id"),
        ({"position": POSITION, "device": {"uniqueId": ["a"]}}, R.MISSING_FIELD, "uniqueId"),
    ],
)
def test_traccar_refused(value: dict[str, Any], reason: RejectReason, words: str) -> None:
    """Without vehicle, time or position there is no ping, and the refusal names the field."""
    refused = traccar.decode_traccar(orjson.dumps(value))
    assert isinstance(refused, Reject)
    assert refused.reason is reason
    assert words in refused.detail


@pytest.mark.parametrize("alarm", sorted(traccar.EVENTS))
def test_traccar_alarms(alarm: str) -> None:
    """Each alarm that we have a word for is that event, once, among others and in any spacing."""
    ping = forwarded(attributes={"alarm": f"overspeed, {alarm},{alarm}"})
    assert isinstance(ping, Ping)
    assert ping.events == (traccar.EVENTS[alarm],)


def test_traccar_distance_is_no_odometer() -> None:
    """What Traccar adds up from its positions would vouch for their jumps."""
    ping = forwarded(attributes={"totalDistance": 9_382_743.2, "distance": 12.5})
    assert isinstance(ping, Ping)
    assert ping.odometer_km is None


def test_traccar_vehicle_by_an_attribute_of_the_device() -> None:
    """The named attribute says which vehicle it is, a number too; the unique id is then that of the device."""
    for plates, vehicle_id in (("ABC-12-34", "ABC-12-34"), (4711, "4711")):
        value = orjson.dumps({"position": POSITION, "device": DEVICE | {"attributes": {"plates": plates}}})
        assert traccar.decode_traccar(value, "plates") == replace(
            EXPECTED, vehicle_id=vehicle_id, device_id="359632106090555"
        )


@pytest.mark.parametrize(
    ("device", "reason", "words"),
    [
        (DEVICE, R.MISSING_FIELD, "device.attributes.plates: missing"),
        (DEVICE | {"attributes": {"plates": None}}, R.MISSING_FIELD, "device.attributes.plates: missing"),
        (DEVICE | {"attributes": {"plates": "ABC 12"}}, R.BAD_VEHICLE_ID, "vehicle_id"),
        (None, R.MISSING_FIELD, "device.attributes.plates: missing"),
    ],
)
def test_traccar_attribute_refused(device: Any, reason: RejectReason, words: str) -> None:
    """A device without the attribute, or with one that is no id, names no vehicle; its unique id is not taken instead."""
    refused = traccar.decode_traccar(orjson.dumps({"position": POSITION, "device": device}), "plates")
    assert isinstance(refused, Reject)
    assert refused.reason is reason
    assert words in refused.detail


@pytest.mark.parametrize(
    ("names", "dialect"),
    [
        ({"vehicle_id", "ts", "lat", "lon"}, DialectName.NATIVE),
        ({"position", "device"}, DialectName.TRACCAR),
        ({"id", "uniqueid", "fixtime", "latitude", "longitude"}, DialectName.TRACCAR),
        ({"vehicle_id", "ts", "position"}, DialectName.NATIVE),
        ({"a", "b"}, DialectName.NATIVE),
    ],
)
def test_recognise(names: set[str], dialect: DialectName) -> None:
    """Names of fields tell the dialect; nobody's names are taken for ours, whose errors say what is missing."""
    assert recognise(names) is dialect
