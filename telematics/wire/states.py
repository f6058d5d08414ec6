"""State records: what is kept of a vehicle on the compacted state topic, under its id.

A JSON object: `group` that judged, `offset` of the first input that is not in the state, `clock` of that partition
(arrival, ms), `state` as `core.snapshot` writes it, `trips` that the log of trips may have forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import orjson

from telematics.core.snapshot import (
    STATE_VERSION,
    Known,
    NewerStateError,
    Plain,
    Saved,
    parse_vehicle,
    refuse_newer,
    restore_vehicle,
)
from telematics.model import Trip
from telematics.wire.reasons import Reject, RejectReason, reject
from telematics.wire.trips import decode_trip, encode_trip

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class _Envelope(msgspec.Struct, gc=False):
    group: str
    offset: _Count
    clock: _Count


class _Record(_Envelope, gc=False):
    state: Plain
    trips: tuple[msgspec.Raw, ...] = ()


class _Older(_Envelope):
    state: dict[str, Any]
    trips: tuple[msgspec.Raw, ...] = ()


class _Version(msgspec.Struct):
    v: int


class _Versioned(_Envelope):
    state: _Version


# Bytes to a state in one pass: a start reads one of each vehicle.
_record = msgspec.json.Decoder(_Record).decode
_older = msgspec.json.Decoder(_Older).decode
_version = msgspec.json.Decoder(_Versioned).decode


@dataclass(frozen=True, slots=True)
class Kept:
    """A vehicle as it was before the input at `offset`, by what a consumer group had judged."""

    known: Known
    offset: int
    group: str


def encode_state(saved: Saved, offset: int, group: str) -> bytes:
    """Wire bytes of what is kept of a vehicle before the input at `offset`."""
    document: dict[str, Any] = {"group": group, "offset": offset, "clock": saved.clock, "state": saved.state}
    if saved.trips:
        document["trips"] = [orjson.Fragment(encode_trip(trip)) for trip in saved.trips]
    return orjson.dumps(document)


def decode_state(key: bytes | None, value: bytes) -> Kept | Reject:
    """The state in a record, or why there is none. Raises NewerStateError when a later version wrote it."""
    try:
        vehicle_id = (key or b"").decode()
        record = _read(value)
        trips = tuple(_trip(vehicle_id, trip) for trip in record.trips)
        state, ring = restore_vehicle(vehicle_id, record.state)
    except NewerStateError:
        raise
    except (ValueError, RecursionError) as error:
        return reject(RejectReason.BAD_VALUE, f"no state of a vehicle: {error}")
    return Kept(Known(state, ring, record.clock, trips), record.offset, record.group)


def _read(value: bytes) -> _Record:
    """Raises NewerStateError, ValueError."""
    try:
        record = _record(value)
        if record.state.v == STATE_VERSION:
            return record
    except msgspec.ValidationError:
        pass  # of another version, or none at all
    refuse_newer(_version(value).state.v)  # the rest of a later one may be otherwise
    older = _older(value)
    return _Record(older.group, older.offset, older.clock, parse_vehicle(older.state), older.trips)


def _trip(vehicle_id: str, document: msgspec.Raw) -> Trip:
    trip = decode_trip(bytes(document))
    if isinstance(trip, Reject):
        raise ValueError(trip.detail)  # noqa: TRY004 - of what was read, not of a caller
    if trip.vehicle_id != vehicle_id:
        raise ValueError(f"a trip of {trip.vehicle_id!r}")
    return trip
