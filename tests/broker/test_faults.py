"""Whatever becomes of the broker, or of its topics: it is named, it is waited for, nothing is lost and nothing twice."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import psutil
import pytest
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from telematics.core.params import RuleSet
from telematics.errors import BrokerError
from telematics.model import Ping
from telematics.replay.dumpfile import DumpRecord, Kind
from telematics.settings import Settings
from telematics.stream import connection, partition, topics
from telematics.stream.local.broker import LocalBroker
from telematics.stream.reader import open_reader
from telematics.wire.alerts import encode_alert
from telematics.wire.partitioner import partition_of
from telematics.wire.pings import encode_ping
from tests.support import stories
from tests.support.feed import as_log, assert_alerts, encoded, judge, write
from tests.support.monitors import (
    MonitorProcess,
    Running,
    all_alerts,
    eventually,
    running,
    settings_for,
    simulated_topics,
)
from tests.support.worlds import PARTITIONS, fences, world

_START_MS = 1_700_000_000_000
# As long as a write may hang before it is given up (20 s) and tried again, twice.
_PATIENT_S = 120.0


async def _delete(settings: Settings, names: Iterable[str]) -> None:
    client = connection.admin(settings.kafka)
    await client.start()
    await client.delete_topics(list(names))
    await client.close()


async def _says(monitor: Running, *names: str) -> None:
    """Until readiness names them, as something that is wrong with what the broker has."""

    async def said() -> bool:
        check = monitor.checks()["broker"]
        return not check.ok and all(name in check.detail for name in names)

    await eventually(said, f"readiness names {names}", _PATIENT_S)


async def _is_ready(monitor: Running) -> None:
    async def ready() -> bool:
        return all(check.ok for check in monitor.checks().values())

    await eventually(ready, "it is ready", _PATIENT_S)


async def _signal_at_its_work(process: MonitorProcess, alerts: int) -> None:
    """SIGTERM once so many alerts are written, that is in the midst of it."""
    async with open_reader(process.settings.kafka, process.settings.topics.alerts) as reader:

        async def at_work() -> bool:
            assert process.process.poll() is None, process.log.read_text()
            return sum((await reader.ends()).values()) >= alerts

        await eventually(at_work, f"{alerts} alerts")


async def test_topics_that_are_gone_are_named_and_waited_for(bootstrap: str, topic_prefix: str) -> None:
    """All that is written to, and the trips, are deleted: named while they are gone, and every alert comes when they are back."""
    scene = world(14)
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    half = len(scene.log) // 2
    await write(settings, scene.log[:half])
    ours = settings.topics
    async with running(settings, fences()) as monitor:
        await monitor.until_caught_up()
        before = await all_alerts(settings)
        gone = [ours.alerts, ours.deadletters, ours.states, ours.trips]
        await _delete(settings, gone)
        await write(settings, scene.log[half:])
        await _says(monitor, *(f"topic {name} does not exist; create it again" for name in gone))
        assert sorted(await topics.create(settings, topics.Profile.SIM, PARTITIONS)) == sorted(gone)
        await monitor.until_caught_up()
        await _is_ready(monitor)
    after = await all_alerts(settings)
    assert before
    assert after
    assert_alerts([*before, *after], encoded(judge(scene.log, PARTITIONS, fences(), RuleSet())))


async def test_a_state_topic_that_takes_no_states_is_named_and_waited_for(bootstrap: str, topic_prefix: str) -> None:
    """No alert is announced whose vehicle could not be kept; what is in the way is said, and everything comes once it is gone."""
    scene = world(14)
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    name = settings.topics.states

    async def let_records_have(most_bytes: int) -> None:
        config = topics.wanted(settings.topics, topics.Profile.SIM)[name] | {"max.message.bytes": str(most_bytes)}
        client = connection.admin(settings.kafka)
        await client.start()
        await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs=config)])
        await client.close()

    await let_records_have(600)

    async def found() -> bool:
        return [finding.remedy for finding in await topics.check(settings)] == ["max.message.bytes=1048588"]

    await eventually(found, "topics check names it")
    await write(settings, scene.log)
    async with running(settings, fences()) as monitor:
        await _says(monitor, f"topic {name} takes no record as large as ours; let its max.message.bytes be 1 MiB")
        assert not await all_alerts(settings)
        await let_records_have(1024**2 + 12)
        await monitor.until_caught_up()
        await _is_ready(monitor)
    assert_alerts(await all_alerts(settings), encoded(judge(scene.log, PARTITIONS, fences(), RuleSet())))


async def test_pings_that_are_gone_are_named_and_waited_for(bootstrap: str, topic_prefix: str) -> None:
    """Without its input the monitor is not ready; made anew, the topic is judged from its beginning."""
    log = as_log(stories.fleet(14), PARTITIONS)
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    await write(settings, log)
    async with running(settings, fences()) as monitor:
        await monitor.until_caught_up()
        told = await all_alerts(settings)
        await _delete(settings, [settings.topics.pings])
        await _says(monitor, f"topic {settings.topics.pings} does not exist; create it again")
        await topics.create(settings, topics.Profile.SIM, PARTITIONS)

        async def again() -> bool:
            return [check.ok for name, check in monitor.checks().items() if name.startswith("partition")] == [
                True
            ] * PARTITIONS

        await eventually(again, "the new partitions are ours")
        await write(settings, log)
        await monitor.until_caught_up()
    everything = [encode_alert(alert) for alert in await all_alerts(settings)]
    assert_alerts(told, encoded(judge(log, PARTITIONS, fences(), RuleSet())))
    assert Counter(everything) == Counter(2 * [encode_alert(alert) for alert in told])


async def test_brokers_lost_one_after_the_other_cost_nothing(
    own_broker: Callable[..., LocalBroker], topic_prefix: str
) -> None:
    """In the midst of the work each node of three is killed in turn and comes back: every alert is there, once."""
    broker = await asyncio.to_thread(own_broker, nodes=3)
    settings = settings_for(broker.bootstrap, topic_prefix, max_batch=50)
    await topics.create(settings, topics.Profile.SIM, PARTITIONS, replication=3)
    scene = world(28)
    quarter = len(scene.log) // 4
    async with running(settings, fences()) as monitor:
        for node in (1, 2, 3):
            part = scene.log[(node - 1) * quarter : node * quarter]
            await write(settings, part[: quarter // 2])
            await asyncio.to_thread(broker.kill, node)
            await write(settings, part[quarter // 2 :])
            await monitor.until_caught_up()
            await asyncio.to_thread(broker.start, node)
        await write(settings, scene.log[3 * quarter :])
        await monitor.until_caught_up()
    assert_alerts(await all_alerts(settings), encoded(judge(scene.log, PARTITIONS, fences(), RuleSet())))


async def test_a_partition_without_a_leader_holds_up_no_other(
    own_broker: Callable[..., LocalBroker], topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One partition of the alerts cannot be written: the others are judged to their end, it no further than there is room."""
    monkeypatch.setattr(partition, "_MOST_BYTES", 10_000)
    broker = await asyncio.to_thread(own_broker, nodes=3)
    settings = settings_for(broker.bootstrap, topic_prefix, max_batch=50)
    client = connection.admin(settings.kafka)
    await client.start()
    # A copy each, on a node each.
    config = topics.wanted(settings.topics, topics.Profile.SIM)[settings.topics.alerts]
    copies = {number: [number + 1] for number in range(PARTITIONS)}
    await client.create_topics([NewTopic(settings.topics.alerts, -1, -1, copies, config)])
    await client.close()
    await topics.create(settings, topics.Profile.SIM, PARTITIONS, replication=3)
    scene = world(28)
    ends = {number: sum(record.partition == number for record in scene.log) for number in range(PARTITIONS)}
    async with running(settings, fences()) as monitor:
        await _is_ready(monitor)
        await asyncio.to_thread(broker.kill, 1)
        await write(settings, scene.log)
        assert monitor.monitor._member is not None
        held = monitor.monitor._member.assignment.held

        async def others_done() -> bool:
            monitor.checks()
            return [held[number].durable_offset for number in (1, 2) if number in held] == [ends[1], ends[2]]

        await eventually(others_done, "the others are durable to their end", _PATIENT_S)
        await _says(monitor, f"topic {settings.topics.alerts} has no leader for partition 0; start its brokers")
        assert held[0].is_full()
        assert held[0].durable_offset <= held[0].next_offset < ends[0]
        await asyncio.to_thread(broker.start, 1)
        await monitor.until_caught_up()
    assert_alerts(await all_alerts(settings), encoded(judge(scene.log, PARTITIONS, fences(), RuleSet())))


