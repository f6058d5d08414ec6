"""The monitor: pings in, alerts out, one engine a partition, for as long as it is asked to run.

How a ping becomes an alert, in order:

1. A partition is assigned: while it is paused its vehicles are taken up from their snapshots, after the trips have been
   read and there is a fence set, and what came after those is judged again in silence (`recovery`, `ledger`).
2. A batch is fetched (`member`); if it is stale it is dropped and fetched again (`assignment`).
3. Its bytes are decoded and the engine judges it (`partition`).
4. When something is to be announced, or a second has passed, alerts, dead letters, snapshots and the offset are committed
   in one transaction (`checkpoint`).
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Mapping

import structlog

from geofences.index import FenceIndex
from telematics.core.params import RuleSet
from telematics.http import Check
from telematics.metrics import Metrics
from telematics.settings import Settings
from telematics.stream import connection, topics
from telematics.stream.fences import FenceFeed
from telematics.stream.group import connect
from telematics.stream.member import Member
from telematics.stream.process import patiently, serve
from telematics.stream.readiness import readiness
from telematics.stream.trips import TripFeed

log = structlog.get_logger(__name__)

# Net allocations between two collections of each generation. Python's own (700, 10, 10) look again and again at
# state that cannot be garbage: measured over 150,000 pings of 10,000 vehicles, 2.4 s of 12 and pauses of 310 ms;
# with these 0.6 s and 50 ms. A collection of everything comes once in hours: what little lies in cycles can wait.
_COLLECT_AFTER = (10_000, 10, 1_000)


async def run(settings: Settings, fences: FenceIndex | None, rules: RuleSet, metrics: Metrics | None = None) -> None:
    """Run the monitor with metrics and health until SIGTERM or SIGINT; without fences it follows the published sets.

    Raises UserError when the topics are not as they must be or the port is taken; BrokerError when Kafka refuses
    our sign-in. A Kafka that is not there yet is waited for, and so is a permission.
    """
    metrics = metrics or Metrics()
    connection.quiet_client_log()
    monitor = Monitor(settings, fences, rules, metrics)
    gc.freeze()  # code and fences stay as long as the process does
    gc.set_threshold(*_COLLECT_AFTER)
    await serve(settings.http, metrics.registry, monitor)


class Monitor:
    """From waiting for Kafka to the last commit."""

    def __init__(self, settings: Settings, fences: FenceIndex | None, rules: RuleSet, metrics: Metrics) -> None:
        self._settings = settings
        self._fences = fences
        self._rules = rules
        self._metrics = metrics
        self._link = connection.Link(settings.kafka, settings.tick_interval_s)
        self._trips = TripFeed(settings, self._link)
        self._sets = FenceFeed(settings, self._link, metrics) if fences is None else None
        self._member: Member | None = None
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Fetch nothing more, make durable what is in hand, leave."""
        self._stopping.set()

    def checks(self) -> Mapping[str, Check]:
        """What `/readyz` lists."""
        assignment = self._member.assignment if self._member else None
        return readiness(self._settings, self._link, assignment, self._trips, self._sets)

    async def run(self) -> None:
        """Follow the group's assignments until `stop`. Raises what ended it otherwise."""
        sets = self._sets is not None
        ours = await patiently(lambda: topics.ours(self._settings, sets=sets), self._link, self._stopping)
        consumer = await patiently(lambda: connect(self._settings), self._link, self._stopping)
        if ours is None or consumer is None:
            return
        profile, findings = ours
        for finding in findings:
            log.warning("topic_unsuited", topic=finding.where, what=finding.what, right=finding.remedy)
        self._member = Member(
            self._settings,
            self._fences,
            self._rules,
            self._metrics,
            self._link,
            self._trips,
            self._sets,
            consumer,
            self._stopping,
        )
        await self._member.work(profile)
