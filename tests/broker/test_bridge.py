"""The bridge on a real broker: every record of the source is a ping or a dead letter, once, whatever dies."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewPartitions

from telematics.core.params import RuleSet
from telematics.errors import UserError
from telematics.metrics import Metrics
from telematics.model import Ping
from telematics.settings import Settings
from telematics.stream import connection, topics
from telematics.stream.bridge import Bridge
from telematics.stream.deadletters import list_letters, retry_letters, show_letter
from telematics.stream.local.broker import LocalBroker
from telematics.stream.reader import open_reader
from telematics.stream.topics import Profile
from telematics.wire.dialects.traccar import decode_traccar
from telematics.wire.pings import decode_ping, encode_ping
from tests.support import stories
from tests.support.bridges import (
    BridgeProcess,
    Forwarded,
    bridge_settings,
    bridging,
    create_source,
    forward,
    forwarded,
    outcome,
    until_bridged,
)
from tests.support.feed import as_log, assert_alerts, encoded, judge, write
from tests.support.monitors import all_alerts, eventually, running, settings_for
from tests.support.worlds import PARTITIONS, fences

# More than the pings have, so that a dead letter cannot keep its number.
SOURCES = PARTITIONS + 2
VEHICLES = 40
AT = 1_769_613_720_000
BAD_EVERY = 37
KILLS = 6


async def _topics(bootstrap: str, prefix: str, sources: int = SOURCES, **given: Any) -> tuple[Settings, str]:
    settings = bridge_settings(bootstrap, prefix, **given)
    await topics.create(settings, Profile.SIM, PARTITIONS)
    source = f"{prefix}traccar"
    await create_source(settings, source, sources)
    return settings, source


def _load(count: int) -> list[Forwarded]:
    """Positions of many vehicles, each a second after its last, and among them some that are none."""
    records = []
    for number in range(count):
        device = number % VEHICLES
        at = AT + number // VEHICLES * 1_000
        value = forwarded(Ping(f"truck-{device}", at, 19.5, -99.25, speed_kmh=61.1), device)
        if number % BAD_EVERY == 0:
            value = value.replace(b'"latitude"', b'"breadth"')
        records.append(Forwarded(device % SOURCES, at, str(device).encode(), value))
    return records


async def _check(settings: Settings, source: str, load: list[Forwarded]) -> None:
    """Every record of the load is there once: as a ping, in its vehicle's order, or as the letter of its place."""
    came = await outcome(settings)
    for device in range(VEHICLES):
        good = [decode_traccar(record.value) for record in load if record.key == str(device).encode()]
        expected = [ping for ping in good if isinstance(ping, Ping)]
        assert came.pings[f"truck-{device}"] == expected
    offsets = dict.fromkeys(range(SOURCES), 0)
    bad = []
    for number, record in enumerate(load):
        if number % BAD_EVERY == 0:
            bad.append((source, record.partition, offsets[record.partition], record.value))
        offsets[record.partition] += 1
    letters = [(letter.topic, letter.partition, letter.offset, letter.value) for letter in came.letters]
    assert sorted(letters) == sorted(bad)
    assert {letter.reason for letter in came.letters} == {"missing_field"}


