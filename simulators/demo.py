"""The demo: a local Kafka, a fleet at twenty times real time, the monitor, and its alerts as they come.

Everything but the broker runs in this one process, so that nothing can be left behind: the broker has a keeper that
ends it, its port and its folder as soon as this process is gone, however it went.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from rich.console import Console

from geofences.formats.geojson import load_geojson
from geofences.index import FenceIndex
from simulators.emit.kafka import Kafka
from simulators.emit.pace import Pace
from simulators.fleet import FleetPlan, records
from simulators.geography import FENCES
from simulators.merge import Kind
from simulators.scenarios.h01 import H01
from simulators.scorecard import Finding, judge
from telematics.core.params import RuleSet
from telematics.http import HealthServer
from telematics.logs import configure_logging
from telematics.metrics import Metrics
from telematics.model import ANNOUNCED_FROM, Alert, AlertEvent
from telematics.settings import load_settings
from telematics.stream import topics
from telematics.stream.alerts import read_alerts
from telematics.stream.local.broker import LocalBroker
from telematics.stream.service import Monitor
from telematics.texts import SEVERITIES, Language, render

if TYPE_CHECKING:
    from telematics.settings import Settings

SPEED = 20.0
PARTITIONS = 4
VEHICLES = 60
ORPHAN_LOOK_S = 0.5
SETTLES_S = 20.0
"""Given to the monitor, after the last ping, to judge what is on its way."""
STYLES = {5: "bold white on red", 4: "bold red", 3: "yellow", 2: "dim", 1: "dim"}

# H01 as the rules of this version can see it: cadence 10 s, standing in a no-stop fence of a corridor of risk >= 4 from
# 0:40, `jamming` in two pings from 2:00, then silence until 25:00. The dead zone begins a minute after the start.
PLAN = FleetPlan(
    vehicles=VEHICLES,
    seed=57,
    duration_ms=None,
    hijacks=1,
    dead_zones=1,
    hijack=H01(begins_after_s=90.0, brake_s=40.0, jam_s=120.0, dark_until_s=1500.0),
    hijack_cadence_s=10,
    crossing_after_s=60.0,
    partitions=PARTITIONS,
)


@dataclass(slots=True)
class Seen:
    """What has happened so far."""

    pings: int = 0
    clock_ms: int = PLAN.start_ms
    alerts: list[Alert] = field(default_factory=list)
    truths: list[bytes] = field(default_factory=list)


def demo(seconds: float | None, bootstrap: str | None) -> int:
    """Play the demo; the exit code: 0 when all that was due was raised in time, 1 when not.

    `seconds`: end after so many from the first ping, and judge; None: until Ctrl-C, unjudged. `bootstrap`: a Kafka that
    is there, None for a local one. Raises BrokerError.
    """
    console = Console(highlight=False, soft_wrap=True)
    if bootstrap is not None:
        return asyncio.run(_show(console, seconds, bootstrap))
    console.print("starting a local Kafka …", style="dim")
    with LocalBroker.temporary() as broker:
        return asyncio.run(_show(console, seconds, broker.bootstrap))


async def _show(console: Console, seconds: float | None, bootstrap: str) -> int:
    settings = load_settings(
        kafka={"bootstrap": bootstrap, "group": f"demo-{os.getpid()}"},
        topics={"prefix": f"demo-{os.getpid()}.sim.telematics."},
        http={"host": "127.0.0.1", "port": 0},
        log={"level": "warning"},
    )
    configure_logging(settings.log)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    await topics.create(settings, topics.Profile.SIM, PARTITIONS)
    orphaned = asyncio.create_task(_stop_without_parent(os.getppid(), stopping))
    try:
        return await _play(console, settings, seconds, stopping)
    finally:
        orphaned.cancel()
        await topics.delete(settings)


async def _stop_without_parent(parent: int, stopping: asyncio.Event) -> None:
    """Whoever started us (make, a shell) may be killed and cannot say so: nobody would see the alerts any more."""
    while os.getppid() == parent:  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(ORPHAN_LOOK_S)
    stopping.set()


async def _play(console: Console, settings: Settings, seconds: float | None, stopping: asyncio.Event) -> int:
    seen = Seen()
    metrics = Metrics()
    monitor = Monitor(settings, FenceIndex(load_geojson(FENCES)), RuleSet(), metrics)
    async with (
        HealthServer(settings.http.host, settings.http.port, metrics.registry, monitor.checks) as health,
        asyncio.TaskGroup() as tasks,
    ):
        console.print(
            f"{VEHICLES} trucks on an illustrative map of Mexico, {SPEED:g} times real time; one will be hijacked, one "
            f"crosses a dead zone.\nKafka {settings.kafka.bootstrap} · metrics http://{health.host}:{health.port}/metrics"
            f" · alerts of severity 3 and above; Ctrl-C ends",
            style="dim",
        )
        judging = tasks.create_task(monitor.run())
        watching = tasks.create_task(_watch(console, settings, seen))
        await _simulate(settings, seen, seconds, stopping)
        if seconds is not None and not stopping.is_set():
            await _settle(metrics, seen)
        monitor.stop()
        await judging
        watching.cancel()
    return _report(console, seen, judged=seconds is not None and not stopping.is_set())


async def _simulate(settings: Settings, seen: Seen, seconds: float | None, stopping: asyncio.Event) -> None:
    """Send the fleet's records in step with the clock until the time is over or somebody stops it."""
    async with Kafka(settings.kafka.bootstrap, settings.topics.prefix) as kafka:
        pace = Pace(PLAN.start_ms, SPEED)
        first_s: float | None = None
        for record in records(PLAN):
            await pace.until(record.arrival)
            if stopping.is_set() or (first_s is not None and seconds is not None and monotonic() - first_s >= seconds):
                break
            await kafka.write(record)
            seen.clock_ms = record.arrival
            if record.kind is Kind.TRUTH:
                seen.truths.append(record.value)
            elif record.kind is Kind.PING:
                seen.pings += 1
                first_s = monotonic() if first_s is None else first_s
        await kafka.flush()


