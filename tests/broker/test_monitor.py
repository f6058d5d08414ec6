"""The monitor on a real broker says what the engines say, through restarts and rebalances."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewPartitions, RecordsToDelete

from telematics.core.params import RuleSet
from telematics.errors import UserError
from telematics.metrics import Metrics
from telematics.model import Ping
from telematics.replay.dumpfile import DumpRecord, Kind
from telematics.stream import connection, topics
from telematics.stream.assignment import State
from telematics.stream.checkpoint import Checkpoint, Outgoing, Position
from telematics.stream.partition import Partition
from telematics.stream.reader import open_reader
from telematics.stream.service import Monitor
from telematics.stream.topics import Profile
from telematics.stream.trips_topic import publish_trips
from telematics.wire.partitioner import partition_of
from telematics.wire.pings import encode_ping
from tests.support import stories
from tests.support.feed import as_log, assert_alerts, encoded, judge, write
from tests.support.monitors import (
    MonitorProcess,
    all_alerts,
    detail,
    eventually,
    running,
    settings_for,
    simulated_topics,
)
from tests.support.worlds import PARTITIONS, fences, world


async def test_alerts_are_those_of_the_engines(bootstrap: str, topic_prefix: str) -> None:
    """Pings and trips through Kafka give exactly the alerts that engines give without it, each once, in order."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    scene = world()
    await publish_trips(settings, scene.trips)
    await write(settings, scene.log)
    async with running(settings, fences()) as monitor:
        await monitor.until_caught_up()
        pings = sum(
            monitor.count("telematics_pings_total", outcome=outcome)
            for outcome in ("accepted", "duplicate", "late", "late_ignored", "no_fix", "quarantined")
        )
    alerts = await all_alerts(settings)
    assert_alerts(alerts, scene.expected)
    assert len(alerts) == len(scene.expected)
    seen: dict[str, int] = {}
    for alert in alerts:
        assert alert.raised_at >= seen.get(alert.vehicle_id, 0)
        seen[alert.vehicle_id] = alert.raised_at
    assert pings == sum(record.kind == "ping" for record in scene.log)


async def test_a_restart_changes_no_alert(bootstrap: str, topic_prefix: str) -> None:
    """Stopped and started three times in the midst of episodes, it repeats no id with other bytes and misses none."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    scene = world()
    await publish_trips(settings, scene.trips)
    quarter = len(scene.log) // 4
    for number in range(4):
        part = scene.log[number * quarter :] if number == 3 else scene.log[number * quarter : (number + 1) * quarter]
        await write(settings, part)
        async with running(settings, fences()) as monitor:
            await monitor.until_caught_up()
    alerts = await all_alerts(settings)
    assert_alerts(alerts, scene.expected)
    assert len(alerts) == len(scene.expected), "an orderly stop repeats nothing"


async def test_two_members_share_the_partitions(bootstrap: str, topic_prefix: str) -> None:
    """A second member joins in the middle and the first leaves later: every alert is there, with its own bytes."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS, max_batch=50)
    scene = world()
    await publish_trips(settings, scene.trips)
    third = len(scene.log) // 3
    await write(settings, scene.log[:third])
    async with running(settings, fences()) as second:
        async with running(settings, fences()) as first:
            await write(settings, scene.log[third : 2 * third])

            async def shared() -> bool:
                held = [sum(name.startswith("partition") for name in m.checks()) for m in (first, second)]
                return sum(held) == PARTITIONS and all(held) and all(c.ok for c in first.checks().values())

            await eventually(shared, "both members hold partitions")
            await write(settings, scene.log[2 * third :])
        await second.until_caught_up()
    assert_alerts(await all_alerts(settings), scene.expected)


