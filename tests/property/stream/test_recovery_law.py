"""Die anywhere, go on from what was durable: the alerts and the state are those of an engine that never stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any, cast

import numpy as np
import pytest
from aiokafka import TopicPartition
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from geofences.index import FenceIndex
from telematics.core import screen
from telematics.core.engine import MonitorEngine
from telematics.metrics import Metrics
from telematics.model import Alert, Trip
from telematics.settings import Settings
from telematics.stream.checkpoint import Checkpoint, Outgoing, Position, Records
from telematics.stream.lag import Lag
from telematics.stream.partition import Partition
from telematics.stream.reader import Record
from telematics.stream.recovery import States, plan_for, take_up
from telematics.wire.alerts import decode_alert, encode_alert
from telematics.wire.pings import encode_ping
from telematics.wire.records import decode_records
from telematics.wire.ticks import TICK_HEADERS, TICK_VALUE
from tests.support.generator import RULE_SET, SETS, Coverage, Stream, streams, trip_of
from tests.support.records import Raw
from tests.support.truck import NOON

SETTINGS = Settings()
TOPICS = SETTINGS.topics


Sets = Sequence[tuple[FenceIndex, int]]


class Durable:
    """What a broker has: alerts, states and a position, all of a checkpoint or nothing of it."""

    def __init__(self) -> None:
        self.position: Position | None = None
        self.alerts: list[bytes] = []
        self.states: dict[bytes, Raw] = {}
        self.replayed = 0

    async def write(self, encode: Callable[[int], Records], former: int | None, then: Position) -> None:
        """Take all of it."""
        assert former == (None if self.position is None else self.position.offset)
        records = encode(1_000_000)
        self.alerts += [record.value or b"" for record in self._of(records, TOPICS.alerts)]
        for record in self._of(records, TOPICS.states):
            key = record.key or b""
            self.states[key] = Raw(len(self.states), 0, key, record.value)
        assert not self._of(records, TOPICS.deadletters)
        assert len(then.metadata) <= 256
        self.position = then

    @staticmethod
    def _of(records: Records, topic: str) -> list[Outgoing]:
        return list(records[TopicPartition(topic, 0)])


def _raw(stream: Stream, random: Random) -> list[Raw]:
    """The log. Where writers stamp it, arrivals need not rise."""
    back_ms = [random.randrange(90_000) if random.random() < 0.1 else 0 for _ in stream.inputs]
    return [
        Raw(offset, at - back, None, TICK_VALUE, tuple(TICK_HEADERS))
        if ping is None
        else Raw(offset, at - back, ping.vehicle_id.encode(), encode_ping(ping))
        for offset, ((at, ping), back) in enumerate(zip(stream.inputs, back_ms, strict=True))
    ]


class Owner:
    """One after the other, the processes that own the partition."""

    def __init__(self, durable: Durable, log: list[Raw], sets: Sets, random: Random) -> None:
        self.durable, self.log, self.sets, self.random = durable, log, sets, random

    async def begin(self, trips: list[Trip]) -> Partition:
        """A new one, which knows what is durable and these trips."""
        partition = Partition(0, 1, SETTINGS, cast("Checkpoint", self.durable), Metrics())
        committed = self.durable.position
        states = States()
        for key, record in self.durable.states.items():
            states.take(
                key, cast("Record", record), SETTINGS.kafka.group, None if committed is None else committed.offset
            )
        assert not states.unreadable
        assert not states.lost
        plan = await plan_for(SETTINGS, cast("Any", None), partition, committed, states, 0)
        partition.begin(MonitorEngine(SETS[0], RULE_SET), Lag())
        take_up(partition, states, plan, trips, self.sets)
        at = plan.start.offset
        self.durable.replayed += plan.end - at
        while at < plan.end:
            to = min(plan.end, at + self.random.randrange(1, 400))
            partition.repeat(states.not_yet_in(decode_records(self.log[at:to], 0, 1).batch))
            at = to
        partition.run_from(plan.end, plan.committed)
        # Whose turn it is, is nothing that the law may depend on.
        ledger, share = partition._ledger, self.random.choice([0.0, 0.3, 1.0])

        def some(_now_s: float) -> Any:
            dirty = np.flatnonzero(ledger._since != np.iinfo(np.int64).max)
            return dirty[[self.random.random() < share for _ in dirty]]

        ledger.in_turn = some  # type: ignore[method-assign,assignment]
        return partition


async def _live(log: list[Raw], trips: list[Trip], sets: Sets, random: Random) -> tuple[Durable, dict[str, Any], int]:
    """What is durable in the end, the last owner's state, and how many died."""
    durable, deaths = Durable(), 0
    owner = Owner(durable, log, sets, random)
    partition = await owner.begin(trips)
    newest = {trip.vehicle_id: trip for trip in trips}
    while partition.next_offset < len(log):
        to = partition.next_offset + random.randrange(1, 300)
        partition.take(log[partition.next_offset : to])
        if random.random() < 0.6:
            await partition.settle()
        if random.random() < 0.35:
            deaths += 1
            # Compaction has left the newest, of vehicles that were heard of for long enough to have a snapshot.
            left = [
                trip
                for trip in trips
                if trip is newest[trip.vehicle_id] or trip.vehicle_id.encode() not in durable.states
            ]
            partition = await owner.begin(left)
    await partition.settle()
    return durable, partition.present_engine().snapshot(), deaths


def test_dying_anywhere_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before and after checkpoints, with any vehicles in snapshots: same bytes, none missing, none twice."""
    monkeypatch.setattr(screen, "_WORTH_IT", 1)  # in streams as small as these, too
    coverage = Coverage()
    total = {"deaths": 0, "replayed": 0, "inputs": 0}

    # Not made smaller: that takes longer than it tells.
    @settings(max_examples=60, deadline=None, derandomize=True, phases=[Phase.generate])
    @given(stream=streams(), seed=st.integers(0, 2**32 - 1))
    def law(stream: Stream, seed: int) -> None:
        random = Random(seed)
        trips = [replace(trip, effective_at=trip.effective_at or 0) for trip in stream.trips]
        # A later one for some: until it holds, a compacted log knows nothing of the one before.
        trips += [
            replace(trip_of(trip.vehicle_id, NOON + random.randrange(3_600_000)), trip=None)
            for trip in trips
            if random.random() < 0.5
        ]
        log = _raw(stream, random)
        durable, state, deaths = asyncio.run(_live(log, trips, stream.sets, random))
        engine = MonitorEngine(SETS[0], RULE_SET)
        engine.resume(0, [], trips, fences=stream.sets)
        alerts = engine.step(decode_records(log, 0, 1).batch).alerts
        told = [decode_alert(value) for value in durable.alerts]
        coverage.add(alert for alert in told if isinstance(alert, Alert))
        assert durable.alerts == [encode_alert(alert) for alert in alerts]
        assert state["vehicles"] == engine.snapshot()["vehicles"]
        assert state["clock"] == engine.clock
        total["deaths"] += deaths
        total["replayed"] += durable.replayed
        total["inputs"] += len(stream.inputs)

    law()
    coverage.require()
    assert total["deaths"] > 100
    assert total["replayed"] > 0
