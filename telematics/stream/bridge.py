"""A bridge: positions that somebody else writes, in a form and under a key of theirs, become pings on our topic.

How a record becomes a ping, in order:

1. A partition of the source is assigned: its former owner is fenced, and reading goes on where the group was. A group
   that is new begins with the oldest record there is: what was forwarded before the bridge first ran is not lost, and
   what is old the monitor knows to be old.
2. A batch is fetched (`group`); if it is stale it is dropped and fetched again (`assignment`).
3. Its records are read, and go, as pings, to where murmur2 puts their vehicle, or to the dead letters (`source`).
4. Both are written in one transaction with the offset (`checkpoint`).

One turn after the other, in one task: there is nothing to judge, so little is gained by going on while the broker writes.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from telematics.errors import BrokerError, UserError
from telematics.http import Check
from telematics.metrics import Metrics
from telematics.settings import Settings
from telematics.stream import connection, topics
from telematics.stream.assignment import Assignment, State
from telematics.stream.checkpoint import Checkpoint
from telematics.stream.group import (
    LOOK_INTERVAL_S,
    SETTLE_SHARE,
    connect,
    fetch,
    leave,
    look,
    probe,
    revoke_deadline_s,
    settle,
)
from telematics.stream.lag import Lag
from telematics.stream.process import patiently, serve, until_stopped
from telematics.stream.reader import end_of_log
from telematics.stream.readiness import readiness
from telematics.stream.source import Read, Route, Source

log = structlog.get_logger(__name__)

# Of one fetch; the client holds no more than about a megabyte of each partition.
_MOST_RECORDS = 5_000
# With so few, the next transaction waits a moment for more: each costs the broker five requests.
_FEW_RECORDS = 500
_PAUSE_S = 0.05
_PROBE_INTERVAL_S = 1.0


async def run(settings: Settings, source: str, read: Read, metrics: Metrics | None = None) -> None:
    """Bridge the topic `source` with metrics and health until SIGTERM or SIGINT.

    Raises UserError when a topic is missing or cannot be the source, or the port is taken; BrokerError when Kafka
    refuses us for good. A Kafka that is not there yet is waited for.
    """
    metrics = metrics or Metrics()
    connection.quiet_client_log()
    await serve(settings.http, metrics.registry, Bridge(settings, source, read, metrics))


class Bridge:
    """From waiting for Kafka to the last commit. Raises UserError for a source that is a topic of ours."""

    def __init__(self, settings: Settings, source: str, read: Read, metrics: Metrics) -> None:
        if source in topics.wanted(settings.topics, topics.Profile.LIVE):
            raise UserError(
                f"{source} is a topic of ours: the source is the one that is forwarded to, as traccar.positions"
            )
        self._settings = settings
        self._source = source
        self._read = read
        self._metrics = metrics
        self._link = connection.Link(settings.kafka)
        self._assignment: Assignment[Source] | None = None
        self._leaving: list[Source] = []
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Fetch nothing more, make durable what is in hand, leave."""
        self._stopping.set()

    def checks(self) -> Mapping[str, Check]:
        """What `/readyz` lists."""
        return readiness(self._settings, self._link, self._assignment)

    async def run(self) -> None:
        """Follow the group's assignments until `stop`. Raises what ended it otherwise."""
        route = await patiently(self._route, self._link, self._stopping)
        consumer = await patiently(lambda: connect(self._settings), self._link, self._stopping)
        if route is None or consumer is None:
            return

        def make(number: int) -> Source:
            count = connection.partitions_known(consumer, self._source)
            checkpoint = Checkpoint(self._settings.kafka, TopicPartition(self._source, number), self._link)
            return Source(number, count, route, checkpoint, self._metrics)

        # A partition that is new is begun with in the next turn.
        self._assignment = Assignment(
            consumer, make, lambda _: None, self._leaving.append, revoke_deadline_s(self._settings)
        )
        consumer.subscribe([self._source], listener=self._assignment)
        deadline_s = self._settings.shutdown_deadline_s * SETTLE_SHARE
        try:
            await until_stopped(self._work(consumer, self._assignment, route), self._stopping, deadline_s)
            if unsettled := [number for number, source in self._assignment.held.items() if not source.settled]:
                log.warning("stopped_unsettled", partitions=sorted(unsettled))
        finally:
            await leave(self._settings, consumer, self._assignment, [source.close() for source in self._leaving])

    async def _route(self) -> Route:
        ours = self._settings.topics
        found = await topics.describe(self._settings.kafka, [self._source, ours.pings, ours.deadletters])
        where = self._settings.kafka.bootstrap
        if self._source not in found:
            raise UserError(
                f"no topic {self._source} on {where}: is it the one that is forwarded to? Kafka makes it when the first "
                "position is forwarded, if it may (auto.create.topics.enable); else create it with as many partitions "
                "as there shall be bridges at most"
            )
        if missing := [name for name in (ours.pings, ours.deadletters) if name not in found]:
            raise UserError(f"no topic {', '.join(missing)} on {where}; create them: telematics topics create")
        return Route(self._source, self._read, ours, found[ours.pings].partitions, found[ours.deadletters].partitions)

    async def _work(self, consumer: AIOKafkaConsumer, assignment: Assignment[Source], route: Route) -> None:
        # Beside the turns: while the broker is away one of them does not end, and somebody has to say why.
        watching = asyncio.create_task(self._watch(consumer, assignment, route))
        try:
            while not self._stopping.is_set():
                await self._tend(consumer, assignment)
                await self._turn(consumer, assignment)
                if watching.done():
                    watching.result()
        finally:
            watching.cancel()

    async def _watch(self, consumer: AIOKafkaConsumer, assignment: Assignment[Source], route: Route) -> None:
        """The broker's pulse, and whether the topic of the pings has grown."""
        looked_s = time.monotonic()
        while True:
            await probe(consumer, assignment, self._link, self._metrics)
            if time.monotonic() - looked_s >= LOOK_INTERVAL_S:
                looked_s = time.monotonic()
                await look(self._settings, [self._source, route.topics.pings, route.topics.deadletters], self._link)
                # A topic that is gone may come back; what else there is the next probe says. Until we look, pings go where
                # they went before the topic grew, as with any producer, whose own default is 5 min.
                with contextlib.suppress(UserError, BrokerError):
                    route.ping_partitions = await topics.partition_count(self._settings.kafka, route.topics.pings)
            await asyncio.sleep(_PROBE_INTERVAL_S)

    async def _turn(self, consumer: AIOKafkaConsumer, assignment: Assignment[Source]) -> None:
        """Fetch, read, make durable."""
        generation = assignment.generation
        batches = await fetch(consumer, assignment, self._stopping, self._link, _MOST_RECORDS)
        if not batches:
            return
        started = time.perf_counter()
        async with assignment.busy:
            for place, records in batches.items():
                source = assignment.current(place, records, generation)
                if source is not None:
                    source.take(records)
                    await asyncio.sleep(0)  # heartbeats and fetches go on between two partitions
            await settle(assignment, self._source, [held for held in assignment.held.values() if not held.settled])
        self._metrics.batch_duration.observe(time.perf_counter() - started)
        if sum(map(len, batches.values())) < _FEW_RECORDS:
            await asyncio.sleep(_PAUSE_S)

    async def _tend(self, consumer: AIOKafkaConsumer, assignment: Assignment[Source]) -> None:
        """Between two turns: let go of partitions that went, begin with those that came."""
        leaving, self._leaving[:] = list(self._leaving), []
        await asyncio.gather(*(source.close() for source in leaving))
        new = [source for source in assignment.held.values() if source.state is State.REBUILDING]
        # All to their end, also when one fails: begun with twice, a partition would be read twice.
        begun = await asyncio.gather(*(self._begin(consumer, source) for source in new), return_exceptions=True)
        for failure in begun:
            if isinstance(failure, BrokerError | KafkaError | OSError):
                await self._link.lost(failure)
            elif failure is not None:
                raise failure

    async def _begin(self, consumer: AIOKafkaConsumer, source: Source) -> None:
        """Find where the group was, and let the records come from there. Raises KafkaError, OSError."""
        place = TopicPartition(self._source, source.number)
        # The former owner first: an offset that it could still move tells nothing.
        committed = await source.fence()
        begin = (await consumer.beginning_offsets([place]))[place]
        end = await end_of_log(lambda: _end(consumer, place), 0 if committed is None else committed.offset)
        offset = begin if committed is None else committed.offset
        if not begin <= offset <= end:
            # Retention overtook us, or the topic was made anew: what is left is the beginning.
            log.warning("offset_gone", partition=source.number, committed=offset, begin=begin, end=end)
            offset = begin
        if source.taken.is_set():
            return
        source.lag = Lag(end)
        source.run_from(offset, None if committed is None else committed.offset)
        consumer.seek(place, offset)
        consumer.resume(place)
        log.info("running", partition=source.number, offset=offset)


async def _end(consumer: AIOKafkaConsumer, place: TopicPartition) -> int:
    end: int = (await consumer.end_offsets([place]))[place]
    return end
