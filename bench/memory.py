"""What a vehicle costs in memory: its state as JSON, and as Python holds it."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Iterable
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import orjson

from bench.child import answer, given
from bench.load import PARTITIONS
from bench.monitor import bench_settings
from geofences.formats.geojson import load_geojson
from geofences.index import FenceIndex
from telematics.core.engine import MonitorEngine
from telematics.core.params import RuleSet
from telematics.model import Trip
from telematics.settings import Settings
from telematics.stream.reader import open_reader
from telematics.wire.records import decode_records

# Code and what all vehicles share; a trip is a document of its own.
_NOT_STATE = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType, FenceIndex, RuleSet, Trip)


async def engine_after(settings: Settings, fences: FenceIndex, partition: int = 0) -> MonitorEngine:
    """An engine that has judged one partition of a topic up to its present end."""
    engine = MonitorEngine(fences, RuleSet())
    async with open_reader(settings.kafka, settings.topics.pings, [partition]) as reader:
        async for number, records in reader.until(await reader.ends()):
            engine.step(decode_records(records, number, PARTITIONS).batch)
    return engine


def json_bytes(engine: MonitorEngine) -> float:
    """Bytes of a vehicle's snapshot, on average."""
    states = engine.snapshot()["vehicles"]
    return sum(len(orjson.dumps(state)) for state in states.values()) / len(states)


def python_bytes(engine: MonitorEngine, empty: MonitorEngine) -> float:
    """Bytes a vehicle adds to an engine by `sys.getsizeof`, on average; each object counts once."""
    return (size_of([engine]) - size_of([empty])) / engine.gauges()["vehicles"]


def size_of(roots: Iterable[object]) -> int:
    """Bytes of some objects and of all they refer to, without code and what all vehicles share."""
    seen: set[int] = set()
    waiting = list(roots)
    total = 0
    while waiting:
        item = waiting.pop()
        if id(item) in seen or isinstance(item, _NOT_STATE):
            continue
        seen.add(id(item))
        total += sys.getsizeof(item)
        waiting += gc.get_referents(item)
    return total


def main(bootstrap: str, prefix: str, fences: str) -> dict[str, Any]:
    """What the parent asks for."""
    index = FenceIndex(load_geojson(Path(fences)))
    engine = asyncio.run(engine_after(bench_settings(bootstrap, prefix, "none"), index))
    return {
        "bytes_per_vehicle": round(json_bytes(engine)),
        "python_bytes_per_vehicle": round(python_bytes(engine, MonitorEngine(index, RuleSet()))),
    }


if __name__ == "__main__":
    answer(**main(**given()))
