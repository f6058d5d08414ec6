"""Pings: what is read, what is refused and why, what is written."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from telematics.model import Device, DeviceEvent, Fix, Ping
from telematics.wire.pings import decode_ping, encode_ping, read_ping
from telematics.wire.reasons import Reject, RejectReason
from telematics.wire.strict import MAX_BYTES, MAX_DEPTH

MINIMAL: dict[str, Any] = {"vehicle_id": "truck-1", "ts": "2026-01-28T15:22:00Z", "lat": 19.5, "lon": -99.25}
TS = 1_769_613_720_000


def ping_bytes(**fields: Any) -> bytes:
    """A ping's JSON with changed fields."""
    return orjson.dumps(MINIMAL | fields)


def with_raw(name: str, raw: bytes) -> bytes:
    """A ping in which one field's JSON is `raw`, which no JSON writer would write."""
    return orjson.dumps(MINIMAL)[:-1] + b',"' + name.encode() + b'":' + raw + b"}"


def test_every_field_is_read() -> None:
    """Each field of the message arrives in the field of the same name."""
    value = ping_bytes(
        speed_kmh=81.5, heading_deg=359.9, altitude_m=2240, accuracy_m=4.5, hdop=0.9, satellites=11, fix="3d",
        ignition=True, odometer_km=120345.6, gsm_level=4, power_v=27.4, fuel_l=210.5, interval_s=30,
        device="trailer", device_id="359632106090555", buffered=True, events=["panic", "door_open"],
    )  # fmt: skip
    assert decode_ping(value) == Ping(
        "truck-1", TS, 19.5, -99.25, speed_kmh=81.5, heading_deg=359.9, altitude_m=2240.0, accuracy_m=4.5, hdop=0.9,
        satellites=11, fix=Fix.THREE_D, ignition=True, odometer_km=120345.6, gsm_level=4, power_v=27.4, fuel_l=210.5,
        interval_s=30.0, device=Device.TRAILER, device_id="359632106090555", buffered=True,
        events=(DeviceEvent.PANIC, DeviceEvent.DOOR_OPEN),
    )  # fmt: skip


VALID = {
    "an offset instead of Z": ping_bytes(ts="2026-01-28T09:22:00-06:00"),
    "null where a field is optional": ping_bytes(speed_kmh=None, fix=None, device_id=None),
    "whole numbers for floats": ping_bytes(lat=19, lon=-99),
    "0,0 after a reboot": ping_bytes(lat=0, lon=0),
    "a clock years ahead": ping_bytes(ts="2046-01-28T15:22:00Z"),
    "a clock before the epoch": ping_bytes(ts="1969-12-31T23:59:59Z"),
    "the limits themselves": ping_bytes(lat=-90, lon=180, speed_kmh=400, heading_deg=360, gsm_level=0, satellites=128),
    "minus zero": with_raw("speed_kmh", b"-0.0"),
    "a number too small for a double": with_raw("speed_kmh", b"1e-999"),
    "an unknown field": ping_bytes(colour="red", nested={"a": [1, 2]}),
    "blanks around": b" \n" + ping_bytes() + b"\t\n",
}


@pytest.mark.parametrize("name", VALID)
def test_valid(name: str) -> None:
    """A ping that is merely strange about the world is a ping: judging it is the engine's work."""
    assert isinstance(decode_ping(VALID[name]), Ping)


def test_sub_millisecond_digits_are_cut() -> None:
    """An instant counts whole milliseconds, so that every reader computes with the same one."""
    ping = decode_ping(ping_bytes(ts="2026-01-28T15:22:00.123999Z"))
    assert isinstance(ping, Ping)
    assert ping.ts == TS + 123


def test_a_key_given_twice_counts_last() -> None:
    """Of a field given twice the last one counts, also when the first was wrong."""
    ping = decode_ping(with_raw("lat", b"20.5"))
    assert isinstance(ping, Ping)
    assert ping.lat == 20.5
    wrong_last = decode_ping(with_raw("lat", b'"20.5"'))
    assert isinstance(wrong_last, Reject)
    assert wrong_last.reason is RejectReason.WRONG_TYPE


