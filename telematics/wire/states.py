"""State records: what is kept of a vehicle on the compacted state topic, under its id.

A JSON object: `group` that judged, `offset` of the first input that is not in the state, `clock` of that partition
(arrival, ms), `state` as `core.snapshot` writes it, `trips` that the log of trips may have forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from telematics.core.snapshot import Known, NewerStateError, Saved, parse_vehicle, restore_vehicle
from telematics.model import Trip
from telematics.wire.reasons import Reject, RejectReason, reject
from telematics.wire.trips import decode_trip, encode_trip


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
        document = orjson.loads(value)
        group, offset, clock = document["group"], document["offset"], document["clock"]
        if not (isinstance(group, str) and isinstance(offset, int) and isinstance(clock, int)):
            return reject(RejectReason.WRONG_TYPE, "group must be a text, offset and clock whole numbers")
        trips = tuple(_trip(vehicle_id, trip) for trip in document.get("trips", ()))
        state, ring = restore_vehicle(vehicle_id, parse_vehicle(document["state"]))
    except NewerStateError:
        raise
    except KeyError as missing:
        return reject(RejectReason.MISSING_FIELD, f"a state needs {missing}")
    except (AttributeError, TypeError, ValueError) as error:
        return reject(RejectReason.BAD_VALUE, f"no state of a vehicle: {error}")
    return Kept(Known(state, ring, clock, trips), offset, group)


def _trip(vehicle_id: str, document: object) -> Trip:
    trip = decode_trip(orjson.dumps(document))
    if isinstance(trip, Reject):
        raise ValueError(trip.detail)  # noqa: TRY004 - of what was read, not of a caller
    if trip.vehicle_id != vehicle_id:
        raise ValueError(f"a trip of {trip.vehicle_id!r}")
    return trip