async def test_partitions_that_stay_keep_their_engine(bootstrap: str, topic_prefix: str) -> None:
    """A member joins and leaves: what the first one keeps meanwhile is not built again, and only what moves moves."""
    settings = await simulated_topics(bootstrap, topic_prefix, 4)
    log = as_log(stories.fleet(28), 4)
    await write(settings, log[: len(log) // 2])
    async with running(settings, fences()) as first:
        await first.until_caught_up()
        before = _engines(first.monitor)
        assert len(before) == 4
        async with running(settings, fences()) as second:

            async def shared() -> bool:
                held = [sum(name.startswith("partition") for name in m.checks()) for m in (first, second)]
                return held == [2, 2] and all(c.ok for m in (first, second) for c in m.checks().values())

            await eventually(shared, "each has two")
            during = _engines(first.monitor)
            assert {number: before[number] for number in during} == during
            await write(settings, log[len(log) // 2 :])
            await second.until_caught_up()

        async def back() -> bool:
            return len(_engines(first.monitor)) == 4 and all(check.ok for check in first.checks().values())

        await eventually(back, "the first has all again")
        after = _engines(first.monitor)
        assert {number: after[number] for number in during} == during
    assert_alerts(await all_alerts(settings), encoded(judge(log, 4, fences(), RuleSet())))


def _engines(monitor: Monitor) -> dict[int, object]:
    assert monitor._member is not None
    return {number: partition.engine for number, partition in monitor._member.assignment.held.items()}


async def test_a_short_window_marks_what_it_cannot_know(bootstrap: str, topic_prefix: str) -> None:
    """Without snapshots, an episode already true where the window begins is counted, and raises and clears nothing."""
    settings = await simulated_topics(bootstrap, topic_prefix, 1, rebuild_window_s=60.0)
    track = stories.Track("parked-in-the-yard", metres=-2_000)
    track.drive(120, 60).stand(600)
    before = as_log(track.rows, 1)[:-180]
    track.drive(300, 60)
    whole = as_log(track.rows, 1)
    await write(settings, before)
    async with running(settings, fences()) as monitor:
        await monitor.until_caught_up()
    said = {(alert.rule, alert.event.value) for alert in await all_alerts(settings)}
    assert said == {("geofence_enter", "raised"), ("geofence_dwell", "raised")}
    await write(settings, whole[len(before) :])
    place, states = TopicPartition(settings.topics.pings, 0), TopicPartition(settings.topics.states, 0)
    checkpoint = Checkpoint(settings.kafka, place, connection.Link(settings.kafka))
    committed = await checkpoint.open()
    assert committed is not None
    gone = [Outgoing(None, track.vehicle_id.encode(), None)]
    # As a tool leaves it that sets offsets: no metadata.
    await checkpoint.write(lambda _: {states: gone}, committed.offset, Position(committed.offset - 1))
    await checkpoint.write(lambda _: {}, committed.offset - 1, Position(committed.offset))
    await checkpoint.close()
    async with running(settings, fences()) as monitor:
        await monitor.until_caught_up()
        assert monitor.count("telematics_rebuild_truncated_total") >= 1
    later = {(alert.rule, alert.event.value) for alert in await all_alerts(settings)} - said
    assert not {step for step in later if step[0] in {"geofence_enter", "geofence_dwell"}}


async def test_readiness_tells_what_is_missing(bootstrap: str, topic_prefix: str) -> None:
    """Not ready before the group is joined and the partitions are rebuilt; ready, with the offset, after."""
    settings = await simulated_topics(bootstrap, topic_prefix, 1)
    await write(settings, as_log(stories.fleet(14), 1)[:200])
    async with running(settings, fences()) as monitor:
        assert not all(check.ok for check in monitor.checks().values()), detail(monitor.checks())
        await monitor.until_caught_up()
        assert monitor.checks()["partition 0"].detail == "at offset 200"
        assert set(monitor.checks()) == {"broker", "trips", "fences", "group", "partition 0"}
        assert monitor.checks()["fences"].detail.endswith("published sets are ignored")


async def test_a_trip_published_live_reaches_the_engine(bootstrap: str, topic_prefix: str) -> None:
    """A trip that is published while the monitor runs takes effect from its `effective_at` on."""
    settings = await simulated_topics(bootstrap, topic_prefix, 1)
    track = stories.Track("unscheduled_stop-0003", metres=28_000)
    track.drive(120, 60).stand(500).drive(180, 60)
    log = as_log(track.rows, 1)
    (planned,) = [trip for trip in stories.trips(56) if trip.vehicle_id == "unscheduled_stop-0017"]
    trip = type(planned)("unscheduled_stop-0003", effective_at=stories.START + 60_000, trip=planned.trip)
    async with running(settings, fences()) as monitor:
        await monitor.until_caught_up()
        await publish_trips(settings, [trip])
        await eventually(lambda: _knows(monitor.monitor, trip.vehicle_id), "the trip was read")
        await write(settings, log)
        await monitor.until_caught_up()
    assert_alerts(await all_alerts(settings), encoded(judge(log, 1, fences(), RuleSet(), [trip])))
    assert not [alert for alert in await all_alerts(settings) if alert.rule == "unscheduled_stop"]
    assert [alert for alert in judge(log, 1, fences(), RuleSet()) if alert.rule == "unscheduled_stop"]


async def _knows(monitor: Monitor, vehicle_id: str) -> bool:
    return vehicle_id in monitor._trips._known


async def test_live_partitions_are_ticked_by_their_owner(bootstrap: str, topic_prefix: str) -> None:
    """On a live topic the owner appends ticks that the broker stamps; they are no pings and move the clock on."""
    settings = settings_for(bootstrap, topic_prefix, tick_interval_s=0.2)
    await topics.create(settings, Profile.LIVE, 2)
    async with running(settings, fences()) as monitor:

        async def ticked() -> bool:
            monitor.checks()
            return monitor.count("telematics_ticks_total") >= 4

        await eventually(ticked, "ticks were judged")
        clock = monitor.count("telematics_partition_clock_seconds", partition="0")
    async with open_reader(settings.kafka, settings.topics.pings) as reader:
        stamps = [(n, r.timestamp) async for n, records in reader.until(await reader.ends()) for r in records]
    assert {number for number, _ in stamps} == {0, 1}
    assert clock * 1000 in {float(stamp) for number, stamp in stamps if number == 0}


async def test_simulated_partitions_are_never_ticked(bootstrap: str, topic_prefix: str) -> None:
    """On a sim topic whoever writes the pings writes the ticks: the monitor appends nothing."""
    settings = await simulated_topics(bootstrap, topic_prefix, 1, tick_interval_s=0.05)
    ping = encode_ping(Ping("truck-1", stories.START, 19.0, -99.0))
    log = [record for record in as_log(stories.fleet(1), 1) if record.kind == "ping"][:1]
    assert ping != log[0].value
    await write(settings, log)
    async with running(settings, fences()) as monitor:
        await monitor.until_caught_up()
        await asyncio.sleep(0.5)  # ten ticks' time, in which none may come
    async with open_reader(settings.kafka, settings.topics.pings) as reader:
        assert await reader.ends() == {0: 1}


async def test_without_topics_it_says_how_to_create_them(bootstrap: str, topic_prefix: str) -> None:
    """A monitor without its topics ends with an error that names them and the command."""
    settings = settings_for(bootstrap, topic_prefix)
    monitor = Monitor(settings, fences(), RuleSet(), Metrics())
    with pytest.raises(UserError, match=rf"{topic_prefix}pings.*telematics topics create"):
        await monitor.run()


async def test_sigterm_commits_what_is_in_hand(bootstrap: str, topic_prefix: str, tmp_path: Path) -> None:
    """The process ends with exit code 0 on SIGTERM, and its successor repeats nothing."""
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    scene = world()
    await publish_trips(settings, scene.trips)
    half = len(scene.log) // 2
    await write(settings, scene.log[:half])
    process = MonitorProcess(settings, stories.write_fences(tmp_path), tmp_path / "monitor.log")
    try:
        await process.until_caught_up()
        assert await process.terminate() == 0, process.log.read_text()
    finally:
        process.kill()
    await write(settings, scene.log[half:])
    async with running(settings, fences()) as monitor:
        await monitor.until_caught_up()
    alerts = await all_alerts(settings)
    assert_alerts(alerts, scene.expected)
    assert len(alerts) == len(scene.expected)


async def test_a_log_cut_below_the_committed_offset_is_judged_from_what_is_left(
    bootstrap: str, topic_prefix: str
) -> None:
    """When retention has overtaken a monitor that was away, it goes on at the beginning of what is still there."""
    settings = await simulated_topics(bootstrap, topic_prefix, 1)
    log = as_log(stories.fleet(14), 1)
    await write(settings, log[:200])
    async with running(settings, fences()) as monitor:
        await monitor.until_caught_up()
    await write(settings, log[200:])
    client = connection.admin(settings.kafka)
    await client.start()
    await client.delete_records({TopicPartition(settings.topics.pings, 0): RecordsToDelete(500)})
    await client.close()
    async with running(settings, fences()) as monitor:
        await monitor.until_caught_up()
        judged = sum(record.kind == "tick" for record in log[500:])
        assert monitor.count("telematics_ticks_total") == judged


async def test_partitions_that_are_added_are_gone_by_by_every_member(
    bootstrap: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The topics grow under three members, of which one leads the group: none refuses what is where it belongs now."""
    monkeypatch.setattr(connection, "_METADATA_MS", 500)
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    scene = world(14)
    await publish_trips(settings, scene.trips)
    await write(settings, scene.log)
    ours, grown = settings.topics, 2 * PARTITIONS + 1
    later = scene.log[-1].arrival + 60_000
    pings = [Ping(f"new-{n}", later + n, 19.0, -99.0, speed_kmh=50) for n in range(60)]
    keys = {ping.vehicle_id: ping.vehicle_id.encode() for ping in pings}
    # Each enters the yard; among them some of every partition, and some that would have been elsewhere before.
    assert {partition_of(key, grown) for key in keys.values()} == set(range(grown))
    async with (
        running(settings, fences()) as first,
        running(settings, fences()) as second,
        running(settings, fences()) as third,
    ):
        members = (first, second, third)
        await asyncio.gather(*(member.until_caught_up() for member in members))
        client = connection.admin(settings.kafka)
        await client.start()
        for name in (ours.alerts, ours.deadletters, ours.states, ours.pings):
            await client.create_partitions({name: NewPartitions(grown)})
        await client.close()

        async def taken_up() -> bool:
            held: list[Partition] = []
            for member in members:
                member.checks()
                assert member.monitor._member is not None
                held += member.monitor._member.assignment.held.values()
            return sorted(one.number for one in held) == list(range(grown)) and all(
                one.partitions == grown and one.state is State.RUNNING for one in held
            )

        await eventually(taken_up, "all go by the new number", 60)
        log = [
            DumpRecord(
                partition_of(keys[ping.vehicle_id], grown),
                0,
                ping.ts,
                Kind.PING,
                keys[ping.vehicle_id],
                encode_ping(ping),
            )
            for ping in pings
        ]
        await write(settings, log)
        await asyncio.gather(*(member.until_caught_up() for member in members))
        assert sum(member.count("telematics_dead_letters_total", reason="wrong_partition") for member in members) == 0
    alerts = await all_alerts(settings)
    assert_alerts([alert for alert in alerts if alert.vehicle_id not in keys], scene.expected)
    assert sorted(alert.vehicle_id for alert in alerts if alert.vehicle_id in keys) == sorted(keys)
