"""Trips: the whole document kept per vehicle on the trips topic, to and from wire bytes."""

from __future__ import annotations

import re
from dataclasses import replace

import orjson
from pydantic import TypeAdapter

from telematics.model import Trip
from telematics.wire.arrivals import check_arrival
from telematics.wire.documents import to_document
from telematics.wire.reasons import Reject, RejectReason, reject
from telematics.wire.strict import decode

TRIP = TypeAdapter(Trip)

# Live trips apply a little after they were published, so that every monitor has read them by then, and one that was away
# finds them in force from the same place in the log on.
LIVE_DELAY_MS = 10_000

_VEHICLE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")


def encode_trip(trip: Trip) -> bytes:
    """Wire bytes: fields at their default left out, numbers rounded."""
    return orjson.dumps(to_document(trip, sparse=True))


def decode_trip(value: bytes | None) -> Trip | Reject:
    """The trip in `value`, or why there is none. Never raises."""
    return decode(TRIP, value)


def trip_of_record(key: bytes | None, value: bytes | None, arrival: int, *, live: bool) -> Trip | Reject:
    """What a record of the trips topic says; `effective_at` is always set in the result. Never raises.

    A null value (a tombstone) means that the vehicle has no trip and no standing facts any more. A live document
    applies from `arrival + LIVE_DELAY_MS` on at the earliest; on a sim topic, where it means nothing when it was written,
    from the first ping on (0) unless it says otherwise.
    """
    wrong = check_arrival(arrival)
    if wrong is not None:
        return wrong
    if key is None:
        return reject(RejectReason.NO_KEY, "the record has no key; a trip's key is its vehicle_id")
    if not _VEHICLE_ID.fullmatch(key):
        return reject(RejectReason.BAD_VEHICLE_ID, f"key {key[:64]!r} is not a vehicle_id")
    trip = Trip(key.decode()) if value is None else decode_trip(value)
    if isinstance(trip, Reject):
        return trip
    if trip.vehicle_id.encode() != key:
        return reject(RejectReason.KEY_MISMATCH, f"key {key.decode()!r} is not vehicle_id {trip.vehicle_id!r}")
    earliest = arrival + LIVE_DELAY_MS if live else 0
    return replace(trip, effective_at=max(trip.effective_at or 0, earliest))
