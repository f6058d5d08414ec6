"""The trips that are known, as partitions ask for theirs."""

from __future__ import annotations

from typing import Any, cast

from telematics.model import Trip, TripPlan
from telematics.settings import Settings
from telematics.stream.trips import TripFeed
from telematics.wire.partitioner import partition_of
from telematics.wire.trips import encode_trip
from tests.support.records import Raw


def _read(feed: TripFeed, *trips: Trip) -> None:
    records = [Raw(n, 1_000, trip.vehicle_id.encode(), encode_trip(trip)) for n, trip in enumerate(trips)]
    feed._take(0, cast("Any", records), lambda _: None)


def test_each_partition_is_given_the_trips_of_its_vehicles() -> None:
    """All of them, in the order they came, however many partitions there are and whenever the trips are read."""
    feed = TripFeed(Settings(), cast("Any", None))
    trips = [Trip(f"truck-{n % 20}", effective_at=60_000 + n, trip=TripPlan(f"trip-{n}")) for n in range(40)]
    _read(feed, *trips[:25])
    for partitions in (1, 3, 5, 3):
        for number in range(partitions):
            found = feed.known(number, partitions)
            mine = [trip for trip in trips[:25] if partition_of(trip.vehicle_id.encode(), partitions) == number]
            assert sorted(found, key=lambda trip: trip.effective_at or 0) == mine
    _read(feed, *trips[25:])
    found = [trip for number in range(3) for trip in feed.known(number, 3)]
    assert sorted(found, key=lambda trip: trip.effective_at or 0) == trips
    for vehicle in {trip.vehicle_id for trip in trips}:
        own = [trip for trip in found if trip.vehicle_id == vehicle]
        assert own == [trip for trip in trips if trip.vehicle_id == vehicle]