async def test_bridged_pings_are_judged_by_the_monitor(bootstrap: str, topic_prefix: str) -> None:
    """The alerts of a fleet behind Traccar are those of the same pings without it, and arrivals are the source's."""
    settings, source = await _topics(bootstrap, topic_prefix, sources=1)
    log = as_log(stories.fleet(28), PARTITIONS, 20_000)
    load: list[Forwarded] = []
    pings = [record for record in log if record.kind == "ping"]
    after = [record for record in log if record.kind == "tick" and record.arrival > pings[-1].arrival]
    through = []
    for record in pings:
        ping = decode_ping(record.value)
        assert isinstance(ping, Ping)
        value = forwarded(ping)
        load.append(Forwarded(0, record.arrival, b"1", value))
        seen = decode_traccar(value)
        assert isinstance(seen, Ping)
        through.append(replace(record, value=encode_ping(seen)))
    expected = encoded(judge([*through, *after], PARTITIONS, fences(), RuleSet()))
    await forward(settings, source, load)
    async with bridging(settings, source) as bridge:
        await until_bridged(settings, source)
        assert bridge.count("telematics_bridged_pings_total") == len(load)
    came = await outcome(settings)
    assert {(record.timestamp, record.value) for record in came.records} == {(it.arrival, it.value) for it in through}
    watching = settings_for(bootstrap, topic_prefix)
    await write(watching, after)
    async with running(watching, fences()) as monitor:
        await monitor.until_caught_up()
        assert monitor.count("telematics_dead_letters_total") == 0
    assert_alerts(await all_alerts(watching), expected)
    assert len(expected) > 10


async def test_kill_9_loses_and_repeats_nothing(bootstrap: str, topic_prefix: str, tmp_path: Path) -> None:
    """Killed six times in the midst of a load, bridges make of every record one ping or one dead letter, in order."""
    settings, source = await _topics(bootstrap, topic_prefix)
    load = _load(8_000)
    chance = random.Random(20_260_128)
    deaths = sorted(chance.sample(range(1, 7_000), KILLS))
    writer = asyncio.create_task(forward(settings, source, load, at_once=50))
    for number, pings_at_death in enumerate(deaths):
        process = BridgeProcess(settings, source, tmp_path / f"{number}.log")
        try:
            await _until_written(settings, pings_at_death, process)
        finally:
            process.kill()
    await writer
    async with bridging(settings, source):
        await until_bridged(settings, source)
    await _check(settings, source, load)


async def _until_written(settings: Settings, count: int, process: BridgeProcess) -> None:
    async with open_reader(settings.kafka, settings.topics.pings) as reader:

        async def written() -> bool:
            assert process.process.poll() is None, process.log.read_text()
            return sum((await reader.ends()).values()) >= count

        await eventually(written, f"{count} pings")


async def test_bridges_of_one_group_share_the_source(bootstrap: str, topic_prefix: str) -> None:
    """A second bridge joins under load and the first leaves later: nothing is lost, repeated or out of order."""
    settings, source = await _topics(bootstrap, topic_prefix)
    load = _load(9_000)
    third = len(load) // 3
    await forward(settings, source, load[:third])
    async with bridging(settings, source) as second:
        async with bridging(settings, source) as first:
            writing = asyncio.create_task(forward(settings, source, load[third : 2 * third], at_once=50))

            async def shared() -> bool:
                held = [first.held(), second.held()]
                return sum(held) == SOURCES and all(held)

            await eventually(shared, "both hold partitions")
            await writing
            writing = asyncio.create_task(forward(settings, source, load[2 * third :], at_once=50))
        await writing
        await until_bridged(settings, source)
    await _check(settings, source, load)


async def test_a_broker_that_dies_and_returns_costs_nothing(
    own_broker: Callable[[], LocalBroker], topic_prefix: str
) -> None:
    """While the broker is away the bridge says so, and can be stopped; in the end every record is there once, in order."""
    broker = await asyncio.to_thread(own_broker)
    settings, source = await _topics(broker.bootstrap, topic_prefix, shutdown_deadline_s=2.0)
    load = _load(6_000)
    half = len(load) // 2
    await forward(settings, source, load[:half])
    async with bridging(settings, source) as bridge:

        async def busy() -> bool:
            bridge.held()
            return bridge.count("telematics_bridged_pings_total") > 0

        await eventually(busy, "it is in the midst of its work")
        await asyncio.to_thread(broker.kill)

        async def lost() -> bool:
            return not bridge.bridge.checks()["broker"].ok

        await eventually(lost, "readiness says that the broker is lost")
        await asyncio.to_thread(broker.start)
        await until_bridged(settings, source)
        await asyncio.to_thread(broker.kill)
        await eventually(lost, "it is lost once more")
        async with asyncio.timeout(30):
            await bridge.stop()
    await asyncio.to_thread(broker.start)
    await forward(settings, source, load[half:])
    async with bridging(settings, source):
        await until_bridged(settings, source)
    await _check(settings, source, load)


