"""What a monitor keeps of its vehicles, and what becomes of it when something of that is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from telematics.core.params import RuleSet
from telematics.errors import UserError
from telematics.replay.dumpfile import DumpRecord
from telematics.settings import Settings
from telematics.stream import connection
from telematics.stream.checkpoint import Checkpoint, Outgoing, Position
from telematics.stream.deadletters import list_letters, retry_letters
from telematics.stream.ledger import Mark, Restart
from telematics.stream.reader import Record, open_reader
from telematics.stream.trips_topic import publish_trips
from tests.support import stories
from tests.support.feed import as_log, assert_alerts, encoded, judge, write
from tests.support.monitors import Running, all_alerts, eventually, running, simulated_topics
from tests.support.worlds import PARTITIONS, World, fences, world


async def _half_judged(bootstrap: str, prefix: str, scene: World) -> Settings:
    """Topics of which a monitor has judged the first half, and has left in an orderly way."""
    settings = await simulated_topics(bootstrap, prefix, PARTITIONS)
    await publish_trips(settings, scene.trips)
    await write(settings, scene.log[: len(scene.log) // 2])
    async with running(settings, fences()) as monitor:
        await monitor.until_caught_up()
    return settings


async def _rest_judged(settings: Settings, scene: World) -> Running:
    """Another monitor has judged the rest."""
    await write(settings, scene.log[len(scene.log) // 2 :])
    async with running(settings, fences()) as monitor:
        await monitor.until_caught_up()
    return monitor


async def _states(settings: Settings) -> dict[bytes, Record]:
    """The last record of each vehicle."""
    last: dict[bytes, Record] = {}
    async with open_reader(settings.kafka, settings.topics.states) as reader:
        async for _, records in reader.until(await reader.ends()):
            last.update({record.key or b"": record for record in records})
    return {key: record for key, record in last.items() if record.value is not None}


def _end(log: list[DumpRecord], partition: int) -> int:
    """The offset behind the last record that a log has of a partition."""
    return 1 + max(int(record.offset) for record in log if record.partition == partition)


@asynccontextmanager
async def _former_owner(settings: Settings, partition: int) -> AsyncIterator[tuple[Checkpoint, Position]]:
    """The checkpoint of a partition, as its owner has it, and what is committed."""
    place = TopicPartition(settings.topics.pings, partition)
    checkpoint = Checkpoint(settings.kafka, place, connection.Link(settings.kafka))
    try:
        committed = await checkpoint.open()
        assert committed is not None
        yield checkpoint, committed
    finally:
        await checkpoint.close()


async def _overwrite(settings: Settings, partition: int, states: list[Outgoing]) -> None:
    """Write these in place of the states, in a transaction as good as any."""
    place = TopicPartition(settings.topics.states, partition)
    async with _former_owner(settings, partition) as (checkpoint, committed):
        later = committed._replace(offset=committed.offset + 1)
        await checkpoint.write(lambda _: {place: states}, committed.offset, later)
        await checkpoint.write(lambda _: {}, later.offset, committed)


async def _cut(settings: Settings, offsets: Mapping[int, int]) -> None:
    """All pings before these offsets, by partition, are gone."""
    client = connection.admin(settings.kafka)
    await client.start()
    try:
        await client.delete_records(
            {TopicPartition(settings.topics.pings, number): RecordsToDelete(end) for number, end in offsets.items()}
        )
    finally:
        await client.close()


async def test_a_start_goes_on_from_the_snapshots(bootstrap: str, topic_prefix: str) -> None:
    """Nothing of the log before the snapshots is needed: without it, the alerts are those of a monitor that never left."""
    scene = world()
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS, snapshot_interval_s=0.01)
    await publish_trips(settings, scene.trips)
    half = len(scene.log) // 2
    async with running(settings, fences()) as monitor:
        for part in (scene.log[: half // 2], scene.log[half // 2 : half]):
            await write(settings, part)
            await monitor.until_caught_up()
    needed = {}
    for partition in range(PARTITIONS):
        async with _former_owner(settings, partition) as (_, committed):
            restart = Restart.read(committed.metadata)
            assert restart is not None
            assert committed.offset == _end(scene.log[:half], partition)
            assert restart.truncated_until == 0
            needed[partition] = restart.replay_from.offset
            # What changed with the last inputs may not have had its turn.
            assert needed[partition] >= _end(scene.log[: half // 2], partition)
    await _cut(settings, needed)
    monitor = await _rest_judged(settings, scene)
    assert_alerts(await all_alerts(settings), scene.expected)
    assert monitor.count("telematics_rebuild_truncated_total") == 0
    assert monitor.count("telematics_snapshots_total") > 0


async def test_without_snapshots_the_log_is_judged_again(bootstrap: str, topic_prefix: str) -> None:
    """The state topic was emptied, or never was: what was committed is found out anew from the log."""
    scene = world()
    settings = await _half_judged(bootstrap, topic_prefix, scene)
    for partition in range(PARTITIONS):
        ours = [key for key, record in (await _states(settings)).items() if record.partition == partition]
        await _overwrite(settings, partition, [Outgoing(None, key, None) for key in ours])
        async with _former_owner(settings, partition) as (checkpoint, committed):
            # As a tool leaves it that sets offsets: no metadata.
            await checkpoint.write(lambda _: {}, committed.offset, Position(committed.offset + 1))
            await checkpoint.write(lambda _: {}, committed.offset + 1, Position(committed.offset))
    assert not await _states(settings)
    await _rest_judged(settings, scene)
    assert_alerts(await all_alerts(settings), scene.expected)


async def test_a_snapshot_that_cannot_be_read_is_told_and_found_out_anew(bootstrap: str, topic_prefix: str) -> None:
    """It goes to the dead letters once, its vehicle is judged again from the log, and no alert is another."""
    scene = world()
    settings = await _half_judged(bootstrap, topic_prefix, scene)
    states = await _states(settings)
    assert len(states) > PARTITIONS
    for partition in range(PARTITIONS):
        ours = [key for key, record in states.items() if record.partition == partition]
        rubbish = [Outgoing(None, key, b'{"group":' if n % 2 else b"{}") for n, key in enumerate(ours)]
        await _overwrite(settings, partition, rubbish)
    await _rest_judged(settings, scene)
    assert_alerts(await all_alerts(settings), scene.expected)
    letters = [stored.letter async for stored in list_letters(settings)]
    assert {letter.key for letter in letters} == set(states)
    assert {letter.topic for letter in letters} == {settings.topics.states}
    assert len(letters) == len(states)
    (retried,) = await retry_letters(settings, [await anext(list_letters(settings))])
    assert retried.refused == "it is the state of a vehicle, which was found out anew from the pings"
    async with running(settings, fences()) as monitor:
        await monitor.until_caught_up()
    assert len([stored async for stored in list_letters(settings)]) == len(states), "told once"


async def test_states_of_a_later_version_are_not_touched(bootstrap: str, topic_prefix: str) -> None:
    """An older program ends, says which record is too new for it, and changes nothing."""
    scene = world(14)
    settings = await _half_judged(bootstrap, topic_prefix, scene)
    states = await _states(settings)
    key, record = next(iter(states.items()))
    newer = (record.value or b"").replace(b'"state":{"v":1,', b'"state":{"v":99,')
    assert newer != record.value
    await _overwrite(settings, record.partition, [Outgoing(None, key, newer)])
    with pytest.raises(UserError, match=rf"{topic_prefix}vehicle-state.*{key.decode()}.*version 99"):
        async with running(settings, fences()) as monitor:
            await asyncio.wait_for(asyncio.shield(monitor.task), 60)
    assert (await _states(settings))[key].value == newer


async def test_a_group_whose_offsets_were_forgotten_repeats_nothing(bootstrap: str, topic_prefix: str) -> None:
    """Kafka forgets the offsets of a group that was away for a week: the snapshots still know what was announced."""
    scene = world()
    settings = await _half_judged(bootstrap, topic_prefix, scene)
    for partition in range(PARTITIONS):
        async with _former_owner(settings, partition) as (checkpoint, committed):
            await checkpoint.write(lambda _: {}, committed.offset, Position(-1))
    await _rest_judged(settings, scene)
    assert_alerts(await all_alerts(settings), scene.expected)


async def test_a_log_made_anew_is_judged_from_its_beginning(bootstrap: str, topic_prefix: str) -> None:
    """The pings topic was deleted and created again: what is known of the former log is forgotten."""
    scene = world(14)
    settings = await _half_judged(bootstrap, topic_prefix, scene)
    before = len(await all_alerts(settings))
    for partition in range(PARTITIONS):
        async with _former_owner(settings, partition) as (checkpoint, committed):
            await checkpoint.write(
                lambda _: {}, committed.offset, Position(10**6, Restart(Mark(10**6, 0), truncated_until=0).text())
            )
    async with running(settings, fences()) as monitor:

        async def judged_again() -> bool:
            monitor.checks()
            return len(await all_alerts(settings)) >= 2 * before

        await eventually(judged_again, "all alerts once more")
    again = await all_alerts(settings)
    assert len(again) == 2 * before
    assert_alerts(again[before:], encoded(again[:before]))


async def test_a_vehicle_that_another_group_knows_is_found_out_anew(bootstrap: str, topic_prefix: str) -> None:
    """Two groups on one set of topics overwrite each other's states; neither takes the other's for its own."""
    log = as_log(stories.fleet(14), PARTITIONS)
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    other = settings.model_copy(update={"kafka": settings.kafka.model_copy(update={"group": f"{topic_prefix}other"})})
    await write(settings, log[: len(log) // 2])
    for each in (settings, other):
        async with running(each, fences()) as monitor:
            await monitor.until_caught_up()
    told = len(await all_alerts(settings))
    await write(settings, log[len(log) // 2 :])
    async with running(settings, fences()) as monitor:
        await monitor.until_caught_up()
    alerts = await all_alerts(settings)
    expected = encoded(judge(log, PARTITIONS, fences(), RuleSet()))
    assert {(alert.alert_id, alert.seq) for alert in alerts} == set(expected)
    assert len(alerts) == told + len(expected) - told // 2
