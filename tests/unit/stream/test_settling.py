"""Making durable what was judged, beside judging: what waits is bounded, and no partition waits for another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from aiokafka import TopicPartition

from geofences.index import FenceIndex
from telematics.core.engine import MonitorEngine
from telematics.core.params import RuleSet
from telematics.metrics import Metrics
from telematics.model import DeviceEvent, Ping
from telematics.settings import Settings
from telematics.stream import connection
from telematics.stream.assignment import State
from telematics.stream.checkpoint import Checkpoint, Outgoing, Position, Records
from telematics.stream.lag import Lag
from telematics.stream.member import Member
from telematics.stream.partition import Partition
from telematics.wire.partitioner import partition_of
from telematics.wire.pings import encode_ping
from telematics.wire.ticks import TICK_HEADERS, TICK_VALUE
from tests.support.records import Raw
from tests.support.truck import NOON
from tests.support.worlds import fences

MEGABYTE = 1_000_000


class Writing:
    """A checkpoint that writes when it is let."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.failure: Exception | None = None
        self.offsets: list[int] = []
        self.letters = 0
        self.states: list[Outgoing] = []

    async def write(self, encode: Callable[[int], Records], _former: int | None, then: Position) -> None:
        """Wait, then keep the offset or fail."""
        await self.may.wait()
        if self.failure is not None:
            raise self.failure
        self.offsets.append(then.offset)
        records = encode(MEGABYTE)
        self.letters += sum(map(len, records.values()))
        self.states += [each for place, many in records.items() if place.topic.endswith("state") for each in many]

    def lose(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""


def _running(number: int) -> tuple[Partition, Writing]:
    writing = Writing()
    partition = Partition(number, 2, Settings(), cast("Checkpoint", writing), Metrics())
    partition.begin(MonitorEngine(FenceIndex(fences().fences), RuleSet()), Lag())
    partition.run_from(0, None)
    return partition, writing


def _rubbish(partition: Partition, size: int) -> None:
    offset = partition.next_offset
    partition.take(cast("Any", [Raw(offset, 1_700_000_000_000, b"truck-1", b"x" * size)]))


class Fetching:
    """A consumer that has these partitions, and whatever records are put into `batches`."""

    def __init__(self, *partitions: Partition) -> None:
        self.ours = {TopicPartition("telematics.pings", partition.number) for partition in partitions}
        self._paused: set[TopicPartition] = set()
        self.batches: list[dict[TopicPartition, list[Raw]]] = []

    def assignment(self) -> set[TopicPartition]:
        """What is ours."""
        return self.ours

    def paused(self) -> set[TopicPartition]:
        """What is not fetched."""
        return self._paused

    def pause(self, place: TopicPartition) -> None:
        """Fetch no more of it."""
        assert place in self.ours
        self._paused.add(place)

    def resume(self, place: TopicPartition) -> None:
        """Fetch it again."""
        assert place in self.ours
        self._paused.remove(place)

    async def getmany(self, **_: Any) -> dict[Any, Any]:
        """The next of them."""
        await asyncio.sleep(0.001)
        return self.batches.pop(0) if self.batches else {}


def _fetching(*partitions: Partition, max_batch: int = 1_000) -> tuple[Member, Fetching]:
    settings = Settings(max_batch=max_batch)
    consumer = Fetching(*partitions)
    member = Member(
        settings,
        fences(),
        RuleSet(),
        Metrics(),
        connection.Link(settings.kafka),
        cast("Any", None),
        None,
        cast("Any", consumer),
        asyncio.Event(),
    )
    member.assignment.held.update({partition.number: partition for partition in partitions})
    return member, consumer


async def test_a_partition_is_full_by_size_and_empty_once_it_is_durable() -> None:
    """Large dead letters fill it with few; a failed write leaves everything waiting, a good one nothing."""
    partition, writing = _running(0)
    for _ in range(3):
        _rubbish(partition, MEGABYTE)
        assert partition.due()
        assert not partition.is_full()
    _rubbish(partition, MEGABYTE)
    assert partition.is_full()
    writing.failure = OSError("disk")
    writing.may.set()
    with pytest.raises(OSError, match="disk"):
        await partition.settle()
    assert partition.is_full()
    writing.failure = None
    await partition.settle()
    assert not partition.is_full()
    assert not partition.due()
    assert (writing.offsets, writing.letters) == ([4], 4)


async def test_a_partition_that_cannot_be_written_holds_up_no_other() -> None:
    """While one hangs, the other's alerts are made durable again and again."""
    (hanging, _), (healthy, writing) = _running(0), _running(1)
    writing.may.set()
    member, _ = _fetching(hanging, healthy)
    _rubbish(hanging, 10)
    member._settle_soon(hanging)
    for offset in range(3):
        _rubbish(healthy, 10)
        member._settle_soon(healthy)
        await asyncio.sleep(0.01)
        assert writing.offsets == list(range(1, offset + 2))
    assert not hanging.settled


async def test_only_a_full_partition_waits_and_it_goes_on_when_there_is_room() -> None:
    """What is not fetched cannot fill the memory; the others are fetched, and so is it, one write later."""
    (full, writing), (healthy, _) = _running(0), _running(1)
    member, consumer = _fetching(full, healthy)
    _rubbish(full, 5 * MEGABYTE)
    member._settle_soon(full)
    await asyncio.sleep(0.01)  # the first is being written …
    await member._turn()
    assert not consumer.paused()
    _rubbish(full, 5 * MEGABYTE)  # … and the next would be too much
    await member._turn()
    await member._turn()
    assert consumer.paused() == {TopicPartition("telematics.pings", 0)}
    writing.may.set()
    await full.settle()
    await member._turn()
    assert not consumer.paused()


async def test_what_is_urgent_is_written_at_once_but_behind_a_backlog() -> None:
    """While turn after turn is full one write has to do for several; the first turn that is not full ends that."""
    partition, writing = _running(0)
    writing.may.set()
    member, consumer = _fetching(partition, max_batch=1)
    place = TopicPartition("telematics.pings", 0)
    consumer.batches = [{place: [Raw(offset, NOON, b"truck-1", b"rubbish")]} for offset in range(14)]

    async def turn() -> list[int]:
        await member._turn()
        await asyncio.sleep(0.005)
        return writing.offsets

    for done in range(1, 10):
        assert await turn() == list(range(1, done + 1))
    for _ in range(5):
        await turn()
    # Of five turns one or none, or on a slow machine two, found a quarter of a second gone by.
    assert len(writing.offsets) < 9 + 3
    assert (await turn())[-1] == 14


async def test_a_partition_that_is_rebuilt_or_moves_is_left_as_it_is() -> None:
    """Who rebuilds a partition lets it go on, and one that the consumer no longer has cannot be paused."""
    (rebuilding, _), (moved, _) = _running(0), _running(1)
    member, consumer = _fetching(rebuilding, moved)
    rebuilding.state = State.REBUILDING
    consumer.pause(TopicPartition("telematics.pings", 0))
    consumer.ours.discard(TopicPartition("telematics.pings", 1))
    _rubbish(moved, 5 * MEGABYTE)
    await member._turn()
    assert consumer.paused() == {TopicPartition("telematics.pings", 0)}


async def test_a_write_that_fails_for_good_ends_the_member() -> None:
    """The failure is kept for whoever runs it, and judging stops."""
    partition, writing = _running(0)
    member, _ = _fetching(partition)
    _rubbish(partition, 10)
    member._settle_soon(partition)
    writing.failure = RuntimeError("broken")
    writing.may.set()
    await asyncio.wait_for(member._judge(), 5)
    assert isinstance(member._failure, RuntimeError)


async def test_a_vehicle_that_is_forgotten_has_no_state_any_more() -> None:
    """What was kept of it is deleted with the checkpoint that tells its end; if it returns at once, it is kept anew."""
    partition, writing = _running(0)
    writing.may.set()
    key = next(f"truck-{n}".encode() for n in range(99) if partition_of(f"truck-{n}".encode(), 2) == 0)
    value = encode_ping(Ping(key.decode(), ts=NOON, lat=19.0, lon=-99.0, speed_kmh=50, events=(DeviceEvent.PANIC,)))
    partition.take([cast("Any", Raw(0, NOON, key, value))])
    await partition.settle()
    assert [(state.key, state.value is None) for state in writing.states] == [(key, False)]
    tick = Raw(1, NOON + 31 * 86_400_000, None, TICK_VALUE, tuple(TICK_HEADERS))
    later = encode_ping(Ping(key.decode(), ts=tick.timestamp, lat=19.0, lon=-99.0, events=(DeviceEvent.PANIC,)))
    partition.take([cast("Any", tick), cast("Any", Raw(2, tick.timestamp, key, later))])
    await partition.settle()
    assert [(state.key, state.value is None) for state in writing.states[1:]] == [(key, True), (key, False)]


async def test_what_is_found_out_anew_is_kept_with_what_is_deleted() -> None:
    """A state that could not be read goes, and that of what is known now comes, in one transaction."""
    partition, writing = _running(0)
    writing.may.set()
    key = next(f"truck-{n}".encode() for n in range(99) if partition_of(f"truck-{n}".encode(), 2) == 0)
    value = encode_ping(Ping(key.decode(), ts=NOON, lat=19.0, lon=-99.0, speed_kmh=50))
    partition.repeat(partition.decode([cast("Any", Raw(0, NOON, key, value))])[0])
    partition.forget([key, b"never heard", b"\xff"], [])
    partition.take([cast("Any", Raw(1, NOON, None, TICK_VALUE, tuple(TICK_HEADERS)))])
    await partition.settle()
    assert [(state.key, state.value is None) for state in writing.states] == [
        (key, True),
        (b"never heard", True),
        (b"\xff", True),
        (key, False),
    ]


async def test_a_vehicle_that_is_forgotten_before_its_turn_leaves_no_state() -> None:
    """Its number is on the list of those that have changed, and stands for nobody any more."""
    partition, writing = _running(0)
    writing.may.set()
    key = next(f"truck-{n}".encode() for n in range(99) if partition_of(f"truck-{n}".encode(), 2) == 0)
    value = encode_ping(Ping(key.decode(), ts=NOON, lat=19.0, lon=-99.0, speed_kmh=50))
    tick = Raw(1, NOON + 31 * 86_400_000, None, TICK_VALUE, tuple(TICK_HEADERS))
    partition.take([cast("Any", Raw(0, NOON, key, value))])
    partition.take([cast("Any", tick)])
    partition._ledger._noted_s -= 1_000  # long enough ago for everybody's turn
    await partition.settle()
    assert [(state.key, state.value) for state in writing.states] == [(key, None)]
