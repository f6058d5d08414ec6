"""The monitor as it would be without transactions, to hold the real one against: never a mode of the product.

An idempotent producer a partition writes the same records, waits until the broker has them, and then the member commits
the offset: a crash between the two would tell alerts twice.
"""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from telematics.settings import KafkaSettings
from telematics.stream import connection
from telematics.stream.checkpoint import Checkpoint, Position, Records, _batches
from telematics.stream.member import Member
from telematics.stream.partition import Partition


class AtLeastOnce(Member):
    """A member of the group whose partitions are made durable without transactions."""

    def _make_partition(self, number: int) -> Partition:
        partition = super()._make_partition(number)
        place = TopicPartition(self._settings.topics.pings, number)
        partition._checkpoint = _Confirmed(self._settings.kafka, place, self._link, self._consumer)  # noqa: SLF001
        return partition


class _Confirmed(Checkpoint):
    def __init__(
        self, kafka: KafkaSettings, place: TopicPartition, link: connection.Link, consumer: AIOKafkaConsumer
    ) -> None:
        super().__init__(kafka, place, link)
        self._consumer = consumer

    async def _start(self) -> AIOKafkaProducer:
        self._producer = connection.producer(self._kafka)
        await self._producer.start()
        return self._producer

    async def _transact(self, producer: AIOKafkaProducer, records: Records, then: Position) -> None:
        confirmations = [
            await producer.send_batch(batch, place.topic, partition=place.partition)
            for place, outgoing in records.items()
            for batch in _batches(producer, outgoing)
        ]
        await asyncio.gather(*confirmations)
        await self._consumer.commit({self._place: OffsetAndMetadata(*then)})
