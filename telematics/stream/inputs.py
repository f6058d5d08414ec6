"""What one partition's engine was given, up to a time: for looking back, not for judging."""

from __future__ import annotations

from dataclasses import dataclass

from telematics.model import Batch, Trip
from telematics.settings import Settings
from telematics.stream.reader import open_reader
from telematics.stream.topics import describe_one
from telematics.stream.trips import trip_of
from telematics.wire.partitioner import partition_of
from telematics.wire.reasons import Reject
from telematics.wire.records import decode_records


@dataclass(frozen=True, slots=True)
class Inputs:
    """The trips of a vehicle, then batches in log order; and whether the log goes back further than the batches."""

    in_order: list[Trip | Batch]
    truncated: bool


async def read_inputs(settings: Settings, vehicle_id: str, at: int) -> Inputs:
    """The inputs of a vehicle's partition in the rebuild window before `at` (arrival, ms). Raises UserError, BrokerError."""
    pings = await describe_one(settings.kafka, settings.topics.pings)
    number = partition_of(vehicle_id.encode(), pings.partitions)
    in_order: list[Trip | Batch] = []
    async with open_reader(settings.kafka, settings.topics.trips) as reader:
        async for _, records in reader.until(await reader.ends()):
            known = [trip_of(record, pings.profile) for record in records if record.key == vehicle_id.encode()]
            in_order += [trip for trip in known if not isinstance(trip, Reject)]
    async with open_reader(settings.kafka, settings.topics.pings, [number]) as reader:
        starts = await reader.offsets_at(at - int(settings.rebuild_window_s * 1000))
        reader.seek(starts)
        async for _, records in reader.until(await reader.offsets_at(at + 1)):
            in_order.append(decode_records(records, number, pings.partitions).batch)
    return Inputs(in_order, truncated=starts[number] > 0)
