"""Reading alerts, trips and dumps back from a real broker."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from typing import cast

from telematics.core.params import RuleSet
from telematics.model import Alert, Trip
from telematics.replay.dumpfile import DumpProfile, DumpRecord, Header, Kind, decode_header, decode_line
from telematics.settings import Settings
from telematics.stream import connection
from telematics.stream.alerts import read_alerts
from telematics.stream.dump import dump
from telematics.stream.trips_topic import publish_trips, show_trips
from telematics.wire.alerts import decode_alert, encode_alert
from tests.support import stories
from tests.support.feed import judge, write
from tests.support.monitors import simulated_topics
from tests.support.worlds import PARTITIONS, fences, world


async def _publish(settings: Settings, alerts: list[Alert]) -> None:
    producer = connection.producer(settings.kafka)
    await producer.start()
    for alert in alerts:
        await producer.send_and_wait(
            settings.topics.alerts, encode_alert(alert), alert.vehicle_id.encode(), timestamp_ms=alert.raised_at
        )
    await producer.stop()


def _some_alerts() -> list[Alert]:
    """As a reader has them: numbers as they are on the wire."""
    return [
        cast("Alert", decode_alert(encode_alert(alert)))
        for alert in judge(world(14).log, PARTITIONS, fences(), RuleSet())
    ]


async def test_alerts_are_read_from_a_time_an_offset_or_all(bootstrap: str, topic_prefix: str) -> None:
    """From a time: what was raised since; from an offset: of every partition; with neither: all there are."""
    settings = await simulated_topics(bootstrap, topic_prefix, 1)
    alerts = sorted(_some_alerts(), key=lambda alert: alert.raised_at)
    await _publish(settings, alerts)
    middle = alerts[len(alerts) // 2].raised_at

    async def read(**where: int) -> list[Alert]:
        return [alert async for alert in read_alerts(settings, follow=False, **where)]

    assert await read() == alerts
    assert await read(since=middle) == [alert for alert in alerts if alert.raised_at >= middle]
    assert await read(since=alerts[-1].raised_at + 1) == []
    assert await read(from_offset=3) == alerts[3:]
    assert await read(from_offset=10_000) == []


async def test_following_begins_with_what_comes(bootstrap: str, topic_prefix: str) -> None:
    """Following with no beginning given shows only what is published from then on, and rubbish is passed over."""
    settings = await simulated_topics(bootstrap, topic_prefix, 1)
    old, new, *_ = _some_alerts()
    await _publish(settings, [old])
    alerts = read_alerts(settings)
    first = asyncio.ensure_future(anext(alerts))
    async with asyncio.timeout(30):
        while not first.done():
            # Where "now" is nobody can see from outside: publish until it has been passed.
            producer = connection.producer(settings.kafka)
            await producer.start()
            await producer.send_and_wait(settings.topics.alerts, b"rubbish", b"x", timestamp_ms=new.raised_at)
            await producer.stop()
            await _publish(settings, [new])
            await asyncio.wait({first}, timeout=0.5)
    assert first.result() == new
    await alerts.aclose()  # type: ignore[attr-defined]


async def test_the_last_trip_of_a_vehicle_is_the_one_that_holds(bootstrap: str, topic_prefix: str) -> None:
    """A document replaces the one before as a whole; without `effective_at`, on a sim topic, it holds from the start."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    first, other, *_ = world(56).trips
    second = Trip(first.vehicle_id, effective_at=stories.START)
    assert await publish_trips(settings, [first, other, second]) == 3
    assert await show_trips(settings) == sorted(
        [second, replace(other, effective_at=0)], key=lambda trip: trip.vehicle_id
    )
    assert await show_trips(settings, first.vehicle_id) == [second]
    assert await show_trips(settings, "nobody") == []


async def test_a_dump_is_the_log_byte_for_byte(bootstrap: str, topic_prefix: str) -> None:
    """A dump holds every trip, ping and tick with partition, offset, arrival, key and bytes; rubbish too."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    scene = world(14)
    end = max(record.offset for record in scene.log if record.partition == 1) + 1
    rubbish = DumpRecord(1, end, scene.log[-1].arrival, Kind.PING, b"\xff\xfe", b"\x00not json")
    await publish_trips(settings, world(56).trips)
    await write(settings, [*scene.log, rubbish])
    seen: list[tuple[int, int]] = []
    out = io.BytesIO()
    counts = (await dump(settings, out, progress=lambda done, total: seen.append((done, total)))).written
    assert decode_header(out.getvalue().splitlines()[0]) == Header(PARTITIONS, DumpProfile.SIM)
    records = _records(out.getvalue())
    pings = [record for record in records if record.kind is not Kind.TRIP]
    assert sorted(pings, key=_place) == sorted([*scene.log, rubbish], key=_place)
    assert sum(counts.values()) == len(records)
    assert counts[Kind.TRIP] == len(world(56).trips)
    assert seen[-1] == (len(scene.log) + 1, len(scene.log) + 1)


async def test_a_dump_ends_where_it_is_told_to(bootstrap: str, topic_prefix: str) -> None:
    """With `until`, each partition ends before its first record that arrived later."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    scene = world(14)
    await write(settings, scene.log)
    until = scene.log[len(scene.log) // 2].arrival
    out = io.BytesIO()
    await dump(settings, out, until=until)
    expected = [record for record in scene.log if record.arrival <= until]
    assert sorted(_records(out.getvalue()), key=_place) == sorted(expected, key=_place)


def _records(dumped: bytes) -> list[DumpRecord]:
    records = [decode_line(line) for line in dumped.splitlines()[1:]]
    assert all(isinstance(record, DumpRecord) for record in records)
    return cast("list[DumpRecord]", records)


def _place(record: DumpRecord) -> tuple[int, int]:
    return record.partition, record.offset