async def test_sigterm_commits_what_is_in_hand(bootstrap: str, topic_prefix: str, tmp_path: Path) -> None:
    """Asked to stop under load, the process ends with exit code 0, and its successor repeats nothing."""
    settings, source = await _topics(bootstrap, topic_prefix)
    load = _load(6_000)
    writer = asyncio.create_task(forward(settings, source, load, at_once=20))
    process = BridgeProcess(settings, source, tmp_path / "bridge.log")
    try:
        await _until_written(settings, 300, process)
        assert await process.terminate() == 0, process.log.read_text()
    finally:
        process.kill()
    await writer
    async with bridging(settings, source):
        await until_bridged(settings, source)
    await _check(settings, source, load)


async def test_what_is_no_position_is_a_dead_letter_that_tells_its_place(bootstrap: str, topic_prefix: str) -> None:
    """Null, rubbish and five megabytes go to the dead letters, the last cut, and the position behind them is bridged."""
    settings = bridge_settings(bootstrap, topic_prefix)
    await topics.create(settings, Profile.SIM, PARTITIONS)
    source = f"{topic_prefix}traccar"
    await create_source(settings, source, SOURCES, **{"max.message.bytes": "6000000"})
    good = forwarded(Ping("truck-1", AT, 19.5, -99.25))
    values = [
        None,
        b"",
        b"\xff",
        b'{"event":{"type":"deviceOnline"},"device":{"uniqueId":"truck-1"}}',
        b" " * 5_000_000,
    ]
    last = SOURCES - 1
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap, max_request_size=6_000_000)
    await producer.start()
    for number, value in enumerate([*values, good]):
        await producer.send_and_wait(source, value, b"1", partition=last, timestamp_ms=AT + number)
    await producer.stop()
    async with bridging(settings, source) as bridge:
        await until_bridged(settings, source)
        assert bridge.count("telematics_dead_letters_total", reason="empty") == 2
        assert bridge.held() == SOURCES
        assert bridge.bridge.checks()[f"partition {last}"].detail == f"at offset {len(values) + 1}"
    came = await outcome(settings)
    assert list(came.pings) == ["truck-1"]
    assert [(letter.offset, letter.reason, letter.arrival) for letter in came.letters] == [
        (0, "empty", AT),
        (1, "empty", AT + 1),
        (2, "not_utf8", AT + 2),
        (3, "missing_field", AT + 3),
        (4, "too_large", AT + 4),
    ]
    assert {(letter.topic, letter.partition, letter.key) for letter in came.letters} == {(source, last, b"1")}
    assert [letter.value for letter in came.letters[:4]] == values[:4]
    assert (came.letters[4].truncated, came.letters[4].size) == ("value", 5_000_000)


async def test_a_retry_goes_back_to_the_source(bootstrap: str, topic_prefix: str) -> None:
    """A letter of the bridge is sent to the topic it came from, and bridged from there once its cause is gone."""
    settings, source = await _topics(bootstrap, topic_prefix)
    value = forwarded(Ping("truck-1", AT, 19.5, -99.25))
    await forward(settings, source, [Forwarded(4, AT, b"77", value)])
    async with bridging(settings, source, lambda value: decode_traccar(value, "plates")):
        await until_bridged(settings, source)
    (stored,) = [stored async for stored in list_letters(settings)]
    assert await show_letter(settings, stored.partition, stored.offset) == stored
    assert stored.letter.detail == "device.attributes.plates: missing; it names the vehicle"
    (result,) = await retry_letters(settings, [stored])
    assert result.refused is None
    async with bridging(settings, source):
        await until_bridged(settings, source)
    came = await outcome(settings)
    assert came.pings == {"truck-1": [decode_traccar(value)]}
    assert came.records[0].timestamp == AT


