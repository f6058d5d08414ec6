"""What the bench of recovery writes."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path
from typing import Any, cast

import pytest
from aiokafka import TopicPartition

from bench import recovery
from bench.load import PARTITIONS, write_fences
from bench.recovery import CONVOY, ROUNDS, Day, Log
from geofences.formats.geojson import load_geojson
from geofences.index import FenceIndex
from telematics.settings import Settings
from telematics.wire.partitioner import partition_of
from telematics.wire.states import Kept, decode_state

TRUCKS = 8


class _Written(Log):
    """What would be on the broker."""

    def __init__(self) -> None:
        super().__init__(cast("Any", None))
        self.records: dict[TopicPartition, list[tuple[int, bytes, bytes]]] = defaultdict(list)

    async def append(self, place: TopicPartition, at: int, key: bytes, value: bytes) -> None:
        self.ends[place] += 1
        self.records[place].append((at, key, value))


def test_a_day_leaves_states_that_a_monitor_takes_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each vehicle's, in its partition, ROUNDS times; the last ones lie between the pings that are judged again."""
    monkeypatch.setattr(recovery, "DRIVEN_S", 650)  # one that is parked reports every ten minutes
    fences, settings, log = tmp_path / "fences", Settings(), _Written()
    write_fences(fences, 20)
    mark = asyncio.run(Day(settings, log, FenceIndex(load_geojson(fences))).write(TRUCKS))
    assert mark.offset == 0
    assert mark.clock > 0
    last: dict[bytes, Kept] = {}
    for place in [place for place in log.records if place.topic == settings.topics.states]:
        for _, key, value in log.records[place]:
            kept = decode_state(key, value)
            assert isinstance(kept, Kept)
            assert partition_of(key, PARTITIONS) == place.partition
            assert 0 <= kept.offset <= log.ends[TopicPartition(settings.topics.pings, place.partition)]
            last[key] = kept
    assert len(last) == TRUCKS * CONVOY
    assert sum(len(found) for place, found in log.records.items() if place.topic == settings.topics.states) == (
        ROUNDS * TRUCKS * CONVOY
    )
    assert {kept.known.clock >= mark.clock for kept in last.values()} == {True}
    assert any(kept.offset for kept in last.values())
