"""Whatever dies, and whenever: no alert is lost, and one that is repeated has the same bytes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

from telematics.settings import Settings
from telematics.stream.local.broker import LocalBroker
from telematics.stream.reader import open_reader
from telematics.stream.trips_topic import publish_trips
from tests.support import stories
from tests.support.feed import assert_alerts, write
from tests.support.monitors import MonitorProcess, all_alerts, eventually, running, simulated_topics
from tests.support.worlds import PARTITIONS, fences, world

KILLS = 10
DISTINCT = 200


async def test_kill_9_loses_no_alert(bootstrap: str, topic_prefix: str, tmp_path: Path) -> None:
    """Killed ten times at random points of a log of 200 alerts, the monitor misses none and changes none."""
    # Small batches: many checkpoints, and so many points to die between produced and committed.
    settings = await simulated_topics(bootstrap, topic_prefix, PARTITIONS)
    scene = world(140)
    assert len({alert_id for alert_id, _ in scene.expected}) >= DISTINCT
    await publish_trips(settings, scene.trips)
    fence_file = stories.write_fences(tmp_path)
    chance = random.Random(20_260_128)
    deaths = sorted(chance.sample(range(1, len(scene.expected)), KILLS))
    writer = asyncio.create_task(write(settings, scene.log))
    for number, alerts_at_death in enumerate(deaths):
        process = _start(settings, fence_file, tmp_path / f"{number}.log")
        try:
            await _until_written(settings, alerts_at_death, process)
        finally:
            process.kill()
    await writer
    process = _start(settings, fence_file, tmp_path / "last.log")
    try:
        await process.until_caught_up()
        assert await process.terminate() == 0
    finally:
        process.kill()
    assert_alerts(await all_alerts(settings), scene.expected)


def _start(settings: Settings, fence_file: Path, log: Path) -> MonitorProcess:
    return MonitorProcess(settings, fence_file, log, TELEMATICS_MAX_BATCH="25")


async def _until_written(settings: Settings, count: int, process: MonitorProcess) -> None:
    async with open_reader(settings.kafka, settings.topics.alerts) as reader:

        async def written() -> bool:
            assert process.process.poll() is None, process.log.read_text()
            return sum((await reader.ends()).values()) >= count

        await eventually(written, f"{count} alerts")


async def test_a_broker_that_dies_and_returns_costs_nothing(
    own_broker: Callable[[], LocalBroker], topic_prefix: str
) -> None:
    """While the broker is away the monitor says so once; when it is back, every alert comes, and none is changed."""
    broker = await asyncio.to_thread(own_broker)
    settings = await simulated_topics(broker.bootstrap, topic_prefix, PARTITIONS, max_batch=100)
    scene = world()
    await publish_trips(settings, scene.trips)
    half = len(scene.log) // 2
    async with running(settings, fences()) as monitor:
        await write(settings, scene.log[:half])

        async def busy() -> bool:
            monitor.checks()
            return monitor.count("telematics_pings_total", outcome="accepted") > 0

        await eventually(busy, "it is in the midst of its work")
        await asyncio.to_thread(broker.kill)

        async def lost() -> bool:
            return not monitor.checks()["broker"].ok

        await eventually(lost, "readiness says that the broker is lost")
        await asyncio.to_thread(broker.start)
        await write(settings, scene.log[half:])
        await monitor.until_caught_up()
    assert_alerts(await all_alerts(settings), scene.expected)


async def test_a_monitor_waits_for_its_broker(own_broker: Callable[[], LocalBroker], topic_prefix: str) -> None:
    """Started before Kafka answers, the monitor waits, not ready, and works once it does."""
    broker = await asyncio.to_thread(own_broker)
    settings = await simulated_topics(broker.bootstrap, topic_prefix, PARTITIONS)
    scene = world(14)
    await write(settings, scene.log)
    await asyncio.to_thread(broker.kill)
    async with running(settings, fences()) as monitor:

        async def lost() -> bool:
            return not monitor.checks()["broker"].ok

        await eventually(lost, "readiness says that there is no broker")
        await asyncio.to_thread(broker.start)
        await monitor.until_caught_up()
    assert_alerts(await all_alerts(settings), scene.expected)


async def test_a_stop_without_a_broker_keeps_its_deadline(
    own_broker: Callable[[], LocalBroker], topic_prefix: str
) -> None:
    """Asked to stop while the broker is away, the monitor ends; what it could not commit is judged again later."""
    broker = await asyncio.to_thread(own_broker)
    settings = await simulated_topics(broker.bootstrap, topic_prefix, PARTITIONS, max_batch=50, shutdown_deadline_s=2.0)
    scene = world(14)
    await write(settings, scene.log)
    async with running(settings, fences()) as monitor:

        async def busy() -> bool:
            monitor.checks()
            return monitor.count("telematics_pings_total", outcome="accepted") > 0

        await eventually(busy, "it is in the midst of its work")
        await asyncio.to_thread(broker.kill)
        async with asyncio.timeout(30):
            await monitor.stop()
    await asyncio.to_thread(broker.start)
    async with running(settings, fences()) as monitor:
        await monitor.until_caught_up()
    assert_alerts(await all_alerts(settings), scene.expected)