async def test_a_retry_to_a_topic_that_is_gone_is_refused(bootstrap: str, topic_prefix: str) -> None:
    """A letter whose topic does not exist any more is named, and nothing is sent anywhere."""
    settings, source = await _topics(bootstrap, topic_prefix)
    await forward(settings, source, [Forwarded(0, AT, b"77", b"rubbish")])
    async with bridging(settings, source):
        await until_bridged(settings, source)
    client = connection.admin(settings.kafka)
    await client.start()
    await client.delete_topics([source])
    await client.close()

    async def gone() -> bool:
        return not await topics.describe(settings.kafka, [source])

    await eventually(gone, "the topic is gone")
    letters = [stored async for stored in list_letters(settings)]
    (result,) = await retry_letters(settings, letters)
    assert result.refused is not None
    assert f"no topic {source}" in result.refused


async def test_a_source_that_grows_is_bridged_from_its_beginning(bootstrap: str, topic_prefix: str) -> None:
    """A partition that is added while the bridge runs is bridged too, from its first record on."""
    settings, source = await _topics(bootstrap, topic_prefix, sources=1)
    await forward(settings, source, [Forwarded(0, AT, b"1", forwarded(Ping("truck-1", AT, 19.5, -99.25)))])
    async with bridging(settings, source) as bridge:
        await until_bridged(settings, source)
        client = connection.admin(settings.kafka)
        await client.start()
        await client.create_partitions({source: NewPartitions(2)})
        await client.close()

        async def grown() -> bool:
            return (await topics.describe_one(settings.kafka, source)).partitions == 2

        await eventually(grown, "the source has grown")
        await forward(settings, source, [Forwarded(1, AT, b"2", forwarded(Ping("truck-2", AT, 19.5, -99.25)))])
        assert bridge.bridge._assignment is not None
        # The client looks by itself every ten seconds.
        await bridge.bridge._assignment._consumer._client.force_metadata_update()
        await until_bridged(settings, source)
    assert sorted((await outcome(settings)).pings) == ["truck-1", "truck-2"]


async def test_live_pings_are_stamped_by_their_broker(bootstrap: str, topic_prefix: str) -> None:
    """On a live topic the arrival of a ping is when the bridge wrote it, whatever Traccar's producer said."""
    settings = bridge_settings(bootstrap, topic_prefix)
    await topics.create(settings, Profile.LIVE, PARTITIONS)
    source = f"{topic_prefix}traccar"
    await create_source(settings, source, 1)
    await forward(settings, source, [Forwarded(0, AT, b"1", forwarded(Ping("truck-1", AT, 19.5, -99.25)))])
    async with bridging(settings, source):
        await until_bridged(settings, source)
    (record,) = (await outcome(settings)).records
    assert record.timestamp > AT


async def test_without_its_topics_it_says_what_to_do(bootstrap: str, topic_prefix: str) -> None:
    """A source that is missing, or is a topic of ours, and topics of ours that are missing, are named with a remedy."""
    settings = bridge_settings(bootstrap, topic_prefix)
    source = f"{topic_prefix}traccar"
    with pytest.raises(UserError, match=rf"no topic {source} on .*auto\.create\.topics\.enable"):
        await Bridge(settings, source, decode_traccar, Metrics()).run()
    await create_source(settings, source, 1)
    with pytest.raises(
        UserError, match=rf"{topic_prefix}pings, {topic_prefix}deadletters on .*telematics topics create"
    ):
        await Bridge(settings, source, decode_traccar, Metrics()).run()
    with pytest.raises(UserError, match=f"{topic_prefix}pings is a topic of ours"):
        Bridge(settings, settings.topics.pings, decode_traccar, Metrics())
