"""What is measured with: a simulated fleet on Kafka, and fences around and far from it.

The fleet is the simulator's: trucks on corridors, with their trips. A hundred thousand vehicles are ten thousand
trucks of which each is a convoy of ten: the same motion, ten ids, ten states. The monitor sees one vehicle at a
time, so it cannot tell; simulating each would take ten times as long and measure the same.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulators.emit.kafka import Kafka
from simulators.fleet import FleetPlan, records
from simulators.geography import FENCES
from simulators.merge import Kind, Record
from telematics.wire.partitioner import partition_of

TRUCKS = 10_000
PARTITIONS = 8
SEED = 20_260_128
# A box over central Mexico, most of it far from the sample's roads: what is drawn here lies beside the trucks' way.
WEST, SOUTH, EAST, NORTH = -105.0, 17.0, -96.0, 26.0


@dataclass(frozen=True, slots=True)
class Load:
    """Pings on a topic. `steady_from`: each partition's offset once every vehicle was heard; `early`: pings before that."""

    prefix: str
    vehicles: int
    pings: int
    steady_from: list[int]
    early: int


async def write_load(bootstrap: str, prefix: str, turns: int, convoy: int = 1) -> Load:
    """Simulate until every vehicle was heard, and then `turns` pings of each on average; the topics are there and empty."""
    heard: set[bytes] = set()
    vehicles = TRUCKS * convoy
    offsets = [0] * PARTITIONS
    steady_from: list[int] = []
    written = early = 0
    async with Kafka(bootstrap, prefix) as kafka:
        for record in fleet(convoy):
            await kafka.write(record)
            if record.kind is not Kind.TRIP:
                offsets[record.partition] += 1
            if record.kind is not Kind.PING or record.key is None:
                continue
            written += 1
            heard.add(record.key)
            if not steady_from and len(heard) == vehicles:
                steady_from, early = list(offsets), written
            if steady_from and written >= early + vehicles * turns:
                break
        await kafka.flush()
    return Load(prefix, vehicles, written, steady_from, early)


def fleet(convoy: int = 1, trucks: int = TRUCKS) -> Iterator[Record]:
    """The records of the simulated trucks without end, each vehicle's as often as its convoy has members."""
    for record in records(FleetPlan(vehicles=trucks, seed=SEED, duration_ms=None, partitions=PARTITIONS)):
        yield record
        if record.kind in {Kind.PING, Kind.TRIP} and record.key is not None:
            yield from (member(record, record.key, number) for number in range(1, convoy))


def member(record: Record, key: bytes, number: int) -> Record:
    """The same ping or trip of the vehicle that drives `number` places behind."""
    own = b"%b.%d" % (key, number)
    partition = partition_of(own, PARTITIONS) if record.kind is Kind.PING else record.partition
    return record._replace(key=own, partition=partition, value=record.value.replace(b'"%b"' % key, b'"%b"' % own))


def write_fences(path: Path, count: int) -> None:
    """The sample's fences, which the trucks meet, and beside them as many drawn at random as make `count`."""
    features = json.loads(FENCES.read_bytes())["features"][:count]
    rng = random.Random(SEED)
    features += [sparse_fence(rng, number) for number in range(count - len(features))]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")


def sparse_fence(rng: random.Random, number: int) -> dict[str, Any]:
    """A circle, a polygon of six corners or a short road, somewhere in the box; a few hundred metres across."""
    lon, lat = round(rng.uniform(WEST, EAST), 5), round(rng.uniform(SOUTH, NORTH), 5)
    properties: dict[str, Any] = {"id": f"sparse-{number:05}", "kind": "customer"}
    geometry: dict[str, Any]
    match number % 3:
        case 0:
            properties["radius_m"] = rng.randrange(150, 500)
            geometry = {"type": "Point", "coordinates": [lon, lat]}
        case 1:
            corners = ((0, -4), (3, -2), (3, 2), (0, 4), (-3, 2), (-3, -2), (0, -4))
            ring = [[round(lon + x * 1e-3, 6), round(lat + y * 1e-3, 6)] for x, y in corners]
            geometry = {"type": "Polygon", "coordinates": [ring]}
        case _:
            properties["buffer_m"] = 100
            end = [round(lon + rng.uniform(-0.02, 0.02), 5), round(lat + 0.01, 5)]
            geometry = {"type": "LineString", "coordinates": [[lon, lat], end]}
    return {"type": "Feature", "properties": properties, "geometry": geometry}
