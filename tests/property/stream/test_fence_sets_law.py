"""Sets that change while owners die: the alerts are those of one engine that was told from when on each set counts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from random import Random
from typing import Any, cast

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from geofences.index import FenceIndex
from geofences.model import Circle, Corridor, Fence
from telematics.core.engine import MonitorEngine
from telematics.metrics import Metrics
from telematics.settings import Settings
from telematics.stream.checkpoint import Checkpoint, Outgoing, Position, Records
from telematics.stream.lag import Lag
from telematics.stream.partition import Partition
from telematics.stream.reader import Record
from telematics.stream.recovery import States, plan_for, read_on, take_up
from telematics.wire.alerts import encode_alert
from telematics.wire.fencesets import (
    READING_KEY,
    FenceSet,
    Reading,
    decode_reading,
    from_clock,
    in_order,
)
from telematics.wire.pings import encode_ping
from telematics.wire.records import decode_records
from telematics.wire.ticks import TICK_HEADERS, TICK_VALUE
from tests.support.generator import RULE_SET, Stream, streams
from tests.support.places import FENCES
from tests.support.records import Raw
from tests.support.sets import Sets, fence_set

SETTINGS = Settings()
GROUP = SETTINGS.kafka.group


class Durable:
    """What a broker has: alerts, states and a position."""

    def __init__(self) -> None:
        self.position: Position | None = None
        self.alerts: list[bytes] = []
        self.states: dict[bytes, Raw] = {}

    async def write(self, encode: Any, _former: int | None, then: Position) -> None:
        """Take all of it."""
        records: Records = encode(1_000_000)
        found: dict[str, list[Outgoing]] = {place.topic: list(outgoing) for place, outgoing in records.items()}
        self.alerts += [record.value or b"" for record in found[SETTINGS.topics.alerts]]
        for record in found[SETTINGS.topics.states]:
            self.states[record.key or b""] = Raw(0, 0, record.key or b"", record.value)
        self.position = then

    @property
    def reading(self) -> Reading | None:
        """What the partition had read of the sets at the last commit."""
        record = self.states.get(READING_KEY)
        found = None if record is None else decode_reading(record.value or b"", GROUP)
        assert found is None or isinstance(found, Reading)
        return found


async def _begin(durable: Durable, log: list[Raw], sets: Sets, random: Random) -> Partition:
    """A new owner, as `recovery.rebuild` makes one."""
    partition = Partition(0, 1, SETTINGS, cast("Checkpoint", durable), Metrics())
    committed = durable.position
    states = States()
    states.reading = durable.reading
    for key, record in durable.states.items():
        if key != READING_KEY and record.value is not None:
            states.take(key, cast("Record", record), GROUP, None if committed is None else committed.offset)
    plan = await plan_for(SETTINGS, cast("Any", None), partition, committed, states, 0)
    placed = in_order(sets.sets, states.reading)
    partition.begin(MonitorEngine(FenceIndex(()), RULE_SET), Lag())
    from_there = [(await sets.index(one), at) for one, at in from_clock(placed, plan.start.clock)]
    take_up(partition, states, plan, [], from_there)
    at = plan.start.offset
    while at < plan.end:
        to = min(plan.end, at + random.randrange(1, 400))
        partition.repeat(states.not_yet_in(decode_records(log[at:to], 0, 1).batch))
        at = to
    await read_on(partition, cast("Any", sets), states.reading, placed[-1][0].number)
    partition.run_from(plan.end, plan.committed)
    return partition


async def _live(log: list[Raw], published: list[FenceSet], random: Random) -> tuple[Durable, int]:
    """What is durable in the end, and how many owners died; sets are read whenever it happens to be."""
    durable, deaths, sets = Durable(), 0, Sets(published[:1])
    partition = await _begin(durable, log, sets, random)
    while partition.next_offset < len(log):
        to = partition.next_offset + random.randrange(1, 300)
        partition.take(log[partition.next_offset : to])
        if len(sets.sets) < len(published) and random.random() < 0.3:
            sets.sets = published[: len(sets.sets) + 1]
            if random.random() < 0.7:
                partition.put_fences(sets.sets[-1], await sets.index(sets.sets[-1]))
            else:
                partition = await _begin(durable, log, sets, random)  # dies before it has read it
        if random.random() < 0.6:
            await partition.settle()
        if random.random() < 0.25:
            deaths += 1
            partition = await _begin(durable, log, sets, random)
    await partition.settle()
    return durable, deaths


def _varied(random: Random) -> list[Fence]:
    """Some fences less, some larger, some graver."""
    drawn: list[Fence] = []
    for fence in FENCES:
        shape = fence.shape
        if random.random() < 0.15:
            continue
        if random.random() < 0.3 and isinstance(shape, Circle):
            shape = replace(shape, radius_m=shape.radius_m * 1.5)
        if random.random() < 0.3 and isinstance(shape, Corridor):
            shape = replace(shape, buffer_m=shape.buffer_m * 1.5)
        if shape != fence.shape or random.random() < 0.1:
            drawn.append(replace(fence, shape=shape, version=random.randrange(2, 10**9)))
        else:
            drawn.append(fence)
    return drawn


def test_sets_count_from_the_same_place_whoever_dies() -> None:
    """Read in time or too late, before a death or after it: same bytes, none missing, none twice."""
    total = {"deaths": 0, "late": 0, "in_time": 0, "alerts": 0}

    # Not made smaller: that takes longer than it tells.
    @settings(max_examples=40, deadline=None, derandomize=True, phases=[Phase.generate])
    @given(stream=streams(), seed=st.integers(0, 2**32 - 1))
    def law(stream: Stream, seed: int) -> None:
        random = Random(seed)
        log = [
            Raw(offset, at, None, TICK_VALUE, tuple(TICK_HEADERS))
            if ping is None
            else Raw(offset, at, ping.vehicle_id.encode(), encode_ping(ping))
            for offset, (at, ping) in enumerate(stream.inputs)
        ]
        start, end = log[0].timestamp, log[-1].timestamp
        ats = [0, *random.choices([0, *range(start, end, (end - start) // 10)], k=4)]
        published = [fence_set(number, _varied(random), at) for number, at in enumerate(ats, 1)]
        durable, deaths = asyncio.run(_live(log, published, random))
        engine = MonitorEngine(FenceIndex(()), RULE_SET)
        placed = from_clock(in_order(published, durable.reading), 0)
        indexes = Sets(published)
        engine.resume(0, [], fences=[(asyncio.run(indexes.index(one)), at) for one, at in placed])
        alerts = engine.step(decode_records(log, 0, 1).batch).alerts
        assert durable.alerts == [encode_alert(alert) for alert in alerts]
        reading = durable.reading or Reading()
        total["deaths"] += deaths
        total["late"] += len(reading.late)
        total["in_time"] += reading.newest - 1 - len(reading.late)
        total["alerts"] += len(alerts)

    law()
    assert all(count > 20 for count in total.values()), total
