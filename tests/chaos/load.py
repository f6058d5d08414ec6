"""What the members judge while they are disturbed: a simulated fleet, with panic buttons and records nobody can read."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from time import monotonic

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from simulators.faults import Faults
from simulators.fleet import FleetPlan, records
from simulators.merge import Kind, Record
from telematics.settings import Settings
from telematics.stream import connection
from telematics.wire.ticks import TICK_HEADERS

PARTITIONS = 6
# So many that something is announced, and so committed at once, several times a second.
_PANICS, _UNREADABLE = 0.02, 0.005
_FAULTS = Faults(loss=0.005, duplicates=0.01, reorder=0.01, no_fix=0.01)
# Written together, confirmed together, of real time.
_SLICE_S = 0.25


@dataclass(frozen=True, slots=True)
class Load:
    """Trips, all of which are there before the first ping is; then pings, ticks and what is neither, by arrival."""

    trips: list[Record]
    inputs: list[Record]


def load(seed: int, vehicles: int, simulated_s: int) -> Load:
    """Simulate; the same seed gives the same bytes."""
    plan = FleetPlan(
        vehicles=vehicles,
        seed=seed,
        duration_ms=simulated_s * 1000,
        cadence_s=None,
        hijacks=vehicles // 4,
        dead_zones=vehicles // 10,
        partitions=PARTITIONS,
        faults=_FAULTS,
    )
    found = list(records(plan))
    return Load(
        [record for record in found if record.kind is Kind.TRIP],
        list(
            _spoiled(
                (record for record in found if record.kind in {Kind.PING, Kind.TICK}), random.Random(f"load {seed}")
            )
        ),
    )


def _spoiled(inputs: Iterable[Record], rng: random.Random) -> Iterator[Record]:
    for record in inputs:
        if record.kind is Kind.TICK:
            yield record
            continue
        panics = rng.random() < _PANICS and b'"events"' not in record.value
        yield record._replace(value=record.value[:-1] + b',"events":["panic"]}') if panics else record
        if rng.random() < _UNREADABLE:
            yield rng.choice(_SPOIL)(record)


_SPOIL: Sequence[Callable[[Record], Record]] = (
    lambda record: record._replace(value=record.value[: len(record.value) // 2]),
    lambda record: record._replace(value=record.value.replace(b'"lat":', b'"lat":9')),
    lambda record: record._replace(key=b"another-truck"),
    lambda record: record._replace(key=None),
    lambda record: record._replace(partition=(record.partition + 1) % PARTITIONS),
    lambda record: record._replace(value=b"\xff\xfe not a ping"),
)


class Writer:
    """Appends a load while the members run, in step with the real time, whatever becomes of the brokers.

    `wrote` hears, while a load is being written, of the last arrival (ms) that is in the log.
    """

    def __init__(self, settings: Settings, wrote: Callable[[int], None]) -> None:
        self._settings = settings
        self._wrote = wrote
        self._producer: AIOKafkaProducer | None = None

    async def write(self, inputs: Sequence[Record], seconds: float) -> None:
        """Take so long for all of it.

        What a broker did not confirm is written again by another producer: then it may be there twice, and order may
        suffer by one slice. That is as good a log as any other, and what lies in it is what is judged.
        """
        start, span = inputs[0].arrival, inputs[-1].arrival - inputs[0].arrival
        began_s = monotonic()
        slices = round(seconds / _SLICE_S)
        for number, together in groupby(inputs, lambda record: (record.arrival - start) * slices // (span + 1)):
            await asyncio.sleep(max(0.0, began_s + number * _SLICE_S - monotonic()))
            records = list(together)
            await self.write_now(records)
            self._wrote(records[-1].arrival)

    async def write_now(self, together: Sequence[Record]) -> None:
        """All at once; returns when the brokers have confirmed it."""
        for wait_s in connection.backoff_s():
            try:
                if self._producer is None:
                    self._producer = connection.producer(self._settings.kafka)
                    await self._producer.start()
                sent = [await self._send(self._producer, record) for record in together]
                await asyncio.gather(*sent)
            except (KafkaError, OSError):
                await self.close()
                await asyncio.sleep(wait_s)
            else:
                return

    async def close(self) -> None:
        """Let go."""
        if self._producer is not None:
            await connection.ended(self._producer)
            self._producer = None

    async def _send(self, producer: AIOKafkaProducer, record: Record) -> asyncio.Future[object]:
        trip = record.kind is Kind.TRIP
        sent: asyncio.Future[object] = await producer.send(
            self._settings.topics.trips if trip else self._settings.topics.pings,
            key=record.key,
            value=record.value,
            partition=0 if trip else record.partition,
            timestamp_ms=record.arrival,
            headers=TICK_HEADERS if record.kind is Kind.TICK else [],
        )
        return sent
