"""A checkpoint on a real broker: what it wrote, in which order, and what it counted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from aiokafka import AIOKafkaConsumer, TopicPartition

from telematics.core.params import RuleSet
from telematics.metrics import Metrics
from telematics.model import Alert
from telematics.settings import Settings
from telematics.stream import connection
from telematics.stream.checkpoint import Checkpoint
from telematics.wire.alerts import encode_alert
from telematics.wire.deadletters import to_dead_letter
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
async def _checkpoint(settings: Settings, metrics: Metrics) -> AsyncIterator[tuple[Checkpoint, AIOKafkaConsumer]]:
    consumer = connection.group_consumer(settings)
    await connection.started(consumer, settings.kafka)
    consumer.assign([TopicPartition(settings.topics.pings, PARTITION)])
    link = connection.Link(settings.kafka.bootstrap)
    checkpoint = Checkpoint(settings, consumer, PARTITION, link, metrics)
    try:
        yield checkpoint, consumer
    finally:
        await checkpoint.close()
        await connection.ended(consumer)


async def _written(settings: Settings, topic: str, count: int) -> list[tuple[object, ...]]:
    """The first `count` records of the partition, and any that came with them."""
    consumer = connection.plain_consumer(settings.kafka)
    await connection.started(consumer, settings.kafka)
    place = TopicPartition(topic, PARTITION)
    consumer.assign([place])
    try:
        end = (await consumer.end_offsets([place]))[place]
        assert end == count
        records = [await consumer.getone(place) for _ in range(count)]
    finally:
        await connection.ended(consumer)
    return [(record.timestamp, record.key, record.value, list(record.headers)) for record in records]


def _alerts() -> Sequence[Alert]:
    some = judge(world(14).log, PARTITIONS, fences(), RuleSet())
    return [replace(some[n % len(some)], seq=n + 1) for n in range(MANY)]


async def test_a_checkpoint_larger_than_a_batch_is_written_once_and_in_order(bootstrap: str, topic_prefix: str) -> None:
    """Alerts and dead letters of many batches are each in one partition, in order, stamped, counted and committed."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    alerts, metrics = _alerts(), Metrics()
    refused = [
        Rejected(Raw(offset, alerts[offset].raised_at, b"key", b"v" * size), reject(RejectReason.NOT_JSON, "rubbish"))
        for offset, size in enumerate([10, 900_000, 1])
    ]
    async with _checkpoint(settings, metrics) as (checkpoint, consumer):
        await checkpoint.write(alerts, refused, 42)
        assert await consumer.committed(TopicPartition(settings.topics.pings, PARTITION)) == 42

    assert await _written(settings, settings.topics.alerts, MANY) == [
        (alert.raised_at, alert.vehicle_id.encode(), encode_alert(alert), []) for alert in alerts
    ]
    assert await _written(settings, settings.topics.deadletters, len(refused)) == [
        (letter.record.timestamp, *to_dead_letter(letter.record, settings.topics.pings, PARTITION, letter.reject))
        for letter in refused
    ]
    counted = {
        (sample.labels["rule"], sample.labels["severity"], sample.labels["event"]): sample.value
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "telematics_alerts_total"
    }
    kinds = [(alert.rule, str(int(alert.severity)), alert.event.value) for alert in alerts]
    assert counted == {kind: kinds.count(kind) for kind in kinds}
    assert metrics.registry.get_sample_value("telematics_dead_letters_total", {"reason": "not_json"}) == len(refused)


async def test_a_checkpoint_without_news_only_commits(bootstrap: str, topic_prefix: str) -> None:
    """With neither alerts nor dead letters nothing is written, and the offset moves on."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    async with _checkpoint(settings, Metrics()) as (checkpoint, consumer):
        await checkpoint.write([], [], 7)
        assert await consumer.committed(TopicPartition(settings.topics.pings, PARTITION)) == 7
    assert await _written(settings, settings.topics.alerts, 0) == []
    assert await _written(settings, settings.topics.deadletters, 0) == []
