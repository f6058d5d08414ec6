"""The one place where what a partition concluded becomes durable: alerts, dead letters and offset in one transaction.

Each partition has a producer of its own, whose transactional id is the same for whoever owns the partition: starting it
ends the former owner's, and the transaction it was in. What was written while the broker was lost is known by the
offset, which is in the transaction too: committed means all of it was, and not committed nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import OffsetAndMetadata

from telematics.metrics import Metrics
from telematics.model import Alert
from telematics.settings import Settings
from telematics.stream import connection
from telematics.wire.alerts import encode_alert
from telematics.wire.deadletters import to_dead_letter
from telematics.wire.reasons import RejectReason
from telematics.wire.records import Rejected


class PartitionLostError(Exception):
    """The partition is no longer ours: its conclusions are another member's to draw, and nothing was committed."""


class Outgoing(NamedTuple):
    """A record to be written. `at` None is the present."""

    at: int | None
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]


class Checkpoint:
    """Makes one partition's conclusions durable, exactly once."""

    def __init__(self, settings: Settings, partition: int, link: connection.Link, metrics: Metrics) -> None:
        self._settings = settings
        self._place = TopicPartition(settings.topics.pings, partition)
        self._link = link
        self._metrics = metrics
        self._producer: AIOKafkaProducer | None = None
        self._lost = False
        self._writing = asyncio.Lock()

    def lose(self) -> None:
        """From now on nothing is committed: the partition has been taken away."""
        self._lost = True

    async def open(self, expected: int | None = None) -> int | None:
        """End whatever a former owner was writing; then give the committed offset, which is now final until we write.

        A producer that is there already is kept if the offset is the `expected` one. Raises KafkaError, OSError.
        """
        async with self._writing:
            if self._producer is not None:
                found = await self._committed()
                if expected is not None and found == expected:
                    return found
                # Moved by somebody else, or by ourselves a moment ago: the broker says "committed" before it shows the
                # offset. Only a new producer waits for that.
                await self._end_producer()
            await self._start()
            return await self._committed()

    async def write(
        self, alerts: Sequence[Alert], dead_letters: Sequence[Rejected], former: int | None, next_offset: int
    ) -> None:
        """Return when alerts, dead letters and `next_offset` are committed, where `former` was.

        Goes on trying, with the same bytes, for as long as the broker cannot be reached. Raises PartitionLostError.
        """
        records = {
            self._settings.topics.alerts: [_alert(alert) for alert in alerts],
            self._settings.topics.deadletters: [self._dead_letter(letter) for letter in dead_letters],
        }
        async with self._writing:
            with self._metrics.time_step("commit"):
                await self._commit(records, former, next_offset)
            self._count(alerts, dead_letters)

    async def close(self) -> None:
        """Let go of the producer, after what it is writing."""
        async with self._writing:
            await self._end_producer()

    def _count(self, alerts: Sequence[Alert], dead_letters: Sequence[Rejected]) -> None:
        kinds = Counter((alert.rule, alert.severity, alert.event) for alert in alerts)
        for kind, number in kinds.items():
            self._metrics.alerts.labels(*kind).inc(number)
        for letter in dead_letters:
            self._metrics.dead_letters.labels(letter.reject.reason).inc()

    def _dead_letter(self, letter: Rejected) -> Outgoing:
        record = letter.record
        key, value, headers = to_dead_letter(record, self._place.topic, self._place.partition, letter.reject)
        at = None if letter.reject.reason is RejectReason.BAD_ARRIVAL else record.timestamp
        return Outgoing(at, key, value, headers)

    async def _commit(self, records: Mapping[str, Sequence[Outgoing]], former: int | None, next_offset: int) -> None:
        for wait_s in connection.backoff_s():
            if self._lost:
                raise PartitionLostError
            try:
                producer = self._producer
                if producer is None:
                    producer = await self._start()
                    found = await self._committed()
                    if found == next_offset:
                        break  # the last try was committed, and nobody was there to hear it
                    if found != former:
                        raise PartitionLostError
                await self._transact(producer, records, next_offset)
            except (KafkaError, OSError) as error:
                self._link.lost(error)
                # Whatever came of it: the next producer ends this transaction, and the offset tells.
                await self._end_producer()
                await asyncio.sleep(wait_s)
            else:
                break
        self._link.found()

    async def _start(self) -> AIOKafkaProducer:
        producer = connection.transactional_producer(self._settings, self._place)
        try:
            await producer.start()
        except BaseException:
            await connection.ended(producer)
            raise
        self._producer = producer
        return producer

    async def _transact(
        self, producer: AIOKafkaProducer, records: Mapping[str, Sequence[Outgoing]], next_offset: int
    ) -> None:
        await producer.begin_transaction()
        # To the partition of the pings, so that one vehicle's alerts stay in one order.
        confirmations = [
            await producer.send_batch(batch, topic, partition=self._place.partition)
            for topic, outgoing in records.items()
            for batch in _batches(producer, outgoing)
        ]
        await asyncio.gather(*confirmations)
        offsets = {self._place: OffsetAndMetadata(next_offset, "")}
        await producer.send_offsets_to_transaction(offsets, self._settings.kafka.group)
        await producer.commit_transaction()

    async def _committed(self) -> int | None:
        """The group's offset, as the broker has it now: a consumer remembers what it was at the last rebalance."""
        kafka = self._settings.kafka
        client = connection.admin(kafka)
        try:
            await client.start()
            found = await client.list_consumer_group_offsets(kafka.group, partitions=[self._place])
        finally:
            await client.close()
        offset = found[self._place].offset
        return None if offset < 0 else offset

    async def _end_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await connection.ended(producer)


def _alert(alert: Alert) -> Outgoing:
    # Stamped with the arrival clock: a live topic overrides it, on a sim topic it is the only time that means anything.
    return Outgoing(alert.raised_at, alert.vehicle_id.encode(), encode_alert(alert), [])


def _batches(producer: AIOKafkaProducer, records: Sequence[Outgoing]) -> Iterator[BatchBuilder]:
    """The records in order, in batches that are full but for the last: a future for each record would cost more.

    An empty batch takes a record of any size, so that it is the broker who refuses what is too large.
    """
    batch = producer.create_batch()
    for at, key, value, headers in records:
        if batch.append(timestamp=at, key=key, value=value, headers=headers) is None:
            yield batch
            batch = producer.create_batch()
            batch.append(timestamp=at, key=key, value=value, headers=headers)
    if batch.record_count():
        yield batch
