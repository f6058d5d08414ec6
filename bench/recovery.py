"""From the start of a monitor to all its partitions running, with what a day of snapshots has left on the state topic.

A day of 100,000 vehicles, one snapshot each a minute, is 144 million of them; a reader sees few of these. Compaction
leaves one of each vehicle, at most a tenth more that waits for the cleaner (`min.cleanable.dirty.ratio`), and the
segment that is being written, which it never touches: 16 MB a partition (`segment.bytes`), here one snapshot of each
vehicle; another such segment may be waiting for the cleaner, which looks every 15 s. So the most that a day can leave
is written: each vehicle's snapshot ROUNDS times.

Behind them is what a busy fleet leaves to be judged again: the pings of one interval of snapshots, in which each
vehicle's turn has come once. The vehicles are the simulator's trucks after a quarter of an hour, each as often as its
convoy has members.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from bench.child import answer, given
from bench.load import PARTITIONS, fleet, member
from bench.monitor import bench_settings
from bench.process import LOOK_AGAIN_S, MonitorProcess
from geofences.formats.geojson import load_geojson
from geofences.index import FenceIndex
from simulators.merge import Kind, Record
from telematics.core.engine import MonitorEngine
from telematics.core.params import RuleSet
from telematics.core.snapshot import Saved
from telematics.model import Trip
from telematics.settings import Settings
from telematics.stream import connection
from telematics.stream.ledger import Mark, Restart
from telematics.wire.partitioner import partition_of
from telematics.wire.records import decode_records
from telematics.wire.states import encode_state
from telematics.wire.ticks import TICK_INTERVAL_MS
from telematics.wire.trips import trip_of_record

CONVOY = 40
ROUNDS = 3
DRIVEN_S = 900
WINDOW_S = 60  # `snapshot_interval_s`
ROUNDS_A_DAY = 24 * 3600 // WINDOW_S
SLICE_S = TICK_INTERVAL_MS // 1000
_AT_ONCE = 5_000  # records of one partition
_OBSERVED_WITHIN_S = 30.0  # the monitor counts its vehicles every few seconds


class _Raw(NamedTuple):
    """What an engine's records have to have."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class Log:
    """Writes to partitions, in batches; knows where the next record of each goes to."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self.ends: defaultdict[TopicPartition, int] = defaultdict(int)
        self.sizes: defaultdict[str, int] = defaultdict(int)
        self._producer = producer
        self._waiting: defaultdict[TopicPartition, list[tuple[int, bytes, bytes]]] = defaultdict(list)

    async def append(self, place: TopicPartition, at: int, key: bytes, value: bytes) -> None:
        """One record more."""
        waiting = self._waiting[place]
        waiting.append((at, key, value))
        self.ends[place] += 1
        self.sizes[place.topic] += len(key) + len(value)
        if len(waiting) == _AT_ONCE:
            await self._flush(place)

    async def flush(self) -> None:
        """Until the broker has all of it."""
        for place in list(self._waiting):
            await self._flush(place)

    async def _flush(self, place: TopicPartition) -> None:
        batch, sent = self._producer.create_batch(), []
        for at, key, value in self._waiting.pop(place):
            if batch.append(timestamp=at, key=key, value=value) is None:
                sent.append(await self._producer.send_batch(batch, place.topic, partition=place.partition))
                batch = self._producer.create_batch()
                batch.append(timestamp=at, key=key, value=value)
        sent.append(await self._producer.send_batch(batch, place.topic, partition=place.partition))
        await asyncio.gather(*sent)


class Day:
    """What a day has left. `saved` snapshots of trucks took `saving_s` of CPU time, from the engine to bytes."""

    def __init__(self, settings: Settings, log: Log, fences: FenceIndex) -> None:
        self.saved = 0
        self.saving_s = 0.0
        self._group = settings.kafka.group
        self._topics = settings.topics
        self._log = log
        self._engine = MonitorEngine(fences, RuleSet())

    async def write(self, trucks: int) -> Mark:
        """All of it, of so many trucks and who drives behind them; where a monitor has to begin."""
        mark = Mark(0, 0)
        for at_s, records in zip(range(0, DRIVEN_S + WINDOW_S, SLICE_S), slices(trucks), strict=False):
            if at_s == DRIVEN_S:
                mark = Mark(0, self._engine.clock)
                for _ in range(1, ROUNDS):
                    await self._snapshots(range(trucks))
            self._judge(records)
            for record in records:
                if record.kind is Kind.TRIP or at_s >= DRIVEN_S:
                    await self._keep(record)
            if at_s >= DRIVEN_S:
                await self._snapshots(range((at_s - DRIVEN_S) // SLICE_S, trucks, WINDOW_S // SLICE_S))
        await self._log.flush()
        return mark

    def _judge(self, records: list[Record]) -> None:
        for record in records:
            if record.kind is Kind.TRIP:
                trip = trip_of_record(record.key, record.value, record.arrival, live=False)
                if isinstance(trip, Trip):
                    self._engine.put_trip(trip)
        pings = [
            _Raw(i, each.arrival, each.key, each.value) for i, each in enumerate(records) if each.kind is Kind.PING
        ]
        self._engine.step(decode_records(pings, 0, 1).batch)

    async def _keep(self, record: Record) -> None:
        if record.key is None:
            return
        for number in range(CONVOY):
            own = member(record, record.key, number) if number else record
            place = TopicPartition(self._topics.trips, 0)
            if record.kind is Kind.PING:
                place = TopicPartition(self._topics.pings, own.partition)
            await self._log.append(place, own.arrival, own.key or b"", own.value)

    async def _snapshots(self, slots: range) -> None:
        for slot in slots:
            began_s = time.process_time()
            saved = self._engine.save(slot)
            encode_state(saved, 0, self._group)
            self.saving_s += time.process_time() - began_s
            self.saved += 1
            for number in range(CONVOY):
                own = named(saved, f"{saved.vehicle_id}.{number}") if number else saved
                key = own.vehicle_id.encode()
                partition = partition_of(key, PARTITIONS)
                offset = self._log.ends[TopicPartition(self._topics.pings, partition)]
                value = encode_state(own, offset, self._group)
                await self._log.append(TopicPartition(self._topics.states, partition), own.clock, key, value)


def slices(trucks: int) -> Iterator[list[Record]]:
    """The trips and pings between ticks, without end."""
    for _, records in groupby(fleet(trucks=trucks), lambda record: record.arrival // TICK_INTERVAL_MS):
        yield [record for record in records if record.kind in {Kind.TRIP, Kind.PING}]


def named(saved: Saved, vehicle_id: str) -> Saved:
    """The same of another vehicle."""
    trips = tuple(replace(trip, vehicle_id=vehicle_id) for trip in saved.trips)
    return replace(saved, vehicle_id=vehicle_id, trips=trips)


async def commit(settings: Settings, log: Log, mark: Mark) -> None:
    """As a monitor leaves its offsets."""
    restart = Restart(mark, truncated_until=0).text()
    places = [TopicPartition(settings.topics.pings, number) for number in range(PARTITIONS)]
    async with AIOKafkaConsumer(
        **connection.client_options(settings.kafka), group_id=settings.kafka.group, enable_auto_commit=False
    ) as consumer:
        consumer.assign(places)
        await consumer.commit({place: OffsetAndMetadata(log.ends[place], restart) for place in places})


async def recovery(settings: Settings, fences: Path, vehicles: int) -> dict[str, Any]:
    """Write, start, wait. Raises TimeoutError when the monitor does not come to know all vehicles."""
    async with AIOKafkaProducer(
        **connection.client_options(settings.kafka), enable_idempotence=True, max_batch_size=500_000
    ) as producer:
        log = Log(producer)
        day = Day(settings, log, FenceIndex(load_geojson(fences)))
        mark = await day.write(vehicles // CONVOY)
    await commit(settings, log, mark)
    async with MonitorProcess(settings, str(fences)) as monitor:
        async with asyncio.timeout(_OBSERVED_WITHIN_S):
            while await monitor.metric("telematics_vehicles") != vehicles:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(LOOK_AGAIN_S)
    topics = settings.topics
    return {
        "vehicles": vehicles,
        "start_s": round(monitor.ready_s, 1),
        "from_assignment_s": round(monitor.ready_s - monitor.assigned_s, 1),
        "state_records": sum(end for place, end in log.ends.items() if place.topic == topics.states),
        "state_bytes": log.sizes[topics.states],
        "rounds_of_a_day": [ROUNDS, ROUNDS_A_DAY],
        "pings": sum(end for place, end in log.ends.items() if place.topic == topics.pings),
        "trips": log.ends[TopicPartition(topics.trips, 0)],
        "snapshot_us": round(day.saving_s / day.saved * 1e6, 1),
    }


def main(bootstrap: str, prefix: str, fences: str, vehicles: int) -> dict[str, Any]:
    """What the parent asks for; `prefix` is that of sim topics to use."""
    return uvloop.run(recovery(bench_settings(bootstrap, prefix, f"{prefix}monitor"), Path(fences), vehicles))


if __name__ == "__main__":
    answer(**main(**given()))
