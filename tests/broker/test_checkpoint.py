"""A checkpoint on a real broker: what it wrote, in which order, and what it counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from telematics.core.params import RuleSet
from telematics.model import Alert
from telematics.settings import Settings
from telematics.stream import connection
from telematics.stream.checkpoint import Checkpoint, Outgoing, PartitionLostError, Position
from telematics.stream.deadletters import dead_letter
from telematics.stream.reader import open_reader
from telematics.wire.alerts import encode_alert
from telematics.wire.deadletters import DeadLetter, from_dead_letter, to_dead_letter
from telematics.wire.reasons import RejectReason, reject
from telematics.wire.records import Rejected
from tests.support.feed import judge
from tests.support.monitors import simulated_topics
from tests.support.records import Raw
from tests.support.worlds import PARTITIONS, fences, world

PARTITION = 1
# Some 160 KB: many times what the client puts into one batch.
MANY = 200


@asynccontextmanager
async def _checkpoint(settings: Settings) -> AsyncIterator[Checkpoint]:
    place = TopicPartition(settings.topics.pings, PARTITION)
    checkpoint = Checkpoint(settings.kafka, place, connection.Link(settings.kafka))
    try:
        yield checkpoint
    finally:
        await checkpoint.close()


def _records(
    settings: Settings, alerts: Sequence[Alert], refused: Sequence[Rejected] = ()
) -> Callable[[int], Mapping[TopicPartition, Sequence[Outgoing]]]:
    """What a checkpoint is asked to write."""

    def encode(most_bytes: int) -> Mapping[TopicPartition, Sequence[Outgoing]]:
        return {
            TopicPartition(settings.topics.alerts, PARTITION): [
                Outgoing(alert.raised_at, alert.vehicle_id.encode(), encode_alert(alert, most_bytes))
                for alert in alerts
            ],
            TopicPartition(settings.topics.deadletters, PARTITION): [
                dead_letter(letter, settings.topics.pings, PARTITION, most_bytes) for letter in refused
            ],
        }

    return encode


async def _open(checkpoint: Checkpoint) -> Position | None:
    """As the recovery does: the first group of a new broker waits for its coordinator."""
    for wait_s in connection.backoff_s():
        try:
            return await checkpoint.open()
        except KafkaError:
            await asyncio.sleep(wait_s)
    raise AssertionError


async def _written(settings: Settings, topic: str, count: int) -> list[tuple[object, ...]]:
    """All records of the partition that are committed: `count`, and behind them the marker of their transaction."""
    consumer = connection.plain_consumer(settings.kafka)
    await connection.started(consumer, settings.kafka)
    place = TopicPartition(topic, PARTITION)
    consumer.assign([place])
    try:
        end = (await consumer.end_offsets([place]))[place]
        assert end == (count + 1 if count else 0)
        records = [await consumer.getone(place) for _ in range(count)]
    finally:
        await connection.ended(consumer)
    return [(record.timestamp, record.key, record.value, list(record.headers)) for record in records]


def _alerts() -> Sequence[Alert]:
    some = judge(world(14).log, PARTITIONS, fences(), RuleSet())
    return [replace(some[n % len(some)], seq=n + 1) for n in range(MANY)]


async def test_a_checkpoint_larger_than_a_batch_is_written_once_and_in_order(bootstrap: str, topic_prefix: str) -> None:
    """Alerts and dead letters of many batches are each in one partition, in order, stamped and committed."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    alerts = _alerts()
    refused = [
        Rejected(Raw(offset, alerts[offset].raised_at, b"key", b"v" * size), reject(RejectReason.NOT_JSON, "rubbish"))
        for offset, size in enumerate([10, 900_000, 1])
    ]
    async with _checkpoint(settings) as checkpoint:
        assert await _open(checkpoint) is None
        await checkpoint.write(_records(settings, alerts, refused), None, Position(42))
        assert await checkpoint.open() == Position(42)

    assert await _written(settings, settings.topics.alerts, MANY) == [
        (alert.raised_at, alert.vehicle_id.encode(), encode_alert(alert), []) for alert in alerts
    ]
    assert await _written(settings, settings.topics.deadletters, len(refused)) == [
        (letter.record.timestamp, *to_dead_letter(letter.record, settings.topics.pings, PARTITION, letter.reject))
        for letter in refused
    ]


async def test_a_checkpoint_without_news_only_commits(bootstrap: str, topic_prefix: str) -> None:
    """With neither alerts nor dead letters nothing is written, and the offset moves on."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    async with _checkpoint(settings) as checkpoint:
        await _open(checkpoint)
        await checkpoint.write(_records(settings, []), None, Position(7))
        assert await checkpoint.open() == Position(7)
    assert await _written(settings, settings.topics.alerts, 0) == []
    assert await _written(settings, settings.topics.deadletters, 0) == []


class LostWordError(KafkaError):
    """What a client sees when the broker has done it and could not say so."""


@pytest.mark.parametrize("lost", ["begin_transaction", "send_offsets_to_transaction", "commit_transaction"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_word_that_is_lost_repeats_nothing(
    bootstrap: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch, lost: str, when: str
) -> None:
    """The connection breaks before or after each step of the transaction: tried again, every alert is there once."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    alerts = _alerts()[:5]
    doing, failures = getattr(AIOKafkaProducer, lost), [LostWordError("lost")]

    async def breaks(producer: AIOKafkaProducer, *of: Any) -> Any:
        if failures and when == "before":
            raise failures.pop()
        done = await doing(producer, *of)
        if failures:
            raise failures.pop()
        return done

    async with _checkpoint(settings) as checkpoint:
        await _open(checkpoint)
        await checkpoint.write(_records(settings, alerts[:2]), None, Position(10))
        monkeypatch.setattr(AIOKafkaProducer, lost, breaks)
        await checkpoint.write(_records(settings, alerts[2:]), 10, Position(20))
        assert not failures
        assert await checkpoint.open() == Position(20)
    assert await _read(settings) == [encode_alert(alert) for alert in alerts]


