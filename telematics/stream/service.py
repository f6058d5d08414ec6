"""The monitor: pings in, alerts out, one engine a partition, for as long as it is asked to run.

How a ping becomes an alert, in order:

1. A partition is assigned: while it is paused its vehicles are taken up from their snapshots, after the trips have been
   read, and what came after those is judged again in silence (`recovery`, `ledger`).
2. A batch is fetched (`member`); if it is stale it is dropped and fetched again (`assignment`).
3. Its bytes are decoded and the engine judges it (`partition`).
4. When something is to be announced, or a second has passed, alerts, dead letters, snapshots and the offset are committed
   in one transaction (`checkpoint`).
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import structlog
from aiokafka import AIOKafkaConsumer

from geofences.index import FenceIndex
from telematics.core.params import RuleSet
from telematics.errors import BrokerError
from telematics.http import Check, HealthServer
from telematics.metrics import Metrics
from telematics.settings import Settings
from telematics.stream import connection, topics
from telematics.stream.member import Member
from telematics.stream.readiness import readiness
from telematics.stream.trips import TripFeed

log = structlog.get_logger(__name__)

T = TypeVar("T")

# Net allocations between two collections of each generation. Python's own (700, 10, 10) look again and again at
# state that cannot be garbage: measured over 150,000 pings of 10,000 vehicles, 2.4 s of 12 and pauses of 310 ms;
# with these 0.6 s and 50 ms. A collection of everything comes once in hours: what little lies in cycles can wait.
_COLLECT_AFTER = (10_000, 10, 1_000)


async def run(settings: Settings, fences: FenceIndex, rules: RuleSet, metrics: Metrics | None = None) -> None:
    """Run the monitor with metrics and health until SIGTERM or SIGINT.

    Raises UserError when the topics are not as they must be or the port is taken; BrokerError when Kafka refuses
    our sign-in. A Kafka that is not there yet is waited for, and so is a permission.
    """
    metrics = metrics or Metrics()
    connection.quiet_client_log()
    monitor = Monitor(settings, fences, rules, metrics)
    gc.freeze()  # code and fences stay as long as the process does
    gc.set_threshold(*_COLLECT_AFTER)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, monitor.stop)
    try:
        async with HealthServer(settings.http.host, settings.http.port, metrics.registry, monitor.checks) as server:
            log.info("listening", host=server.host, port=server.port)
            await monitor.run()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


class Monitor:
    """From waiting for Kafka to the last commit."""

    def __init__(self, settings: Settings, fences: FenceIndex, rules: RuleSet, metrics: Metrics) -> None:
        self._settings = settings
        self._fences = fences
        self._rules = rules
        self._metrics = metrics
        self._link = connection.Link(settings.kafka, settings.tick_interval_s)
        self._trips = TripFeed(settings, self._link)
        self._member: Member | None = None
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Fetch nothing more, make durable what is in hand, leave."""
        self._stopping.set()

    def checks(self) -> Mapping[str, Check]:
        """What `/readyz` lists."""
        return readiness(self._settings, self._link, self._trips, self._member.assignment if self._member else None)

    async def run(self) -> None:
        """Follow the group's assignments until `stop`. Raises what ended it otherwise."""
        profile = await self._patiently(lambda: topics.profile_of_ours(self._settings))
        consumer = await self._patiently(self._connect)
        if profile is None or consumer is None:
            return
        self._member = Member(
            self._settings,
            self._fences,
            self._rules,
            self._metrics,
            self._link,
            self._trips,
            consumer,
            self._stopping,
        )
        await self._member.work(profile)

    async def _connect(self) -> AIOKafkaConsumer:
        consumer = connection.group_consumer(self._settings)
        await connection.started(consumer, self._settings.kafka)
        return consumer

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T | None:
        """What the first attempt that reaches the broker gives; None when we were stopped before."""
        for wait_s in connection.backoff_s():
            if self._stopping.is_set():
                break
            try:
                result = await attempt()
            except BrokerError as error:
                await self._link.lost(error)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), wait_s)
            else:
                self._link.found()
                return result
        return None
