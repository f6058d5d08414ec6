"""What every member of a group does the same way: fetch, make durable, feel the broker's pulse."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Iterable, Mapping, Sequence

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from telematics.errors import BrokerError
from telematics.metrics import Metrics
from telematics.settings import Settings
from telematics.stream import connection, refusals, topics
from telematics.stream.assignment import Assignment, P, State
from telematics.stream.checkpoint import PartitionLostError
from telematics.stream.connection import Link
from telematics.stream.reader import Records

log = structlog.get_logger(__name__)

Batches = Mapping[TopicPartition, Records]

# Bounds how late a due commit is noticed; records that are there are returned at once.
_POLL_MS = 200
_PROBE_TIMEOUT_S = 5.0
# What `look` finds counts for longer than this.
LOOK_INTERVAL_S = 10.0
# A member has to be heard of again before its session is over; the rebalance itself waits for twice that.
_REVOKE_SHARE = 0.8
# Of the time to stop in, the share for what is in hand; the rest is for leaving the group.
SETTLE_SHARE = 0.7


def revoke_deadline_s(settings: Settings) -> float:
    """How long a member may take to settle what is taken away from it."""
    return min(settings.shutdown_deadline_s, settings.kafka.session_timeout_s * _REVOKE_SHARE)


async def connect(settings: Settings) -> AIOKafkaConsumer:
    """A started member of the group, which has still to say what it reads. Raises BrokerError."""
    consumer = connection.group_consumer(settings)
    await connection.started(consumer, settings.kafka)
    return consumer


async def leave(
    settings: Settings, consumer: AIOKafkaConsumer, assignment: Assignment[P], others: Iterable[Awaitable[object]]
) -> None:
    """Let go of everything, and of what `others` still do, within what is left of the deadline to stop in."""
    started = time.monotonic()
    left_s = settings.shutdown_deadline_s * (1 - SETTLE_SHARE)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(left_s):
            await asyncio.gather(
                connection.ended(consumer, left_s / 2), assignment.close(), *others, return_exceptions=True
            )
    log.info("stopped", took_s=round(time.monotonic() - started, 3))


async def fetch(
    consumer: AIOKafkaConsumer, assignment: Assignment[P], stopping: asyncio.Event, link: Link, most_records: int
) -> Batches:
    """The next records; none when we are stopped, also in the midst of a rebalance.

    Raises BrokerError when the broker refuses for good.
    """
    fetching = asyncio.ensure_future(consumer.getmany(timeout_ms=_POLL_MS, max_records=most_records))
    stopped = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait({fetching, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return fetching.result() if fetching.done() else {}
    except OffsetOutOfRangeError as error:
        for place in error.args[0]:
            assignment.again(place)
    except KafkaError as error:
        if not error.retriable and not refusals.is_unpermitted(error):
            raise await connection.unreachable(link.kafka, error) from error
        await link.lost(error)
        await asyncio.sleep(_POLL_MS / 1000)
    finally:
        fetching.cancel()
        stopped.cancel()
    return {}


async def settle(assignment: Assignment[P], topic: str, partitions: Sequence[P]) -> None:
    """Make durable what came of these partitions of a topic; one that somebody else has gone on with is started anew."""
    results = await asyncio.gather(*(partition.settle() for partition in partitions), return_exceptions=True)
    for partition, result in zip(partitions, results, strict=True):
        if isinstance(result, PartitionLostError):
            log.warning("partition_lost", partition=partition.number)
            assignment.outdated(partition, TopicPartition(topic, partition.number))
        elif result is not None:
            raise result


async def look(settings: Settings, names: Iterable[str], link: Link) -> None:
    """Say what is wrong with these topics, if anything: no request of a reader fails because its topic is gone."""
    try:
        for finding in await topics.ailing(settings, names):
            await link.lost(refusals.UnavailableError(f"{finding.where} {finding.what}", finding.remedy))
    except BrokerError as error:
        if isinstance(error, refusals.SignInRefusedError):
            raise
        # The probe says it.


async def probe(consumer: AIOKafkaConsumer, assignment: Assignment[P], link: Link, metrics: Metrics) -> None:
    """Ask for the ends of the log: that is the lag, and whether anybody answers."""
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT_S):
            places = consumer.assignment()
            ends = await (consumer.end_offsets(places) if places else consumer.topics())
    except (KafkaError, OSError, TimeoutError) as error:
        await link.lost(error)
    else:
        link.found()
        if places:
            assignment.saw({place.partition: end for place, end in ends.items()}, time.monotonic())
    for state in State:
        count = sum(partition.state is state for partition in assignment.held.values())
        metrics.partitions.labels(state.value).set(count)
