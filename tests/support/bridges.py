"""Bridges to test, what Traccar would forward to them, and what came of it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from aiokafka.admin import NewTopic
from aiokafka.errors import KafkaError

from telematics.instants import format_rfc3339
from telematics.metrics import Metrics
from telematics.model import Fix, Ping
from telematics.settings import Settings
from telematics.stream import connection, topics
from telematics.stream.bridge import Bridge
from telematics.stream.deadletters import list_letters
from telematics.stream.reader import Record, open_reader
from telematics.stream.source import Read
from telematics.wire.deadletters import DeadLetter
from telematics.wire.dialects.traccar import EVENTS, NUMBERS, decode_traccar
from telematics.wire.partitioner import partition_of
from telematics.wire.pings import decode_ping
from tests.support.monitors import eventually, settings_for

_DEADLINE_S = 60.0
_OWN = {"speed", "course", "altitude", "accuracy"}
_ALARMS = {event: alarm for alarm, event in reversed(EVENTS.items())}


class Forwarded(NamedTuple):
    """A record of the source: where it is written, and what."""

    partition: int
    at: int
    key: bytes | None
    value: bytes | None


def forwarded(ping: Ping, device: int = 1, **attributes: Any) -> bytes:
    """What Traccar forwards when a tracker reports this ping, as far as it has words for it; `device` is its own key."""
    position: dict[str, Any] = {
        "id": 0, "deviceId": device, "protocol": "teltonika", "serverTime": format_rfc3339(ping.ts + 1_000),
        "deviceTime": format_rfc3339(ping.ts), "fixTime": format_rfc3339(ping.ts), "outdated": False,
        "valid": ping.fix is not Fix.NONE, "latitude": ping.lat, "longitude": ping.lon, "altitude": 0.0, "speed": 0.0,
        "course": 0.0, "address": None, "accuracy": 0.0, "network": None, "geofenceIds": None,
    }  # fmt: skip
    attributes |= {
        "motion": True,
        "totalDistance": 5922.96,
        "ignition": ping.ignition,
        "archive": ping.buffered or None,
    }
    for theirs, ours, factor in NUMBERS:
        number = getattr(ping, ours)
        if number is not None:
            (position if theirs in _OWN else attributes)[theirs] = number / factor
    if alarms := [_ALARMS[event] for event in ping.events if event in _ALARMS]:
        attributes["alarm"] = ",".join(alarms)
    position["attributes"] = {name: value for name, value in attributes.items() if value is not None}
    about = {"id": device, "attributes": {}, "name": f"Truck {device}", "uniqueId": ping.vehicle_id, "status": "online"}
    return orjson.dumps({"position": position, "device": about})


def bridge_settings(bootstrap: str, prefix: str, **given: Any) -> Settings:
    """As `settings_for`, with a group of the bridge's."""
    settings = settings_for(bootstrap, prefix, **given)
    return settings.model_copy(update={"kafka": settings.kafka.model_copy(update={"group": f"{prefix}bridge"})})


async def create_source(settings: Settings, topic: str, partitions: int, **config: str) -> None:
    """Create the topic that is forwarded to."""
    client = connection.admin(settings.kafka)
    await client.start()
    try:
        # What is stamped in another year would be gone by age before it is read.
        kept = {"retention.ms": "-1"}
        await client.create_topics([NewTopic(topic, partitions, 1, topic_configs=kept | config)])
        await topics._until_led(client, settings.kafka, [topic])
    finally:
        await client.close()


async def forward(settings: Settings, topic: str, records: Iterable[Forwarded], at_once: int = 1_000) -> None:
    """Append records to the source, no more than so many unconfirmed."""
    producer = connection.producer(settings.kafka)
    await producer.start()
    try:
        sent: list[asyncio.Future[Any]] = []
        for record in records:
            sent.append(
                await producer.send(topic, record.value, record.key, partition=record.partition, timestamp_ms=record.at)
            )
            if len(sent) >= at_once:
                await asyncio.gather(*sent)
                sent.clear()
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of a bridge's work, all that a read_committed reader sees."""

    pings: dict[str, list[Ping]]
    """By vehicle, in the order of the log."""
    letters: list[DeadLetter]
    records: list[Record]
    """Those of the pings."""


async def outcome(settings: Settings) -> Outcome:
    """What is on the topics now. Raises AssertionError for a ping that the monitor would not read there."""
    found: dict[str, list[Ping]] = defaultdict(list)
    all_records = []
    async with open_reader(settings.kafka, settings.topics.pings) as reader:
        async for number, records in reader.until(await reader.ends()):
            for record in records:
                ping = decode_ping(record.value)
                assert isinstance(ping, Ping), ping
                assert record.key == ping.vehicle_id.encode()
                assert partition_of(record.key, len(reader.partitions)) == number
                found[ping.vehicle_id].append(ping)
            all_records += records
    return Outcome(dict(found), [stored.letter async for stored in list_letters(settings)], all_records)


async def until_bridged(settings: Settings, topic: str) -> None:
    """Until the group has committed everything that is on the source now."""
    async with open_reader(settings.kafka, topic) as reader:
        client = connection.admin(settings.kafka)
        await client.start()
        ends = await reader.ends()

        async def committed() -> bool:
            try:
                found = await client.list_consumer_group_offsets(settings.kafka.group)
            except KafkaError:  # the first group of a new broker waits for its coordinator
                return False
            offsets = {place.partition: held.offset for place, held in found.items() if place.topic == topic}
            return all(offsets.get(number, 0) >= end for number, end in ends.items())

        try:
            await eventually(committed, f"committed up to {ends}")
        finally:
            await client.close()


@dataclass(frozen=True, slots=True)
class Bridging:
    """A bridge in this process."""

    bridge: Bridge
    metrics: Metrics
    task: asyncio.Task[None]

    async def stop(self) -> None:
        """As SIGTERM would."""
        self.bridge.stop()
        await self.task

    def held(self) -> int:
        """Partitions in its hands. Raises what it died of."""
        if self.task.done():
            self.task.result()
        return sum(name.startswith("partition") for name in self.bridge.checks())

    def count(self, name: str, **labels: str) -> float:
        """A sample of its metrics; 0 where there is none."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def bridging(settings: Settings, topic: str, read: Read = decode_traccar) -> AsyncIterator[Bridging]:
    """A bridge in this process, stopped at the end."""
    connection.quiet_client_log()
    metrics = Metrics()
    bridge = Bridge(settings, topic, read, metrics)
    started = Bridging(bridge, metrics, asyncio.create_task(bridge.run()))
    try:
        yield started
    finally:
        await started.stop()


class BridgeProcess:
    """`telematics bridge traccar` in a process of its own, as users run it."""

    def __init__(self, settings: Settings, topic: str, log: Path) -> None:
        command = [sys.executable, "-m", "telematics", "bridge", "traccar", "--from", topic, "--json", "--port", "0"]
        own = {
            "TELEMATICS_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
            "TELEMATICS_KAFKA__SESSION_TIMEOUT_S": str(settings.kafka.session_timeout_s),
            "TELEMATICS_TOPICS__PREFIX": settings.topics.prefix,
        }
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [*command, "--group", settings.kafka.group], stderr=out, env=os.environ | own
            )

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()

    async def terminate(self) -> int:
        """Ask it to stop, as an operator would; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, _DEADLINE_S)
