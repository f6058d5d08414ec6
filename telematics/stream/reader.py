"""Reading a topic outside every group: from given places, up to its present end or onwards for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from telematics.settings import KafkaSettings
from telematics.stream import connection
from telematics.stream.topics import partition_count

Record = ConsumerRecord[Any, Any]
Records = list[Record]
# How long one look at the socket lasts; it bounds how late a stop is noticed, and costs nothing when records flow.
_POLL_MS = 200
_MOST_RECORDS = 5_000
# So often, and so long after each other, is a log asked for its end that ends before where we have been.
_LOOKS, _LOOK_AGAIN_S = 20, 0.5


async def end_of_log(ask: Callable[[], Awaitable[int]], reached: int) -> int:
    """The end of a log, of which we have seen all before `reached`.

    A broker that has only just come up may show less than there is: it is given its time. To take a log for another one
    would be to make everything of it a second time.
    """
    end = await ask()
    for _ in range(_LOOKS):
        if end >= reached:
            break
        await asyncio.sleep(_LOOK_AGAIN_S)
        end = await ask()
    return end


class TopicReader:
    """One topic, some or all of its partitions, and where reading goes on."""

    def __init__(self, consumer: AIOKafkaConsumer, topic: str, partitions: Iterable[int]) -> None:
        self.topic = topic
        self.partitions = sorted(partitions)
        self._consumer = consumer
        self._places = {number: TopicPartition(topic, number) for number in self.partitions}
        self._begins_at: dict[int, int] = {}
        consumer.assign(list(self._places.values()))

    async def begins(self) -> dict[int, int]:
        """First offset that is still there, by partition."""
        found = await self._consumer.beginning_offsets(list(self._places.values()))
        return {place.partition: offset for place, offset in found.items()}

    async def ends(self) -> dict[int, int]:
        """Offset of the next record to be written, by partition."""
        found = await self._consumer.end_offsets(list(self._places.values()))
        return {place.partition: offset for place, offset in found.items()}

    async def offsets_at(self, at: int) -> dict[int, int]:
        """First offset whose arrival (ms) is not before `at`, by partition; the end where there is none."""
        ends = await self.ends()
        found = await self._consumer.offsets_for_times(dict.fromkeys(self._places.values(), max(0, at)))
        return {
            place.partition: offset.offset if offset is not None else ends[place.partition]
            for place, offset in found.items()
        }

    def seek(self, starts: Mapping[int, int]) -> None:
        """Go on reading at these offsets."""
        for number, offset in starts.items():
            self._consumer.seek(self._places[number], offset)

    async def seek_time(self, at: int) -> None:
        """Go on reading with the first record, by partition, whose arrival (ms) is not before `at`."""
        self.seek(await self.offsets_at(at))
        # The broker may name an earlier one: the marker that ends a transaction bears the time of its writing, which on a
        # simulated topic is later than that of any record.
        self._begins_at = dict.fromkeys(self.partitions, at)

    def _begun(self, number: int, records: Records) -> Records:
        at = self._begins_at.get(number)
        if at is None:
            return records
        for i, record in enumerate(records):
            if record.timestamp >= at:
                del self._begins_at[number]
                return records[i:]
        return []

    async def until(self, ends: Mapping[int, int]) -> AsyncGenerator[tuple[int, Records]]:
        """Batches of (partition, records) in log order up to, and without, the given end offsets."""
        reading = {}
        for number in self.partitions:
            if await self._consumer.position(self._places[number]) < ends[number]:
                reading[number] = self._places[number]
            else:
                self._consumer.pause(self._places[number])
        while reading:
            batches = await self._consumer.getmany(*reading.values(), timeout_ms=_POLL_MS, max_records=_MOST_RECORDS)
            for place, records in batches.items():
                begun = self._begun(place.partition, records)
                wanted = [record for record in begun if record.offset < ends[place.partition]]
                if wanted:
                    yield place.partition, wanted
            # The position, not the last record, tells the end: compaction and transactions leave holes.
            for number, place in list(reading.items()):
                if await self._consumer.position(place) >= ends[number]:
                    del reading[number]
                    self._consumer.pause(place)
        self._consumer.resume(*self._places.values())

    async def onwards(self) -> AsyncGenerator[tuple[int, Records]]:
        """Batches of (partition, records) as they come, for ever."""
        while True:
            batches = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=_MOST_RECORDS)
            for place, records in batches.items():
                yield place.partition, self._begun(place.partition, records)


@asynccontextmanager
async def open_reader(
    kafka: KafkaSettings, topic: str, partitions: Iterable[int] | None = None
) -> AsyncIterator[TopicReader]:
    """A reader of a topic (all its partitions unless some are given), at the beginning.

    Raises BrokerError when the broker does not answer, UserError when there is no such topic.
    """
    numbers = range(await partition_count(kafka, topic)) if partitions is None else partitions
    consumer = connection.plain_consumer(kafka)
    await connection.started(consumer, kafka)
    try:
        reader = TopicReader(consumer, topic, numbers)
        reader.seek(await reader.begins())
        yield reader
    except KafkaError as error:
        raise await connection.unreachable(kafka, error) from error
    finally:
        await connection.ended(consumer)
