"""One partition of a topic that others write to: its records become pings, or dead letters, and a checkpoint."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from aiokafka import TopicPartition

from telematics.metrics import Metrics
from telematics.model import Ping
from telematics.settings import TopicSettings
from telematics.stream.assignment import Held
from telematics.stream.checkpoint import Checkpoint, Outgoing, Position
from telematics.stream.checkpoint import Records as Outgoings
from telematics.stream.deadletters import dead_letter
from telematics.stream.reader import Record, Records
from telematics.wire.arrivals import check_arrival
from telematics.wire.partitioner import partition_of
from telematics.wire.pings import encode_ping
from telematics.wire.reasons import Reject
from telematics.wire.records import Rejected

Read = Callable[[bytes | None], Ping | Reject]
"""From the value of a record to its ping. Never raises."""


@dataclass(slots=True)
class Route:
    """From where to where, and how it is read. `ping_partitions` changes when the topic of the pings grows."""

    source: str
    read: Read
    topics: TopicSettings
    ping_partitions: int
    letter_partitions: int


class Source(Held):
    """The work on one partition of the source. What is taken is settled before more is taken."""

    def __init__(self, number: int, partitions: int, route: Route, checkpoint: Checkpoint, metrics: Metrics) -> None:
        super().__init__(number, partitions, checkpoint, metrics)
        self._route = route
        self._pings: dict[int, list[Outgoing]] = defaultdict(list)  # by the partition they go to
        self._rejects: list[Rejected] = []

    def take(self, records: Records) -> None:
        """Read records that follow `next_offset`, and keep what becomes of them for the next checkpoint."""
        with self._metrics.time_step("decode"):
            for record in records:
                self._put(record)
        self.next_offset = records[-1].offset + 1

    def _put(self, record: Record) -> None:
        ping = check_arrival(record.timestamp) or self._route.read(record.value)
        if isinstance(ping, Reject):
            self._rejects.append(Rejected(record, ping))
            return
        key = ping.vehicle_id.encode()
        # A live topic is stamped by its broker, whatever we say; on a sim topic this is the arrival.
        outgoing = Outgoing(record.timestamp, key, encode_ping(ping))
        self._pings[partition_of(key, self._route.ping_partitions)].append(outgoing)

    async def settle(self) -> None:
        """Make everything taken durable. Raises PartitionLostError."""
        if self.settled:
            return
        with self._metrics.time_step("commit"):
            await self._checkpoint.write(self._records, self._committed, Position(self.next_offset))
        self.durable_offset = self._committed = self.next_offset
        self._metrics.bridged.inc(sum(map(len, self._pings.values())))
        for reason, count in Counter(refused.reject.reason for refused in self._rejects).items():
            self._metrics.dead_letters.labels(reason).inc(count)
        self._pings.clear()
        self._rejects.clear()

    def _records(self, most_bytes: int) -> Outgoings:
        """What is to be written. A ping of ours, a kilobyte at most, is not shortened."""
        topics, source = self._route.topics, self._route.source
        # The source may have more partitions than the dead letters; those of one are kept in one, in order.
        letters = TopicPartition(topics.deadletters, self.number % self._route.letter_partitions)
        return {
            **{TopicPartition(topics.pings, number): pings for number, pings in self._pings.items()},
            letters: [dead_letter(refused, source, self.number, most_bytes) for refused in self._rejects],
        }

    async def fence(self) -> Position | None:
        """End what a former owner was writing, and give what is committed. Raises KafkaError, OSError."""
        return await self._checkpoint.open(self.durable_offset)
