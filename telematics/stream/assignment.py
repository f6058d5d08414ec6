"""Which partitions are ours, and whether a batch in hand still is.

aiokafka takes everything away and gives it back at every rebalance, and a batch fetched before may be looked at
after. So every batch carries the generation of the assignment it was fetched under, bumped in both callbacks, and
has to begin at the offset its partition expects. When either disagrees the batch is dropped and fetched again.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum
from typing import Generic, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener

from telematics.metrics import Metrics
from telematics.stream.checkpoint import Checkpoint
from telematics.stream.lag import Lag
from telematics.stream.reader import Records

log = structlog.get_logger(__name__)


class State(StrEnum):
    """Where a partition is in its life with us."""

    REBUILDING = "rebuilding"
    RUNNING = "running"


class Held(ABC):
    """A partition in our hands, whatever is made of its records.

    `partitions` is how many its topic had when it was given to us, `progress` how far its rebuilding is, in words. What
    came of the records before `durable_offset` is durable.
    """

    def __init__(self, number: int, partitions: int, checkpoint: Checkpoint, metrics: Metrics) -> None:
        self.number = number
        self.partitions = partitions
        self.state = State.REBUILDING
        self.progress = ""
        self.next_offset = self.durable_offset = 0
        self.lag = Lag()
        self.taken = asyncio.Event()
        """Set when the partition is no longer ours."""
        self._checkpoint = checkpoint
        self._metrics = metrics
        self._committed: int | None = None

    def run_from(self, next_offset: int, committed: int | None) -> None:
        """What follows `next_offset` counts. `committed` is what the broker says."""
        self._committed = committed
        self.next_offset = self.durable_offset = next_offset
        self.state = State.RUNNING
        self.progress = ""

    @property
    def settled(self) -> bool:
        """Whether everything that came of it is durable."""
        return self.durable_offset == self.next_offset

    @abstractmethod
    async def settle(self) -> None:
        """Make everything that came of it so far durable. Raises PartitionLostError."""

    def saw_end(self, end: int, now_s: float) -> None:
        """The log ended at this offset at `now_s` of a monotonic clock."""
        self.lag.seen(end, now_s)
        records, _ = self.lag.behind(self.durable_offset, now_s)
        self._metrics.partition_lag.labels(str(self.number)).set(records)

    def lose(self) -> None:
        """Taken away: nothing of it is committed from now on."""
        self.taken.set()
        self._checkpoint.lose()
        self._metrics.forget_partition(self.number)

    async def close(self) -> None:
        """Let go of the producer."""
        await self._checkpoint.close()


P = TypeVar("P", bound=Held)


class Assignment(ConsumerRebalanceListener, Generic[P]):
    """The partitions in our hands.

    `make` gives an empty partition, `recover` starts giving one its state, `discard` closes one that is gone for
    good. `busy` is held by whoever judges; what is judged may be settled meanwhile.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        make: Callable[[int], P],
        recover: Callable[[P], object],
        discard: Callable[[P], object],
        deadline_s: float,
    ) -> None:
        self.generation = 0
        self.joined = False
        self.busy = asyncio.Lock()
        self.held: dict[int, P] = {}
        self.kept: dict[int, P] = {}
        """Given up in the rebalance that is going on, and complete: worth having again if they come back."""
        self._consumer = consumer
        self._make = make
        self._recover = recover
        self._discard = discard
        self._deadline_s = deadline_s
        self._holes: dict[int, tuple[int, int]] = {}

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Settle what we can before the deadline, then let go."""
        self.generation += 1
        self.joined = False
        going = [self.held[place.partition] for place in revoked if place.partition in self.held]
        try:
            async with asyncio.timeout(self._deadline_s), self.busy:
                # A failure concerns one partition; whoever has it next judges it again.
                await asyncio.gather(*(partition.settle() for partition in going), return_exceptions=True)
        except TimeoutError:
            log.warning("revoked_unsettled", partitions=[partition.number for partition in going])
        # Not `going`: meanwhile one of them may have been started anew.
        for partition in [self.held[place.partition] for place in revoked if place.partition in self.held]:
            if partition.state is State.RUNNING and partition.settled:
                self.held.pop(partition.number, None)
                self.kept[partition.number] = partition
            else:
                self.drop(partition)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Pause every partition until its state is there; where reading goes on is for the recovery to say."""
        self.generation += 1
        self._holes.clear()
        for place in sorted(assigned):
            self._take(place, self._make(place.partition))
        for partition in list(self.kept.values()):
            self.drop(partition)
        self.joined = True
        log.info("assigned", partitions=sorted(self.held), generation=self.generation)

    def _take(self, place: TopicPartition, fresh: P) -> None:
        partition = self.kept.pop(place.partition, fresh)
        if partition.partitions != fresh.partitions:
            # The topic has grown: other vehicles belong here now.
            self.drop(partition)
            partition = fresh
        partition.state = State.REBUILDING
        self.held[place.partition] = partition
        self._consumer.pause(place)
        # A position of its own keeps aiokafka from looking for a committed one, which there may not be.
        self._consumer.seek(place, 0)
        self._recover(partition)

    def again(self, place: TopicPartition) -> None:
        """Start this partition anew: the log no longer has the offset where it was."""
        partition = self.held.get(place.partition)
        if partition is not None and partition.state is State.RUNNING:
            self.drop(partition)
            self._take(place, self._make(place.partition))

    def outdated(self, partition: P, place: TopicPartition) -> None:
        """Somebody else has gone on with it: start it anew if it is ours still."""
        if self.held.get(place.partition) is partition:
            self.again(place)
        else:
            self.drop(partition)

    def drop(self, partition: P) -> None:
        """Let go of a partition for good: nothing of it is committed from now on."""
        for holder in (self.held, self.kept):
            if holder.get(partition.number) is partition:
                del holder[partition.number]
        if not partition.taken.is_set():
            partition.lose()
            self._discard(partition)

    def current(self, place: TopicPartition, records: Records, generation: int) -> P | None:
        """The partition these records may be judged by; None: dropped, and set back to where it goes on."""
        partition = self.held.get(place.partition)
        if partition is None or partition.state is not State.RUNNING:
            return None
        first = records[0].offset
        if generation == self.generation and first == partition.next_offset:
            return partition
        if generation == self.generation and first > partition.next_offset:
            # Markers of a producer's transactions, and records gone by retention, leave holes. One that is still
            # there when we ask again is real.
            hole = (partition.next_offset, first)
            if self._holes.get(place.partition) == hole:
                return partition
            self._holes[place.partition] = hole
        log.debug("batch_dropped", partition=place.partition, offset=first, expected=partition.next_offset)
        self._consumer.seek(place, partition.next_offset)
        return None

    def saw(self, ends: Mapping[int, int], now_s: float) -> None:
        """The log ended at these offsets at `now_s` of a monotonic clock."""
        for number, end in ends.items():
            partition = self.held.get(number)
            if partition is not None:
                partition.saw_end(end, now_s)

    async def close(self) -> None:
        """Close everything."""
        await asyncio.gather(*(held.close() for held in (*self.held.values(), *self.kept.values())))