async def _watch(console: Console, settings: Settings, seen: Seen) -> None:
    async for alert in read_alerts(settings, from_offset=0):
        seen.alerts.append(alert)
        if alert.severity >= ANNOUNCED_FROM:
            console.print(_line(alert), style="dim" if alert.event is AlertEvent.CLEARED else STYLES[alert.severity])


def _line(alert: Alert) -> str:
    minutes, second = divmod((alert.raised_at - PLAN.start_ms) // 1000, 60)
    return f"{minutes:>3}:{second:02d}  {SEVERITIES[Language.EN][alert.severity]:<9} {render(alert, Language.EN)}"


async def _settle(metrics: Metrics, seen: Seen) -> None:
    """Wait until the monitor has judged every ping sent: each partition's clock tells, for ticks go to all of them."""
    deadline_s = monotonic() + SETTLES_S
    tick_s = 5.0
    while monotonic() < deadline_s:
        clocks = [
            sample.value
            for metric in metrics.registry.collect()
            if metric.name == "telematics_partition_clock_seconds"
            for sample in metric.samples
        ]
        if len(clocks) == PARTITIONS and min(clocks) >= seen.clock_ms / 1000 - tick_s:
            break
        await asyncio.sleep(0.1)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2):  # what was just written is still on its way back to us
            known = -1
            while known != len(seen.alerts):
                known = len(seen.alerts)
                await asyncio.sleep(0.5)


def _report(console: Console, seen: Seen, *, judged: bool) -> int:
    simulated_s = (seen.clock_ms - PLAN.start_ms) // 1000
    announced = sum(1 for alert in seen.alerts if alert.severity >= ANNOUNCED_FROM)
    console.print(
        f"\n{seen.pings} pings in {simulated_s // 60}:{simulated_s % 60:02d} simulated, "
        f"{len(seen.alerts)} alert events, {announced} of them announced",
        style="dim",
    )
    findings = judge(seen.truths, seen.alerts, until=None if judged else seen.clock_ms)
    for finding in findings:
        console.print(f"{'ok  ' if finding.ok else 'FAIL'} {finding.text}", style="green" if finding.ok else "bold red")
    if not judged:
        return 0
    wanted = {b'"H01"', b'"C03"'}
    told = {scenario for scenario in wanted if any(scenario in truth for truth in seen.truths)}
    if told != wanted:
        console.print("FAIL too short to see the hijack and the dead zone; try --seconds 60", style="bold red")
        findings.append(Finding(ok=False, text="too short"))
    return 0 if all(finding.ok for finding in findings) else 1