R = RejectReason
HOSTILE: dict[str, tuple[bytes | None, RejectReason]] = {
    "null value": (None, R.EMPTY),
    "empty value": (b"", R.EMPTY),
    "blanks only": (b"   ", R.NOT_JSON),
    "truncated": (ping_bytes()[:-9], R.NOT_JSON),
    "two documents": (ping_bytes() + ping_bytes(), R.NOT_JSON),
    "trailing comma": (ping_bytes()[:-1] + b",}", R.NOT_JSON),
    "byte order mark": (b"\xef\xbb\xbf" + ping_bytes(), R.NOT_JSON),
    "lone surrogate": (with_raw("device_id", b'"\\ud800"'), R.NOT_JSON),
    "lone surrogate in an unknown field": (with_raw("x", b'"\\ud800"'), R.NOT_JSON),
    "5 MB": (with_raw("x", b'"' + b"x" * 5_000_000 + b'"'), R.TOO_LARGE),
    "one byte too many": (ping_bytes() + b" " * (MAX_BYTES + 1 - len(ping_bytes())), R.TOO_LARGE),
    "deep arrays": (with_raw("x", b"[" * MAX_DEPTH + b"]" * MAX_DEPTH), R.TOO_DEEP),
    "deep objects": (with_raw("x", b'{"a":' * 5000 + b"1" + b"}" * 5000), R.TOO_DEEP),
    "deep and never closed": (b"[" * 500_000, R.TOO_DEEP),
    "latin-1": (with_raw("device_id", b'"caf\xe9"'), R.NOT_UTF8),
    "utf-16": (ping_bytes().decode().encode("utf-16"), R.NOT_UTF8),
    "gzip": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", R.NOT_UTF8),
    "an array": (b"[" + ping_bytes() + b"]", R.NOT_OBJECT),
    "a text": (b'"ping"', R.NOT_OBJECT),
    "a number": (b"7", R.NOT_OBJECT),
    "null": (b"null", R.NOT_OBJECT),
    "NaN": (with_raw("lat", b"NaN"), R.NOT_FINITE),
    "Infinity": (with_raw("speed_kmh", b"Infinity"), R.NOT_FINITE),
    "minus infinity": (with_raw("speed_kmh", b"-Infinity"), R.NOT_FINITE),
    "beyond a double": (with_raw("speed_kmh", b"1e999"), R.NOT_FINITE),
    "beyond a double, unknown field": (with_raw("x", b"1e999"), R.NOT_FINITE),
    "an integer of 400 digits": (with_raw("satellites", b"9" * 400), R.NOT_FINITE),
    "an integer of 60 digits": (with_raw("satellites", b"9" * 60), R.OUT_OF_RANGE),
    "no vehicle": (b'{"ts":"2026-01-28T15:22:00Z","lat":1,"lon":1}', R.MISSING_FIELD),
    "no ts": (b'{"vehicle_id":"a","lat":1,"lon":1}', R.MISSING_FIELD),
    "no position": (b'{"vehicle_id":"a","ts":"2026-01-28T15:22:00Z"}', R.MISSING_FIELD),
    "a vehicle of 65 characters": (ping_bytes(vehicle_id="a" * 65), R.BAD_VEHICLE_ID),
    "an empty vehicle": (ping_bytes(vehicle_id=""), R.BAD_VEHICLE_ID),
    "a vehicle with a blank": (ping_bytes(vehicle_id="truck 1"), R.BAD_VEHICLE_ID),
    "a vehicle with a line end": (ping_bytes(vehicle_id="truck-1\n"), R.BAD_VEHICLE_ID),
    "a vehicle with an accent": (ping_bytes(vehicle_id="camión"), R.BAD_VEHICLE_ID),
    "a vehicle that is a number": (ping_bytes(vehicle_id=7), R.WRONG_TYPE),
    "null where a field is required": (ping_bytes(lat=None), R.WRONG_TYPE),
    "null where there is a default": (ping_bytes(buffered=None), R.WRONG_TYPE),
    "a number as text": (ping_bytes(lat="19.5"), R.WRONG_TYPE),
    "a flag as number": (ping_bytes(lat=True), R.WRONG_TYPE),
    "a number as flag": (ping_bytes(ignition=1), R.WRONG_TYPE),
    "a flag as text": (ping_bytes(ignition="true"), R.WRONG_TYPE),
    "satellites with decimals": (ping_bytes(satellites=11.5), R.WRONG_TYPE),
    "satellites as a float": (ping_bytes(satellites=11.0), R.WRONG_TYPE),
    "events as text": (ping_bytes(events="panic"), R.WRONG_TYPE),
    "an unknown event": (ping_bytes(events=["panic", "ufo"]), R.BAD_VALUE),
    "an unknown device": (ping_bytes(device="drone"), R.BAD_VALUE),
    "an unknown fix": (ping_bytes(fix="4d"), R.BAD_VALUE),
    "latitude over the pole": (ping_bytes(lat=90.000001), R.OUT_OF_RANGE),
    "longitude of 181": (ping_bytes(lon=181), R.OUT_OF_RANGE),
    "negative speed": (ping_bytes(speed_kmh=-1), R.OUT_OF_RANGE),
    "negative satellites": (ping_bytes(satellites=-1), R.OUT_OF_RANGE),
    "an interval of zero": (ping_bytes(interval_s=0), R.OUT_OF_RANGE),
    "a long device id": (ping_bytes(device_id="x" * 65), R.OUT_OF_RANGE),
    "ts in epoch seconds": (ping_bytes(ts=1769613720), R.BAD_TS),
    "ts without a zone": (ping_bytes(ts="2026-01-28T15:22:00"), R.BAD_TS),
    "ts without seconds": (ping_bytes(ts="2026-01-28T15:22+00:00"), R.BAD_TS),
    "ts is a date": (ping_bytes(ts="2026-01-28"), R.BAD_TS),
    "ts on 30 February": (ping_bytes(ts="2026-02-30T15:22:00Z"), R.BAD_TS),
    "ts at hour 24": (ping_bytes(ts="2026-01-28T24:00:00Z"), R.BAD_TS),
    "ts in a leap second": (ping_bytes(ts="2016-12-31T23:59:60Z"), R.BAD_TS),
    "ts outside the calendar": (ping_bytes(ts="0001-01-01T00:00:00+14:00"), R.BAD_TS),
    "ts is null": (ping_bytes(ts=None), R.BAD_TS),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str) -> None:
    """What cannot be read as the fields say is refused for its own reason, with one short line of detail."""
    value, reason = HOSTILE[name]
    result = decode_ping(value)
    assert isinstance(result, Reject)
    assert result.reason is reason
    assert 0 < len(result.detail) <= 300
    assert "\n" not in result.detail