async def test_a_former_owner_can_write_no_more(bootstrap: str, topic_prefix: str) -> None:
    """A member that was asleep while another took its partition over and went on: nothing of what it held is written."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    alerts = _alerts()[:6]
    async with _checkpoint(settings) as sleeper, _checkpoint(settings) as heir:
        await _open(sleeper)
        await sleeper.write(_records(settings, alerts[:2]), None, Position(10))
        assert await heir.open() == Position(10)
        await heir.write(_records(settings, alerts[2:4]), 10, Position(20))
        with pytest.raises(PartitionLostError):
            await sleeper.write(_records(settings, alerts[2:5]), 10, Position(25))
        # And the heir, whom the sleeper's waking has fenced in turn, goes on where it was.
        await heir.write(_records(settings, alerts[4:]), 20, Position(30))
        assert await heir.open() == Position(30)
    assert await _read(settings) == [encode_alert(alert) for alert in alerts]


async def test_a_former_owner_is_not_heard_a_second_time(bootstrap: str, topic_prefix: str) -> None:
    """What was waiting behind the write that lost the partition is refused like it, whatever producer is there by then."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    alerts = _alerts()[:4]
    async with _checkpoint(settings) as sleeper, _checkpoint(settings) as heir:
        await _open(sleeper)
        await sleeper.write(_records(settings, alerts[:2]), None, Position(10))
        assert await heir.open() == Position(10)
        await heir.write(_records(settings, alerts[2:]), 10, Position(20))
        for late in (15, 16):
            with pytest.raises(PartitionLostError):
                await sleeper.write(_records(settings, alerts[2:]), 10, Position(late))
        assert await heir.open() == Position(20)
    assert await _read(settings) == [encode_alert(alert) for alert in alerts]


async def test_one_who_is_fenced_while_writing_goes_on(
    bootstrap: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody takes the partition over between two batches and writes nothing: all of them are there once."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    alerts = _alerts()
    sending: Any = AIOKafkaProducer.send_batch
    strangers: list[Position | None] = []
    async with _checkpoint(settings) as owner, _checkpoint(settings) as stranger:

        async def fenced(producer: AIOKafkaProducer, *of: Any, **where: Any) -> Any:
            if strangers:
                return await sending(producer, *of, **where)
            strangers.append(await stranger.open())
            sent = await sending(producer, *of, **where)
            await asyncio.wait({sent})
            return sent

        await _open(owner)
        monkeypatch.setattr(AIOKafkaProducer, "send_batch", fenced)
        await owner.write(_records(settings, alerts), None, Position(10))
        assert strangers == [None]
        assert await owner.open() == Position(10)
    assert await _read(settings) == [encode_alert(alert) for alert in alerts]


async def test_what_a_former_owner_had_begun_is_undone(
    bootstrap: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It died between sending and committing: its heir is told the offset before, and readers never see the rest."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    alerts = _alerts()[:4]
    stuck = asyncio.Event()

    async def never(_producer: AIOKafkaProducer) -> None:
        stuck.set()
        await asyncio.Event().wait()

    async with _checkpoint(settings) as dying, _checkpoint(settings) as heir:
        await _open(dying)
        with monkeypatch.context() as dies:
            dies.setattr(AIOKafkaProducer, "commit_transaction", never)
            writing = asyncio.create_task(dying.write(_records(settings, alerts[:2]), None, Position(10)))
            await asyncio.wait_for(stuck.wait(), 30)
            writing.cancel()
        assert await heir.open() is None
        await heir.write(_records(settings, alerts), None, Position(20))
    assert await _read(settings) == [encode_alert(alert) for alert in alerts]


async def _read(settings: Settings) -> list[bytes | None]:
    """The committed alerts of the partition."""
    async with open_reader(settings.kafka, settings.topics.alerts, [PARTITION]) as reader:
        return [record.value async for _, records in reader.until(await reader.ends()) for record in records]


async def test_a_broker_that_takes_only_small_records_gets_them_shortened(bootstrap: str, topic_prefix: str) -> None:
    """Alerts lose the largest of their evidence, dead letters the end of their value; none is lost, and none waits."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    limit = {"max.message.bytes": "20000"}
    client = connection.admin(settings.kafka)
    await connection.started(client, settings.kafka)
    try:
        for topic in (settings.topics.alerts, settings.topics.deadletters):
            await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=limit)])
    finally:
        await client.close()
    plain, other = _alerts()[:2]
    large = replace(plain, evidence={**plain.evidence, "novel": "x" * 300_000})
    refused = Rejected(Raw(0, plain.raised_at, b"key", b"v" * 900_000), reject(RejectReason.NOT_JSON, "rubbish"))
    async with _checkpoint(settings) as checkpoint:
        await _open(checkpoint)
        await checkpoint.write(_records(settings, [plain, large, other], [refused]), None, Position(4, "1"))
        assert await checkpoint.open() == Position(4, "1")
    assert await _read(settings) == [
        encode_alert(plain),
        encode_alert(replace(plain, evidence={**plain.evidence, "dropped": ["novel"]})),
        encode_alert(other),
    ]
    async with open_reader(settings.kafka, settings.topics.deadletters, [PARTITION]) as reader:
        (letter,) = [record async for _, records in reader.until(await reader.ends()) for record in records]
    read = from_dead_letter(letter)
    assert isinstance(read, DeadLetter)
    assert (read.truncated, read.size, read.key) == ("value", 900_000, b"key")
    assert len(read.value or b"") > 4_000
