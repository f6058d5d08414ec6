"""Writing trips and reading them back, for people and their programs."""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka.errors import KafkaError

from telematics.model import Trip
from telematics.settings import Settings
from telematics.stream import connection
from telematics.stream.reader import open_reader
from telematics.stream.topics import Profile, describe_one
from telematics.stream.trips import trip_of
from telematics.wire.reasons import Reject
from telematics.wire.trips import encode_trip


async def publish_trips(settings: Settings, trips: Iterable[Trip]) -> int:
    """Write the documents, each replacing its vehicle's last; returns how many. Raises UserError, BrokerError.

    On a sim topic they are stamped with the beginning of time: unless the document says otherwise it applies from
    the first ping, and the hour at which somebody typed the command means nothing to a simulated truck.
    """
    profile = (await describe_one(settings.kafka, settings.topics.trips)).profile
    at = 0 if profile is Profile.SIM else None
    producer = connection.producer(settings.kafka)
    await connection.started(producer, settings.kafka)
    published = 0
    try:
        for trip in trips:
            key = trip.vehicle_id.encode()
            await producer.send_and_wait(settings.topics.trips, encode_trip(trip), key, timestamp_ms=at)
            published += 1
    except KafkaError as error:
        raise await connection.unreachable(settings.kafka, error, "Write") from error
    finally:
        await connection.ended(producer)
    return published


async def show_trips(settings: Settings, vehicle_id: str | None = None) -> list[Trip]:
    """The last document of each vehicle (or of one), by vehicle; those that were taken back are left out.

    `effective_at` is as the monitor takes it. Raises UserError, BrokerError.
    """
    last: dict[str, Trip] = {}
    profile = (await describe_one(settings.kafka, settings.topics.trips)).profile
    async with open_reader(settings.kafka, settings.topics.trips) as reader:
        async for _, records in reader.until(await reader.ends()):
            for record in records:
                trip = trip_of(record, profile)
                if isinstance(trip, Reject):
                    continue  # the monitor says so in its log, and holds to the document before
                last.pop(trip.vehicle_id, None)
                if record.value is not None:
                    last[trip.vehicle_id] = trip
    return [last[name] for name in sorted(last) if vehicle_id in {None, name}]