def test_the_deepest_that_is_read() -> None:
    """Nesting is refused from one level beyond the limit on, not before."""
    levels = MAX_DEPTH - 1  # the ping itself is one
    assert isinstance(decode_ping(with_raw("x", b"[" * levels + b"]" * levels)), Ping)


def test_the_largest_that_is_read() -> None:
    """Size is refused from one byte beyond the limit on, not before."""
    value = ping_bytes()
    assert isinstance(decode_ping(value + b" " * (MAX_BYTES - len(value))), Ping)


def test_the_detail_names_field_and_remedy() -> None:
    """A refusal tells the owner of the device which field is wrong and what would be right."""
    result = decode_ping(ping_bytes(speed_kmh=401))
    assert isinstance(result, Reject)
    assert result.detail == "speed_kmh: Input should be less than or equal to 400"


@pytest.mark.parametrize(
    ("fields", "unknown"), [({}, 0), ({"a": 1}, 1), ({"a": 1, "b": {"c": 1}}, 2), ({"a": 1, "lat": 99}, 0)]
)
def test_unknown_fields_are_counted(fields: dict[str, Any], unknown: int) -> None:
    """Fields of later versions are ignored and counted at the top level; a refused ping counts none."""
    assert read_ping(ping_bytes(**fields))[1] == unknown


def test_numbers_are_rounded_on_the_wire() -> None:
    """Written numbers keep 1e-6 degrees, 0.1 m, 0.1 km/h; minus zero is written as zero."""
    ping = Ping("a", 0, 19.12345649, -1e-9, speed_kmh=81.26, accuracy_m=4.449, hdop=0.954, odometer_km=1.23456)
    assert encode_ping(ping) == (
        b'{"vehicle_id":"a","ts":"1970-01-01T00:00:00.000Z","lat":19.123456,"lon":0.0,"speed_kmh":81.3,'
        b'"accuracy_m":4.4,"hdop":0.95,"odometer_km":1.235}'
    )
