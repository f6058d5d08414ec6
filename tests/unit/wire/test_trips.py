"""Trips on their topic: documents, tombstones, and from when on they apply."""

from __future__ import annotations

import pytest

from telematics.model import Trip, TripPlan, Vehicle
from telematics.wire.reasons import Reject, RejectReason
from telematics.wire.trips import LIVE_DELAY_MS, decode_trip, encode_trip, trip_of_record

TRIP = Trip("truck-1", None, Vehicle(tags=("reefer",)), TripPlan("t-1", route=((-99.1, 19.4), (-98.2, 19.0))))


@pytest.mark.parametrize(("live", "effective_at"), [(True, 1_000_000 + LIVE_DELAY_MS), (False, 0)])
def test_without_effective_at_a_trip_applies_after_a_delay_or_from_the_start(live: bool, effective_at: int) -> None:  # noqa: FBT001
    """A document that names no instant applies a little after a live arrival, and from the first ping on a sim topic."""
    trip = trip_of_record(b"truck-1", encode_trip(TRIP), 1_000_000, live=live)
    assert isinstance(trip, Trip)
    assert trip.effective_at == effective_at
    assert trip.trip == TRIP.trip


@pytest.mark.parametrize(
    ("live", "asked", "effective_at"),
    [
        (True, 2_000_000, 2_000_000),
        (True, 1_000_001, 1_000_000 + LIVE_DELAY_MS),
        (True, 5, 1_000_000 + LIVE_DELAY_MS),
        (False, 2_000_000, 2_000_000),
        (False, 5, 5),
    ],
)
def test_effective_at_is_kept_unless_it_has_passed(live: bool, asked: int, effective_at: int) -> None:  # noqa: FBT001
    """A document keeps its instant; on a live topic nothing applies before it could be read, whoever reads it when."""
    trip = trip_of_record(b"truck-1", encode_trip(Trip("truck-1", asked)), 1_000_000, live=live)
    assert trip == Trip("truck-1", effective_at)


def test_a_tombstone_ends_trip_and_facts() -> None:
    """A null value says that the vehicle has neither a trip nor standing facts."""
    assert trip_of_record(b"truck-1", None, 7, live=True) == Trip("truck-1", 7 + LIVE_DELAY_MS)


@pytest.mark.parametrize(
    ("key", "value", "arrival", "reason"),
    [
        (None, b"{}", 0, RejectReason.NO_KEY),
        (b"truck 1", None, 0, RejectReason.BAD_VEHICLE_ID),
        (b"truck-2", encode_trip(TRIP), 0, RejectReason.KEY_MISMATCH),
        (b"truck-1", b"", 0, RejectReason.EMPTY),
        (b"truck-1", b'{"vehicle_id":"truck-1","trip":{}}', 0, RejectReason.MISSING_FIELD),
        (b"truck-1", b'{"vehicle_id":"truck-1","trip":{"id":"t","route":[[0,91]]}}', 0, RejectReason.OUT_OF_RANGE),
        (b"truck-1", b'{"vehicle_id":"truck-1","effective_at":"soon"}', 0, RejectReason.BAD_VALUE),
        (b"truck-1", encode_trip(TRIP), 2**62, RejectReason.BAD_ARRIVAL),
    ],
)
def test_refused(key: bytes | None, value: bytes | None, arrival: int, reason: RejectReason) -> None:
    """A record that is no trip is refused for its own reason."""
    refused = trip_of_record(key, value, arrival, live=False)
    assert isinstance(refused, Reject)
    assert refused.reason is reason


def test_the_detail_names_the_path() -> None:
    """A mistake deep in a document is named by its path."""
    refused = decode_trip(b'{"vehicle_id":"a","trip":{"id":"t","stops":[{},{"radius_m":0}]}}')
    assert isinstance(refused, Reject)
    assert refused.detail.startswith("trip.stops.1.radius_m: ")
