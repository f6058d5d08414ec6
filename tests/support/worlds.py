"""One world for the tests on a broker: the fences of the stories, a fleet, and what must come of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import orjson

from geofences.formats.geojson import load_geojson
from geofences.index import FenceIndex
from telematics.core.params import RuleSet
from telematics.model import Trip
from telematics.replay.dumpfile import DumpRecord
from tests.support import stories
from tests.support.feed import as_log, encoded, judge

PARTITIONS = 3


@cache
def fences() -> FenceIndex:
    """The fences of the stories."""
    return FenceIndex(load_geojson(orjson.dumps(stories.FENCES)))


@dataclass(frozen=True, slots=True)
class World:
    """A log, and the alerts that engines say to it without Kafka: (alert id, number) → bytes."""

    vehicles: int
    log: list[DumpRecord]
    trips: list[Trip]
    expected: dict[tuple[str, int], bytes]


@cache
def world(vehicles: int = 56, tick_ms: int = 20_000) -> World:
    """So many trucks, with their trips."""
    log = as_log(stories.fleet(vehicles), PARTITIONS, tick_ms)
    trips = list(stories.trips(vehicles))
    return World(vehicles, log, trips, encoded(judge(log, PARTITIONS, fences(), RuleSet(), trips)))
