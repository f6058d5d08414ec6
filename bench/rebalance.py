"""What the partitions that stay feel of others coming and going: a second monitor joins, leaves, joins again and is killed.

Meanwhile pings come at a steady rate to a live topic, a share of them with the panic button. A partition's pause is the
longest that one of these alerts took from the ping's append until a reader had it. What was with the killed one waits
until the group has missed it (`session_timeout_s`); that pause is told beside the other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import uvloop
from aiokafka import AIOKafkaProducer

from bench.child import answer, given
from bench.latency import GRAIN_S, Plan, introduce, paced, trucks
from bench.load import PARTITIONS, TRUCKS
from bench.monitor import bench_settings
from bench.process import LOOK_AGAIN_S, MonitorProcess
from simulators.encoding import encode_simulated
from telematics.model import DeviceEvent, Ping
from telematics.settings import Settings
from telematics.stream.alerts import read_alerts
from telematics.wire.partitioner import partition_of

STEADY_S = 3.0  # before the first event, and after each
MOST_S = 90.0  # so long each panic is of another vehicle
PANICS_PER_S = TRUCKS // round(MOST_S)
SETTLED_WITHIN_S = 60.0


class Told(NamedTuple):
    """An alert: its ping's append, ms since the epoch; the ping's partition; how long until a reader had it, ms."""

    at_ms: int
    partition: int
    took_ms: float


@dataclass(slots=True)
class Event:
    """Something that happened to the group, ms since the epoch, and which partitions stayed where they were."""

    name: str
    began_ms: float = 0.0
    ended_ms: float = 0.0
    stayed: frozenset[int] = frozenset()


def pauses(told: list[Told], events: list[Event]) -> dict[str, dict[str, float]]:
    """By event the longest wait, ms, for alerts of partitions that stayed and of those that moved."""
    found: dict[str, dict[str, float]] = {}
    for event in events:
        during = [each for each in told if event.began_ms <= each.at_ms < event.ended_ms]
        stayed = [each.took_ms for each in during if each.partition in event.stayed]
        moved = [each.took_ms for each in during if each.partition not in event.stayed]
        found[event.name] = {
            "stayed_ms": round(max(stayed, default=0.0)),
            "moved_ms": round(max(moved, default=0.0)),
        }
    return found


class Traffic:
    """Pings at a steady rate until it is stopped, and the alerts that come of them."""

    def __init__(self, settings: Settings, fleet: list[Ping], rate: int) -> None:
        self.told: list[Told] = []
        self._settings = settings
        self._fleet = fleet
        self._plan = Plan(rate, MOST_S, len(fleet), PANICS_PER_S)
        self._panics = 0
        self._stopping = False

    def stop(self) -> None:
        """Send no more."""
        self._stopping = True

    async def send(self) -> None:
        """Send each ping at its time."""
        async with AIOKafkaProducer(bootstrap_servers=self._settings.kafka.bootstrap, acks=1) as producer:
            for when_ms, ping in paced(self._fleet, self._plan, round(time.time() * 1000)):
                if self._stopping:
                    return
                ahead_s = when_ms / 1000 - time.time()
                if ahead_s > GRAIN_S:
                    await asyncio.sleep(ahead_s)
                self._panics += DeviceEvent.PANIC in ping.events
                topic = self._settings.topics.pings
                await producer.send(topic, encode_simulated(ping), ping.vehicle_id.encode())

    async def listen(self) -> None:
        """Take note of each panic alert, until all are there that can be."""
        async for alert in read_alerts(self._settings, from_offset=0):
            if alert.rule == "panic":
                took_ms = time.time() * 1000 - alert.raised_at
                partition = partition_of(alert.vehicle_id.encode(), PARTITIONS)
                self.told.append(Told(alert.raised_at, partition, took_ms))
            if self._stopping and len(self.told) >= self._panics:
                return


async def until(what: Callable[[], Awaitable[bool]]) -> None:
    """Raises TimeoutError when it does not come."""
    async with asyncio.timeout(SETTLED_WITHIN_S):
        while not await what():  # noqa: ASYNC110 - of another process
            await asyncio.sleep(LOOK_AGAIN_S)


async def come_and_go(first: MonitorProcess, settings: Settings, fences: str) -> list[Event]:
    """A second monitor joins and leaves, then joins and dies."""
    events: list[Event] = []

    async def has_all() -> bool:
        return len(await first.running()) == PARTITIONS

    async def happens(name: str, what: Awaitable[object], then: Callable[[], Awaitable[bool]]) -> None:
        before, event = await first.running(), Event(name, time.time() * 1000)
        await what
        await until(then)
        event.stayed = frozenset(before & await first.running())
        await asyncio.sleep(STEADY_S)
        event.ended_ms = time.time() * 1000
        events.append(event)

    await asyncio.sleep(STEADY_S)
    for end, name in ((MonitorProcess.end, "leave"), (MonitorProcess.kill, "kill")):
        second = MonitorProcess(settings, fences)

        async def shared(second: MonitorProcess = second) -> bool:
            return len(await first.running() | await second.running()) == PARTITIONS

        try:
            await happens("join" if name == "leave" else "join again", second.__aenter__(), shared)
            await happens(name, end(second), has_all)
        finally:
            await second.end()
    return events


async def rebalances(settings: Settings, load: Settings, fences: str, rate: int) -> dict[str, dict[str, float]]:
    """Pauses by event. Raises TimeoutError when the group does not settle or an alert does not come."""
    fleet = await trucks(load, TRUCKS)
    async with MonitorProcess(settings, fences) as first:
        await introduce(settings, fleet)
        traffic = Traffic(settings, fleet, rate)
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(traffic.send())
            listening = tasks.create_task(traffic.listen())
            events = await come_and_go(first, settings, fences)
            traffic.stop()
            async with asyncio.timeout(SETTLED_WITHIN_S):
                await asyncio.gather(sending, listening)
    return pauses(traffic.told, events)


def main(bootstrap: str, prefix: str, load: str, fences: str, rate: int) -> dict[str, Any]:
    """What the parent asks for; `prefix` is that of the live topics to use, `load` that of the load."""
    settings = bench_settings(bootstrap, prefix, f"{prefix}monitor")
    return uvloop.run(rebalances(settings, bench_settings(bootstrap, load, "none"), fences, rate))


if __name__ == "__main__":
    answer(**main(**given()))
