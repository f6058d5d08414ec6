"""Monitors to test: in this process, or in one of their own that may be killed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from geofences.index import FenceIndex
from telematics.core.params import RuleSet
from telematics.http import Check
from telematics.metrics import Metrics
from telematics.model import Alert
from telematics.settings import Settings, load_settings
from telematics.stream import connection, topics
from telematics.stream.alerts import read_alerts
from telematics.stream.reader import TopicReader, open_reader
from telematics.stream.service import Monitor

# Long enough for a machine that does something else too; a test that meets it has failed.
_DEADLINE_S = 60.0
_LOOK_AGAIN_S = 0.05


async def eventually(condition: Callable[[], Awaitable[bool]], what: str, deadline_s: float = _DEADLINE_S) -> None:
    """Wait until a condition holds. Raises AssertionError saying what did not come."""
    try:
        async with asyncio.timeout(deadline_s):
            while not await condition():  # noqa: ASYNC110  (what is awaited is on the other side of a socket)
                await asyncio.sleep(_LOOK_AGAIN_S)
    except TimeoutError:
        raise AssertionError(f"not within {deadline_s:g} s: {what}") from None


def settings_for(bootstrap: str, prefix: str, **given: Any) -> Settings:
    """Settings of a test: topics and group of its own, a free port, members that are missed soon."""
    kafka = {"bootstrap": bootstrap, "group": f"{prefix}monitor", "session_timeout_s": 1.5}
    return load_settings(kafka=kafka, topics={"prefix": prefix}, http={"port": 0}, **given)


async def simulated_topics(bootstrap: str, prefix: str, partitions: int, **given: Any) -> Settings:
    """As `settings_for`, with the topics created in the sim profile."""
    settings = settings_for(bootstrap, prefix, **given)
    await topics.create(settings, topics.Profile.SIM, partitions)
    return settings


async def all_alerts(settings: Settings) -> list[Alert]:
    """What is on the alerts topic now."""
    return [alert async for alert in read_alerts(settings, follow=False)]


class Running:
    """A monitor in this process."""

    def __init__(self, settings: Settings, monitor: Monitor, metrics: Metrics, task: asyncio.Task[None]) -> None:
        self.settings = settings
        self.monitor = monitor
        self.metrics = metrics
        self.task = task

    def checks(self) -> Mapping[str, Check]:
        """What `/readyz` would say. Raises what the monitor died of."""
        if self.task.done():
            self.task.result()
        return self.monitor.checks()

    async def until_caught_up(self) -> None:
        """Until everything written so far is judged, confirmed and committed."""
        await until_committed(self.settings, lambda: bool(self.checks()))

    async def stop(self) -> None:
        """As SIGTERM would."""
        self.monitor.stop()
        await self.task

    def count(self, name: str, **labels: str) -> float:
        """A sample of its metrics; 0 where there is none."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def running(
    settings: Settings, fences: FenceIndex | None, rules: RuleSet | None = None
) -> AsyncIterator[Running]:
    """A monitor in this process, stopped at the end; without fences it follows the published sets."""
    connection.quiet_client_log()
    metrics = Metrics()
    monitor = Monitor(settings, fences, rules or RuleSet(), metrics)
    started = Running(settings, monitor, metrics, asyncio.create_task(monitor.run()))
    try:
        yield started
    finally:
        await started.stop()


class MonitorProcess:
    """`telematics monitor` in a process of its own, as users run it."""

    def __init__(self, settings: Settings, fences: Path | None, log: Path, **environment: str) -> None:
        given = [] if fences is None else ["--fences", str(fences)]
        command = [sys.executable, "-m", "telematics", "monitor", *given, "--json", "--port", "0"]
        own = {
            "TELEMATICS_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
            "TELEMATICS_KAFKA__GROUP": settings.kafka.group,
            "TELEMATICS_KAFKA__SESSION_TIMEOUT_S": str(settings.kafka.session_timeout_s),
            "TELEMATICS_TOPICS__PREFIX": settings.topics.prefix,
        }
        self.settings = settings
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(command, stderr=out, env=os.environ | own | environment)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()

    async def terminate(self) -> int:
        """Ask it to stop, as an operator would; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, _DEADLINE_S)

    def port(self) -> int | None:
        """Of metrics and health, once it listens."""
        found = re.search(r'"port": (\d+)', self.log.read_text())
        return int(found.group(1)) if found else None

    async def get(self, path: str) -> tuple[int, str]:
        """A page of it: status and text; (0, "") while nobody listens."""
        port = self.port()
        if port is None:
            return 0, ""
        return await asyncio.to_thread(_get, f"http://127.0.0.1:{port}{path}")

    async def until_caught_up(self) -> None:
        """Until it runs, and everything written so far is judged, confirmed and committed, by it or one before it."""

        def alive() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            return self.port() is not None

        await until_committed(self.settings, alive)


async def until_committed(settings: Settings, alive: Callable[[], bool], deadline_s: float = _DEADLINE_S) -> None:
    """Until the group has committed the whole log, by the broker's word and not the monitor's.

    `alive` is asked meanwhile: False is not yet, and it raises when there is nothing to wait for any more.
    """
    async with open_reader(settings.kafka, settings.topics.pings) as reader:
        client = connection.admin(settings.kafka)
        await client.start()
        ends = await reader.ends()

        async def committed() -> bool:
            if not alive():
                return False
            try:
                found = await client.list_consumer_group_offsets(settings.kafka.group)
            except KafkaError:  # the first group of a new broker waits for its coordinator
                return False
            offsets = {place.partition: held.offset for place, held in found.items()}
            return all(offsets.get(number, 0) >= end for number, end in ends.items())

        try:
            await eventually(committed, f"committed up to {ends}", deadline_s)
        finally:
            await client.close()
    await _until_readable(settings, deadline_s)


async def _until_readable(settings: Settings, deadline_s: float) -> None:
    """Until readers of committed records see what was committed.

    A broker says "committed" before it has told each partition, and a partition that it has not told looks shorter.
    """
    for topic in (settings.topics.alerts, settings.topics.deadletters, settings.topics.states):
        async with (
            open_reader(settings.kafka, topic) as reader,
            AIOKafkaConsumer(**connection.client_options(settings.kafka)) as everything,
        ):
            places = [TopicPartition(topic, number) for number in reader.partitions]

            async def told(reader: TopicReader = reader, everything: Any = everything, places: Any = places) -> bool:
                ends = await everything.end_offsets(places)
                return await reader.ends() == {place.partition: end for place, end in ends.items()}

            await eventually(told, f"all of {topic} is readable", deadline_s)


def _get(address: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def detail(checks: Mapping[str, Check]) -> str:
    """All checks, for a failing assertion."""
    return json.dumps({name: [check.ok, check.detail] for name, check in checks.items()})
