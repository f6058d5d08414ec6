"""A log made in memory: judged directly by engines, or written to real Kafka record by record."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from geofences.index import FenceIndex
from telematics.core.engine import MonitorEngine
from telematics.core.params import RuleSet
from telematics.model import Alert, Trip
from telematics.replay.dumpfile import DumpRecord, Kind
from telematics.settings import Settings
from telematics.stream import connection
from telematics.wire.alerts import encode_alert
from telematics.wire.partitioner import partition_of
from telematics.wire.pings import encode_ping
from telematics.wire.records import decode_records
from telematics.wire.ticks import TICK_HEADERS, TICK_VALUE
from tests.support.stories import Arrived

TICK_MS = 5_000


def as_log(rows: Sequence[Arrived], partitions: int, tick_ms: int = TICK_MS) -> list[DumpRecord]:
    """Rows in order of arrival as records with their offsets, ticks of every partition between them, and after."""
    offsets = [0] * partitions
    records: list[DumpRecord] = []

    def append(partition: int, at: int, kind: Kind, key: bytes | None, value: bytes) -> None:
        records.append(DumpRecord(partition, offsets[partition], at, kind, key, value))
        offsets[partition] += 1

    def tick(at: int) -> None:
        for partition in range(partitions):
            append(partition, at, Kind.TICK, None, TICK_VALUE)

    next_tick = rows[0].at
    for row in rows:
        while next_tick <= row.at:
            tick(next_tick)
            next_tick += tick_ms
        key = row.ping.vehicle_id.encode()
        append(partition_of(key, partitions), row.at, Kind.PING, key, encode_ping(row.ping))
    # Whatever is still due comes within a quarter of an hour.
    for at in range(next_tick, next_tick + 900_000, tick_ms):
        tick(at)
    return records


def judge(
    log: Iterable[DumpRecord],
    partitions: int,
    fences: FenceIndex,
    rules: RuleSet,
    trips: Iterable[Trip] = (),
    later: Mapping[int, Sequence[tuple[FenceIndex, int]]] | None = None,
) -> list[Alert]:
    """What one engine a partition says to the whole log at once, without Kafka.

    `later` are, by partition, fence sets that replace the first one, each with when it counts from (arrival, ms).
    """
    by_partition: dict[int, list[DumpRecord]] = defaultdict(list)
    for record in log:
        by_partition[record.partition].append(record)
    known = list(trips)
    alerts: list[Alert] = []
    for number, records in sorted(by_partition.items()):
        engine = MonitorEngine(fences, rules)
        for trip in known:
            engine.put_trip(trip)
        for index, at in (later or {}).get(number, ()):
            engine.put_fences(index, at)
        alerts += engine.step(decode_records(records, number, partitions).batch).alerts
    return alerts


def encoded(alerts: Iterable[Alert]) -> dict[tuple[str, int], bytes]:
    """(alert id, number) → bytes. Raises AssertionError when one is there twice."""
    found: dict[tuple[str, int], bytes] = {}
    for alert in alerts:
        assert (alert.alert_id, alert.seq) not in found, f"number {alert.seq} of {alert.alert_id} is there twice"
        found[alert.alert_id, alert.seq] = encode_alert(alert)
    return found


def assert_alerts(alerts: Iterable[Alert], expected: Mapping[tuple[str, int], bytes]) -> None:
    """These and no others, byte for byte. Raises AssertionError with each difference, what was read beside what is right."""
    found = encoded(alerts)
    wrong = [key for key in sorted(found.keys() | expected.keys()) if found.get(key) != expected.get(key)]
    lines = [
        f"{key}:\n  read     {found.get(key, b'nothing').decode()}\n  expected {expected.get(key, b'nothing').decode()}"
        for key in wrong
    ]
    assert not wrong, "\n".join([f"{len(wrong)} alerts are not as expected", *lines])


async def write(settings: Settings, log: Iterable[DumpRecord]) -> None:
    """Append records to the pings topic, each to its own partition, stamped with its arrival."""
    producer = connection.producer(settings.kafka)
    await producer.start()
    try:
        sent = [
            await producer.send(
                settings.topics.pings,
                key=record.key,
                value=record.value,
                partition=record.partition,
                timestamp_ms=record.arrival,
                headers=TICK_HEADERS if record.kind is Kind.TICK else [],
            )
            for record in log
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()
