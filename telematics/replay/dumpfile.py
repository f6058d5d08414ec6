"""Dumps: topics as a file, byte for byte, written by `telematics topics dump` and read by replay.

NDJSON. The first line is the header:

    {"telematics_dump":1,"partitions":3,"profile":"live"}

`partitions` is the number of partitions of the pings topic, `profile` that of the topics (live or sim). Every other
line is one record:

    {"partition":0,"offset":17,"arrival":"2026-01-28T15:22:00.000Z","kind":"ping","key":"truck-1","value_b64":"…"}

`kind` is ping, tick, trip, geofence (a record of the fences topic) or set_reading: the partition of the pings had read
the fence set of the key too late, and it counted there from the arrival on; the offset is the set's number. A key that is no UTF-8 stands in `key_b64` instead. `key` and `value_b64` are null where
the record's are. `arrival` may also be a whole number of milliseconds (it is, where the stamp is no calendar date).
Records of one kind and partition stand in the order of their offsets; otherwise the order of lines is free.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from dataclasses import dataclass
from enum import StrEnum
from typing import IO, Any

import orjson

from telematics.instants import format_rfc3339, parse_rfc3339
from telematics.wire.reasons import Reject, RejectReason, reject
from telematics.wire.ticks import TICK_HEADERS

VERSION = 1


class Kind(StrEnum):
    """What a line of a dump holds."""

    PING = "ping"
    TICK = "tick"
    TRIP = "trip"
    GEOFENCE = "geofence"
    SET_READING = "set_reading"


OF_FENCES = frozenset({Kind.GEOFENCE, Kind.SET_READING})


class DumpProfile(StrEnum):
    """The profile of the topics a dump was taken from."""

    LIVE = "live"
    SIM = "sim"


@dataclass(frozen=True, slots=True)
class Header:
    """The first line: partitions of the pings topic, and the profile of the topics."""

    partitions: int
    profile: DumpProfile


@dataclass(frozen=True, slots=True)
class DumpRecord:
    """One record. `arrival` is in milliseconds. It also is a `telematics.wire.records.Record`."""

    partition: int
    offset: int
    arrival: int
    kind: Kind
    key: bytes | None
    value: bytes | None

    @property
    def timestamp(self) -> int:
        """Arrival, as the broker's record calls it."""
        return self.arrival

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        """The headers that tell a tick."""
        return TICK_HEADERS if self.kind is Kind.TICK else []


class DumpWriter:
    """Writes a dump to an open binary file."""

    def __init__(self, out: IO[bytes], header: Header) -> None:
        self._out = out
        document = {"telematics_dump": VERSION, "partitions": header.partitions, "profile": header.profile.value}
        self._out.write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))

    def write(self, record: DumpRecord) -> None:
        """Append one record."""
        self._out.write(encode_line(record) + b"\n")


def encode_line(record: DumpRecord) -> bytes:
    """The line of one record, without its end."""
    document: dict[str, Any] = {
        "partition": record.partition,
        "offset": record.offset,
        "arrival": _write_arrival(record.arrival),
        "kind": record.kind.value,
    }
    try:
        document["key"] = None if record.key is None else record.key.decode()
    except UnicodeDecodeError:
        document["key_b64"] = b64encode(record.key or b"").decode()
    document["value_b64"] = None if record.value is None else b64encode(record.value).decode()
    return orjson.dumps(document)


def decode_header(line: bytes) -> Header | None:
    """The header, or None when the line is none. Raises ValueError for a dump that this version cannot read."""
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if type(document) is not dict or "telematics_dump" not in document:
        return None
    version, partitions = document["telematics_dump"], document.get("partitions")
    if version != VERSION:
        msg = f"a dump of version {version!r}; this program reads version {VERSION}"
        raise ValueError(msg)
    if type(partitions) is not int or partitions < 1:
        msg = f"partitions is {partitions!r}; expected the number of partitions of the pings topic"
        raise ValueError(msg)
    try:
        profile = DumpProfile(str(document.get("profile")))
    except ValueError:
        msg = f"profile is {document.get('profile')!r}; expected live or sim"
        raise ValueError(msg) from None
    return Header(partitions, profile)


def decode_line(line: bytes) -> DumpRecord | Reject:
    """The record of one line, or why there is none. Never raises."""
    try:
        document = orjson.loads(line)
        key = document["key"].encode() if document.get("key") is not None else _bytes(document.get("key_b64"))
        return DumpRecord(
            partition=_count(document, "partition"),
            offset=_count(document, "offset"),
            arrival=_read_arrival(document["arrival"]),
            kind=Kind(document["kind"]),
            key=key,
            value=_bytes(document["value_b64"]),
        )
    except KeyError as missing:
        return reject(RejectReason.BAD_ROW, f"not a line of a dump: {missing} is missing")
    except (orjson.JSONDecodeError, binascii.Error, ValueError, TypeError, AttributeError) as error:
        return reject(RejectReason.BAD_ROW, f"not a line of a dump: {error}")


def _count(document: dict[str, Any], name: str) -> int:
    value = document[name]
    if type(value) is not int or value < 0:
        raise ValueError(f"{name} is {str(value)[:40]}; expected a whole number from 0")
    return value


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text, validate=True)


def _write_arrival(ms: int) -> str | int:
    try:
        return format_rfc3339(ms)
    except OverflowError:
        return ms


def _read_arrival(value: Any) -> int:
    return value if type(value) is int else parse_rfc3339(value)
