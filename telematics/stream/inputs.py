"""What one partition's engine was given, up to a time: for looking back, not for judging."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from telematics.model import Batch, Trip
from telematics.replay.fencesets import RecordedSets
from telematics.settings import Settings
from telematics.stream.fences_topic import committed_offsets, late_sets, read_log
from telematics.stream.reader import open_reader
from telematics.stream.topics import describe, describe_one
from telematics.stream.trips import trip_of
from telematics.wire.partitioner import partition_of
from telematics.wire.reasons import Reject
from telematics.wire.records import decode_records


@dataclass(frozen=True, slots=True)
class Inputs:
    """The trips of a vehicle, then batches in log order; and whether the log goes back further than the batches.

    `sets` are the fence sets that were published, None where there are none.
    """

    partition: int
    in_order: list[Trip | Batch]
    truncated: bool
    sets: RecordedSets | None


async def read_inputs(settings: Settings, vehicle_id: str, at: int, *, sets: bool = True) -> Inputs:
    """The inputs of a vehicle's partition in the rebuild window before `at` (arrival, ms), with fence sets or without.

    Raises UserError, BrokerError.
    """
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
    found = await _read_sets(settings, number, in_order) if sets else None
    return Inputs(number, in_order, starts[number] > 0, found)


async def _read_sets(settings: Settings, number: int, in_order: Sequence[Trip | Batch]) -> RecordedSets | None:
    if not await describe(settings.kafka, [settings.topics.fences], []):
        return None
    taken, _, _ = await read_log(settings)
    if not taken.sets:
        return None
    committed = (await committed_offsets(settings)).get(number, 0)
    batches = (given for given in in_order if isinstance(given, Batch))
    clock = max(
        (
            arrival
            for batch in batches
            for offset, arrival in zip(batch.offsets, batch.arrivals, strict=True)
            if offset < committed
        ),
        default=0,
    )
    late = await late_sets(settings, taken.sets, {number: clock})
    return RecordedSets(tuple(taken.sets), late.by_partition)
