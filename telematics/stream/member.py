"""One member of the group at work: batches in, checkpoints out, and what has to go on beside that."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Coroutine, Sequence

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, StaleMetadata

from geofences.index import FenceIndex
from telematics.core.engine import MonitorEngine
from telematics.core.params import RuleSet
from telematics.errors import BrokerError
from telematics.metrics import Metrics
from telematics.model import Trip
from telematics.settings import Settings
from telematics.stream import connection
from telematics.stream.assignment import Assignment, State
from telematics.stream.checkpoint import Checkpoint
from telematics.stream.fences import FenceFeed
from telematics.stream.group import (
    LOOK_INTERVAL_S,
    SETTLE_SHARE,
    Batches,
    fetch,
    leave,
    look,
    probe,
    revoke_deadline_s,
    settle,
)
from telematics.stream.partition import Partition
from telematics.stream.process import until_stopped
from telematics.stream.recovery import rebuild
from telematics.stream.ticks import tick
from telematics.stream.topics import Profile, wanted
from telematics.stream.trips import TripFeed
from telematics.wire.fencesets import FenceSet
from telematics.wire.partitioner import partition_of

log = structlog.get_logger(__name__)

_PROBE_INTERVAL_S = 1.0
# Counting what 100,000 vehicles have open takes 30 ms: not with every probe.
_OBSERVE_EVERY = 5
# Full turns in a row after which we are behind: a third of a second or more of nothing but judging.
_CATCHING_UP_TURNS = 10


class Member:
    """The work with one started consumer. `stopping` ends it; what was judged by then is durable, or judged again."""

    def __init__(
        self,
        settings: Settings,
        fences: FenceIndex | None,
        rules: RuleSet,
        metrics: Metrics,
        link: connection.Link,
        trips: TripFeed,
        sets: FenceFeed | None,
        consumer: AIOKafkaConsumer,
        stopping: asyncio.Event,
    ) -> None:
        self.assignment: Assignment[Partition] = Assignment(
            consumer,
            self._make_partition,
            lambda partition: self._spawn(self._recover(partition)),
            lambda partition: self._spawn(partition.close()),
            revoke_deadline_s(settings),
        )
        self._settings = settings
        self._fences = fences
        self._rules = rules
        self._metrics = metrics
        self._link = link
        self._trips = trips
        self._sets = sets
        self._consumer = consumer
        self._stopping = stopping
        self._closing = False
        self._rebuilding = asyncio.Lock()
        self._settling: set[Partition] = set()
        self._full_turns = 0  # in a row
        self._failure: BaseException | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def work(self, profile: Profile) -> None:
        """Join the group and work until stopped. Raises what ended it otherwise."""
        try:
            self._consumer.subscribe([self._settings.topics.pings], listener=self.assignment)
            self._spawn(self._trips.follow(profile, self._tell))
            if self._sets is not None:
                self._spawn(self._sets.follow(profile, self._tell_fences))
            self._spawn(self._probe())
            self._spawn(self._look())
            if profile is Profile.LIVE:
                self._spawn(tick(self._settings, self.assignment.held.keys, self._link))
            await self._until_stopped()
        finally:
            await self._close()
        if self._failure is not None:
            raise self._failure

    async def _until_stopped(self) -> None:
        """Judge until stopped; what is in hand then has its share of the deadline to become durable."""
        if not await until_stopped(self._judge(), self._stopping, self._settings.shutdown_deadline_s * SETTLE_SHARE):
            log.warning("stopped_unsettled", partitions=sorted(self.assignment.held))

    async def _judge(self) -> None:
        while not self._stopping.is_set():
            await self._turn()
        if self._failure is not None:
            return
        async with self.assignment.busy:
            await self._settle(list(self.assignment.held.values()))

    # One turn: fetch and judge. Beside it runs what makes that durable.

    async def _turn(self) -> None:
        self._make_full_ones_wait()
        generation = self.assignment.generation
        batches = await self._fetch()
        full = sum(map(len, batches.values())) >= self._settings.max_batch
        self._full_turns = self._full_turns + 1 if full else 0
        async with self.assignment.busy:
            started = time.perf_counter()
            for place, records in batches.items():
                partition = self.assignment.current(place, records, generation)
                if partition is not None:
                    partition.take(records)
                    self._settle_soon(partition)
                    await asyncio.sleep(0)  # heartbeats and fetches go on between two partitions
            for held in self.assignment.held.values():
                self._settle_soon(held)
            if batches:
                self._metrics.batch_duration.observe(time.perf_counter() - started)

    def _make_full_ones_wait(self) -> None:
        """Fetch nothing more of a partition that cannot be written and is full of what waits; the others go on."""
        ours, paused = self._consumer.assignment(), self._consumer.paused()
        for held in self.assignment.held.values():
            place = TopicPartition(self._settings.topics.pings, held.number)
            # One that is being rebuilt is paused as well, and not for us to let go on.
            if held.state is not State.RUNNING or place not in ours:
                continue
            if held.is_full() and place not in paused:
                log.info("partition_full", partition=held.number, durable=held.durable_offset, judged=held.next_offset)
                self._consumer.pause(place)
            elif place in paused and not held.is_full():
                log.info("partition_goes_on", partition=held.number)
                self._consumer.resume(place)

    async def _fetch(self) -> Batches:
        return await fetch(self._consumer, self.assignment, self._stopping, self._link, self._settings.max_batch)

    def _is_catching_up(self) -> bool:
        return self._full_turns >= _CATCHING_UP_TURNS

    def _settle_soon(self, partition: Partition) -> None:
        """If it is time, make durable what was judged while judging goes on; one partition never waits for another."""
        if partition.due(catching_up=self._is_catching_up()) and partition not in self._settling:
            self._settling.add(partition)
            self._spawn(self._settle_while_due(partition))

    async def _settle_while_due(self, partition: Partition) -> None:
        try:
            while partition.due(catching_up=self._is_catching_up()) and not partition.taken.is_set():
                await self._settle([partition])
        finally:
            self._settling.discard(partition)

    async def _settle(self, partitions: Sequence[Partition]) -> None:
        await settle(self.assignment, self._settings.topics.pings, partitions)

    # Beside it: state for new partitions, trips, fence sets, the broker's pulse.

    async def _recover(self, partition: Partition) -> None:
        """Give the partition its state, then let its records come."""
        await self._trips.read_to_end.wait()
        if self._sets is not None:
            partition.progress = "waiting for fences"
            await self._sets.ready.wait()
        place = TopicPartition(self._settings.topics.pings, partition.number)
        for wait_s in connection.backoff_s():
            if partition.taken.is_set():
                return
            try:
                await self._recount(partition)
                # The former owner first: an offset that it could still move tells nothing.
                committed = await partition.fence()
                if partition.engine is not None and committed is not None and committed.offset == partition.next_offset:
                    partition.run_from(committed.offset, committed.offset)
                else:
                    # One after the other: together they would take no less time, and hold up heartbeats more.
                    async with self._rebuilding:
                        await rebuild(
                            self._settings,
                            partition,
                            committed,
                            self._make_engine,
                            lambda: self._trips.known(partition.number, partition.partitions),
                            self._sets,
                        )
            except (BrokerError, KafkaError, OSError) as error:
                await self._link.lost(error)
                await asyncio.sleep(wait_s)
            else:
                break
        if not partition.taken.is_set():
            self._consumer.seek(place, partition.next_offset)
            self._consumer.resume(place)

    async def _recount(self, partition: Partition) -> None:
        """Go by as many partitions as there are now: who is not the group's leader hears late of a topic that has grown."""
        count = await connection.partitions_now(self._consumer, self._settings.topics.pings)
        if partition.number >= count:
            raise StaleMetadata(f"partition {partition.number} is ours, and there are {count}")
        if partition.partitions != count:
            partition.partitions, partition.engine = count, None

    def _begin_again_when_grown(self) -> None:
        """Where partitions were added vehicles have moved between those that we have, whether we are given others or not."""
        topic = self._settings.topics.pings
        count = connection.partitions_known(self._consumer, topic)
        for held in list(self.assignment.held.values()):
            if count > held.partitions and held.state is State.RUNNING:
                log.warning("topic_grown", topic=topic, partition=held.number, former=held.partitions, partitions=count)
                self.assignment.again(TopicPartition(topic, held.number))

    def _tell(self, trip: Trip) -> None:
        for partition in (*self.assignment.held.values(), *self.assignment.kept.values()):
            if _is_of(trip, partition):
                partition.put_trip(trip)

    def _tell_fences(self, fence_set: FenceSet, index: FenceIndex) -> None:
        for partition in (*self.assignment.held.values(), *self.assignment.kept.values()):
            # One that is only just reading the sets before it comes to this one itself.
            if self._sets is not None and partition.unread(self._sets.sets)[:1] == [fence_set]:
                partition.put_fences(fence_set, index)

    async def _probe(self) -> None:
        """Feel the broker's pulse, and now and then count what is open."""
        turns = itertools.count()
        while True:
            await probe(self._consumer, self.assignment, self._link, self._metrics)
            self._begin_again_when_grown()
            if next(turns) % _OBSERVE_EVERY == 0:
                for partition in self.assignment.held.values():
                    partition.observe()
            await asyncio.sleep(_PROBE_INTERVAL_S)

    async def _look(self) -> None:
        """Look after the topics."""
        names = wanted(self._settings.topics, Profile.LIVE, sets=self._sets is not None)
        while True:
            await asyncio.sleep(LOOK_INTERVAL_S)
            await look(self._settings, names, self._link)

    # Partitions, tasks, the end.

    def _make_engine(self) -> MonitorEngine:
        return MonitorEngine(
            self._fences or FenceIndex(()), self._rules, anew_ms=round(self._settings.rebuild_window_s * 1000)
        )

    def _make_partition(self, number: int) -> Partition:
        count = connection.partitions_known(self._consumer, self._settings.topics.pings)
        place = TopicPartition(self._settings.topics.pings, number)
        checkpoint = Checkpoint(self._settings.kafka, place, self._link)
        return Partition(number, count, self._settings, checkpoint, self._metrics)

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = RuntimeError(f"{task!r} was cancelled by nobody") if task.cancelled() else task.exception()
        if error is not None and not self._closing:
            # Nothing that runs beside the loop may end in silence: the monitor would be alive and useless.
            self._failure = self._failure or error
            self._stopping.set()

    async def _close(self) -> None:
        self._closing = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await leave(self._settings, self._consumer, self.assignment, tasks)


def _is_of(trip: Trip, partition: Partition) -> bool:
    """Whether the trip concerns a vehicle whose pings are there."""
    return partition_of(trip.vehicle_id.encode(), partition.partitions) == partition.number
