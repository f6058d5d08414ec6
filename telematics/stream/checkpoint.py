"""The one place where what a partition concluded becomes durable.

Today: produce, wait until the broker has confirmed every record, then commit the offset; so that a crash anywhere
repeats records but never skips one. A repeated alert has the same id, number and bytes. Whoever makes this a
transaction changes this file and nothing else.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

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
    """Makes one partition's conclusions durable, with a producer of its own."""

    def __init__(
        self,
        settings: Settings,
        consumer: AIOKafkaConsumer,
        partition: int,
        link: connection.Link,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._consumer = consumer
        self._place = TopicPartition(settings.topics.pings, partition)
        self._link = link
        self._metrics = metrics
        self._producer: AIOKafkaProducer | None = None
        self._lost = False
        self._writing = asyncio.Lock()

    def lose(self) -> None:
        """From now on nothing is committed: the partition has been taken away."""
        self._lost = True

    async def write(self, alerts: Sequence[Alert], dead_letters: Sequence[Rejected], next_offset: int) -> None:
        """Return when alerts and dead letters are confirmed and `next_offset` is committed.

        Goes on trying, with the same bytes, for as long as the broker cannot be reached. Raises PartitionLostError.
        """
        records = {
            self._settings.topics.alerts: [_alert(alert) for alert in alerts],
            self._settings.topics.deadletters: [self._dead_letter(letter) for letter in dead_letters],
        }
        async with self._writing:
            if alerts or dead_letters:
                with self._metrics.time_step("publish"):
                    await self._publish(records)
                self._count(alerts, dead_letters)
            with self._metrics.time_step("commit"):
                await self._commit(next_offset)

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

    async def _publish(self, records: Mapping[str, Sequence[Outgoing]]) -> None:
        for wait_s in connection.backoff_s():
            if self._lost:
                raise PartitionLostError
            try:
                await self._send(records)
            except (KafkaError, OSError) as error:
                self._link.lost(error)
                # What the failed producer still holds may or may not be written; a new one writes all of it again.
                await self._end_producer()
                await asyncio.sleep(wait_s)
            else:
                self._link.found()
                return

    async def _send(self, records: Mapping[str, Sequence[Outgoing]]) -> None:
        if self._producer is None:
            producer = connection.producer(self._settings.kafka)
            try:
                await producer.start()
            except BaseException:
                await connection.ended(producer)
                raise
            self._producer = producer
        # To the partition of the pings, so that one vehicle's alerts stay in one order.
        confirmations = [
            await self._producer.send_batch(batch, topic, partition=self._place.partition)
            for topic, outgoing in records.items()
            for batch in _batches(self._producer, outgoing)
        ]
        await asyncio.gather(*confirmations)

    async def _commit(self, next_offset: int) -> None:
        for wait_s in connection.backoff_s():
            if self._lost:
                raise PartitionLostError
            try:
                await self._consumer.commit({self._place: next_offset})
            except (CommitFailedError, IllegalStateError) as error:
                raise PartitionLostError from error
            except (KafkaError, OSError) as error:
                self._link.lost(error)
                await asyncio.sleep(wait_s)
            else:
                return

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