async def test_a_broker_that_hangs_costs_nothing(
    own_broker: Callable[..., LocalBroker], topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stops answering, for longer than requests wait, and goes on: readiness says so meanwhile, and no alert is lost."""
    monkeypatch.setattr(connection, "REQUEST_TIMEOUT_MS", 1_500)
    broker = await asyncio.to_thread(own_broker)
    settings = await simulated_topics(broker.bootstrap, topic_prefix, PARTITIONS, max_batch=25)
    scene = world(28)
    await write(settings, scene.log)
    (java,) = (psutil.Process(pid) for pid in broker.java_pids.values())
    async with running(settings, fences()) as monitor:
        for alerts in (1, len(scene.expected) // 2):

            async def at_work(alerts: int = alerts) -> bool:
                monitor.checks()
                try:
                    return len(await all_alerts(settings)) >= alerts
                except BrokerError:
                    return False  # for a moment the node is not back in its own cluster

            await eventually(at_work, f"{alerts} alerts")
            java.suspend()
            try:
                await _says(monitor, "no answer from")
            finally:
                java.resume()
        await monitor.until_caught_up()
        await _is_ready(monitor)
    assert_alerts(await all_alerts(settings), encoded(judge(scene.log, PARTITIONS, fences(), RuleSet())))


async def test_sigterm_under_full_load_leaves_nothing_behind(bootstrap: str, topic_prefix: str, tmp_path: Path) -> None:
    """Stopped in the midst of a long log with many alerts, it ends with exit code 0 and all of it committed or aborted."""
    scene = world(140)
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    await write(settings, scene.log)
    expected = encoded(judge(scene.log, PARTITIONS, fences(), RuleSet()))
    fence_file = stories.write_fences(tmp_path)
    for number, alerts in enumerate((1, len(expected) // 4)):
        # Small batches, so that the log is long enough to be stopped in the midst of it.
        process = MonitorProcess(settings, fence_file, tmp_path / f"{number}.log", TELEMATICS_MAX_BATCH="5")
        try:
            await _signal_at_its_work(process, alerts)
            assert await process.terminate() == 0
        finally:
            process.kill()
        log = process.log.read_text()
        assert '"event": "stopped"' in log
        assert "unsettled" not in log
        # None of its transactions is open: readers of committed records get to the end at once.
        assert len(await all_alerts(settings)) > 0
        assert number or len(await all_alerts(settings)) < len(expected), "it was in the midst of it"
    async with running(settings, fences()) as monitor:
        await monitor.until_caught_up()
    assert_alerts(await all_alerts(settings), expected)


async def test_sigterm_while_the_broker_hangs_keeps_the_deadline(
    own_broker: Callable[..., LocalBroker], topic_prefix: str, tmp_path: Path
) -> None:
    """Nothing can be committed, and it ends all the same; its successor judges again what was not."""
    broker = await asyncio.to_thread(own_broker)
    scene = world(28)
    settings = await simulated_topics(broker.bootstrap, topic_prefix, PARTITIONS)
    await write(settings, scene.log)
    (java,) = (psutil.Process(pid) for pid in broker.java_pids.values())
    environment = {"TELEMATICS_MAX_BATCH": "25", "TELEMATICS_SHUTDOWN_DEADLINE_S": "3"}
    process = MonitorProcess(settings, stories.write_fences(tmp_path), tmp_path / "log", **environment)
    try:
        await _signal_at_its_work(process, 1)
        java.suspend()
        process.process.send_signal(signal.SIGTERM)
        # Ten times the deadline: the machine may be busy, but it does not wait for the broker.
        assert await asyncio.to_thread(process.process.wait, 30) == 0
    finally:
        process.kill()
        java.resume()
    async with running(settings, fences()) as monitor:
        await monitor.until_caught_up()
    assert_alerts(await all_alerts(settings), encoded(judge(scene.log, PARTITIONS, fences(), RuleSet())))


def _driving(pings: int, vehicles: int = 100) -> list[DumpRecord]:
    """So many pings of vehicles on a road without fences, in the order of the log."""
    offsets = [0] * PARTITIONS
    log: list[DumpRecord] = []
    for number in range(pings):
        key = f"truck-{number % vehicles}".encode()
        home = partition_of(key, PARTITIONS)
        at = _START_MS + number * 10
        # Up and down a road, so that no place is too far from the one before.
        step = abs(number // vehicles % 2_000 - 1_000)
        ping = Ping(key.decode(), at, lat=10 + step * 1e-5, lon=float(number % vehicles), speed_kmh=40.0, satellites=9)
        log.append(DumpRecord(home, offsets[home], at, Kind.PING, key, encode_ping(ping)))
        offsets[home] += 1
    return log


async def _most_memory(settings: Settings, log: Sequence[DumpRecord], folder: Path) -> int:
    """Bytes in memory at most while a process of its own judges a log that waits."""
    for first in range(0, len(log), 20_000):
        await write(settings, log[first : first + 20_000])
    process = MonitorProcess(settings, stories.write_fences(folder), folder / f"{len(log)}.log")
    try:
        measured = psutil.Process(process.process.pid)
        most = 0
        caught_up = asyncio.ensure_future(process.until_caught_up())
        while not caught_up.done():
            most = max(most, measured.memory_info().rss)
            await asyncio.wait({caught_up}, timeout=0.05)
        caught_up.result()
        _, metrics = await process.get("/metrics")
        assert await process.terminate() == 0
    finally:
        process.kill()
    assert f'telematics_pings_total{{outcome="accepted"}} {float(len(log))}' in metrics
    return most


async def test_memory_does_not_grow_with_the_lag(bootstrap: str, topic_prefix: str, tmp_path: Path) -> None:
    """Ten times the log that waits, of the same vehicles, takes no more memory to judge than the log itself is large."""
    most = []
    for pings in (20_000, 200_000):
        settings = await simulated_topics(bootstrap, f"{topic_prefix}{pings}.", PARTITIONS)
        most.append(await _most_memory(settings, _driving(pings), tmp_path))
    assert most[1] < 1.25 * most[0], [f"{each / 1e6:.0f} MB" for each in most]
