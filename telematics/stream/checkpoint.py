"""The one place where what came of a partition's records becomes durable: all of it and the offset in one transaction.

Each partition has a producer of its own, whose transactional id is the same for whoever owns the partition: starting it
ends the former owner's, and the transaction it was in. What was written while the broker was lost is known by the
offset, which is in the transaction too: committed means all of it was, and not committed nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    CoordinatorNotAvailableError,
    IllegalOperation,
    InvalidProducerEpoch,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFenced,
)
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import OffsetAndMetadata

from telematics.settings import KafkaSettings
from telematics.stream import connection

log = structlog.get_logger(__name__)

# What a broker takes by default, less what headers and framing need.
_MOST_BYTES = 1_000_000
# A topic that refuses records of this size, which states may have, is not made for ours: it is tried again for ever.
_LEAST_BYTES = 16_000
# A transaction that takes longer is undone by the broker. Some of the client's steps wait for ever where a node that they
# were waiting for has died.
_PATIENCE_S = 20.0


class PartitionLostError(Exception):
    """The partition is no longer ours: its conclusions are another member's to draw, and nothing was committed."""


class Position(NamedTuple):
    """How far a partition has come: the offset that is next, and what the group keeps beside it."""

    offset: int
    metadata: str = ""


class Outgoing(NamedTuple):
    """A record to be written. `at` None is the present; `value` None is a tombstone."""

    at: int | None
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] | None = None


Records = Mapping[TopicPartition, Sequence[Outgoing]]
"""What is to be written, in order, by the place it goes to."""


class Checkpoint:
    """Makes what came of the records of `place` durable, exactly once."""

    def __init__(self, kafka: KafkaSettings, place: TopicPartition, link: connection.Link) -> None:
        self._kafka = kafka
        self._place = place
        self._link = link
        self._producer: AIOKafkaProducer | None = None
        self._in_transaction = False  # also of one that was broken off
        self._was_fenced = False
        self._lost = False
        self._writing = asyncio.Lock()
        self._most_bytes = _MOST_BYTES

    def lose(self) -> None:
        """From now on nothing is committed: the partition has been taken away."""
        self._lost = True

    async def open(self, expected: int | None = None) -> Position | None:
        """End whatever a former owner was writing; then give what is committed, which is now final until we write.

        A producer that is there already is kept if the offset is the `expected` one. Raises KafkaError, OSError.
        """
        async with self._writing, asyncio.timeout(_PATIENCE_S):
            if self._producer is not None:
                found = None if self._in_transaction else await self._committed()
                if expected is not None and found is not None and found.offset == expected:
                    return found
                # Moved by somebody else, or by ourselves a moment ago: the broker says "committed" before it shows the
                # offset. Only a new producer waits for that.
                await self._end_producer()
            await self._start()
            return await self._committed()

    async def write(self, encode: Callable[[int], Records], former: int | None, then: Position) -> None:
        """Return when the records and `then` are committed, where the offset `former` was.

        `encode(most_bytes)` gives the records, none of more bytes than that; it is asked again, for less, when the broker
        takes no records of that size. Goes on trying for as long as the broker cannot be reached. Raises
        PartitionLostError.
        """
        async with self._writing:
            records = encode(self._most_bytes)
            for wait_s in connection.backoff_s():
                if self._lost:
                    raise PartitionLostError
                try:
                    async with asyncio.timeout(_PATIENCE_S):
                        await self._write_once(records, former, then)
                    break
                except (KafkaError, IllegalOperation, AssertionError, OSError) as error:
                    # A producer that is fenced between two steps says that the second is illegal, or trips over its own
                    # assertions. Whatever came of it: the next one ends this transaction, and the offset tells.
                    await self._end_producer()
                    if isinstance(error, MessageSizeTooLargeError) and self._most_bytes > _LEAST_BYTES:
                        self._most_bytes //= 2
                        log.warning("record_too_large", partition=self._place.partition, trying_bytes=self._most_bytes)
                        records = encode(self._most_bytes)
                        continue
                    self._was_fenced = isinstance(error, ProducerFenced | InvalidProducerEpoch)
                    if not self._was_fenced:
                        await self._link.lost(error, "Write")
                    await asyncio.sleep(wait_s)
            self._link.found()

    async def _write_once(self, records: Records, former: int | None, then: Position) -> None:
        """Raises KafkaError or OSError when it cannot be told whether it was written, PartitionLostError."""
        if self._in_transaction:
            await self._end_producer()
        producer = self._producer
        if producer is None:
            if self._was_fenced:
                # Perhaps by an heir: look before ending what it is doing.
                self._require(await self._committed(), (former, then.offset))
            producer = await self._start()
            found = await self._committed()
            self._require(found, (former, then.offset))
            if found is not None and found.offset == then.offset:
                return  # the last try was committed, and nobody was there to hear it
        await self._transact(producer, records, then)

    def _require(self, found: Position | None, either: tuple[int | None, int]) -> None:
        """Raises PartitionLostError when somebody else has gone on: what is committed is neither before nor behind us."""
        if (None if found is None else found.offset) not in either:
            # For good: the producer is new, and would let whoever waits behind us write unasked.
            self._lost = True
            raise PartitionLostError

    async def close(self) -> None:
        """Let go of the producer, after what it is writing."""
        async with self._writing:
            await self._end_producer()

    async def _start(self) -> AIOKafkaProducer:
        producer = connection.transactional_producer(self._kafka, self._place, self._most_bytes)
        try:
            await producer.start()
        except BaseException:
            await connection.ended(producer)
            raise
        self._producer = producer
        return producer

    async def _transact(self, producer: AIOKafkaProducer, records: Records, then: Position) -> None:
        self._in_transaction = True
        await producer.begin_transaction()
        try:
            confirmations = {
                await producer.send_batch(batch, place.topic, partition=place.partition): place.topic
                for place, outgoing in records.items()
                for batch in _batches(producer, outgoing)
            }
            if confirmations:
                await asyncio.wait(confirmations)
            for confirmation, topic in confirmations.items():
                if confirmation.cancelled():
                    raise KafkaError(f"the producer gave up a batch for {topic}")
                if isinstance(confirmation.exception(), MessageSizeTooLargeError):
                    raise MessageSizeTooLargeError(topic)
                confirmation.result()
            await producer.send_offsets_to_transaction({self._place: OffsetAndMetadata(*then)}, self._kafka.group)
            await producer.commit_transaction()
        except IllegalOperation:
            # The transaction has failed under our hands; what waits for its end is told why.
            await producer._txn_manager.wait_for_transaction_end()  # noqa: SLF001
            raise
        self._in_transaction = False

    async def _committed(self) -> Position | None:
        """What the group has, as of now, at the broker: a consumer remembers what it was at the last rebalance."""
        client = connection.admin(self._kafka)
        try:
            await client.start()
            found = await client.list_consumer_group_offsets(self._kafka.group, partitions=[self._place])
        finally:
            await client.close()
        if self._place not in found:
            # What is wrong with the whole answer aiokafka passes over: a coordinator that is only just starting.
            raise CoordinatorNotAvailableError(self._kafka.group)
        held = found[self._place]
        return None if held.offset < 0 else Position(held.offset, held.metadata or "")

    async def _end_producer(self) -> None:
        producer, self._producer = self._producer, None
        self._in_transaction = False
        if producer is not None:
            await connection.ended(producer)


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
