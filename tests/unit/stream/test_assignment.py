"""A batch in hand may be stale: only one that continues its partition, under the same assignment, is judged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from aiokafka import TopicPartition

from telematics.core.engine import MonitorEngine
from telematics.core.params import RuleSet
from telematics.metrics import Metrics
from telematics.settings import Settings
from telematics.stream.assignment import Assignment, State
from telematics.stream.checkpoint import Checkpoint, Outgoing, PartitionLostError, Position
from telematics.stream.checkpoint import Records as Outgoings
from telematics.stream.lag import Lag
from telematics.stream.partition import Partition
from telematics.stream.reader import Records
from tests.support.worlds import fences

PLACE = TopicPartition("pings", 0)
MEGABYTE = 1_000_000


@dataclass
class Consumer:
    """Stands where aiokafka's consumer does, and remembers what it was told."""

    paused: list[TopicPartition] = field(default_factory=list)
    sought: list[tuple[TopicPartition, int]] = field(default_factory=list)

    def pause(self, place: TopicPartition) -> None:
        """Remember."""
        self.paused.append(place)

    def seek(self, place: TopicPartition, offset: int) -> None:
        """Remember."""
        self.sought.append((place, offset))


@dataclass
class Written:
    """A checkpoint that keeps what it is given."""

    offsets: list[int] = field(default_factory=list)
    written: list[Outgoing] = field(default_factory=list)
    lost: bool = False

    async def write(self, encode: Callable[[int], Outgoings], _former: int | None, then: Position) -> None:
        """Keep everything."""
        self.written += [record for records in encode(MEGABYTE).values() for record in records]
        if self.lost:
            raise PartitionLostError
        self.offsets.append(then.offset)

    def lose(self) -> None:
        """Write nothing any more."""
        self.lost = True


@dataclass(frozen=True)
class Tick:
    """A record that only carries time."""

    offset: int
    timestamp: int = 1_000
    key: bytes | None = None
    value: bytes | None = b'{"v":1}'
    headers: tuple[tuple[str, bytes], ...] = (("type", b"tick"),)


def ticks(*offsets: int) -> Records:
    """Records at these offsets."""
    return cast("Records", [Tick(offset) for offset in offsets])


class Hands:
    """An assignment of one partition, and everything it did."""

    def __init__(self) -> None:
        self.consumer = Consumer()
        self.made: list[tuple[Partition, Written]] = []
        self.recovering: list[Partition] = []
        self.discarded: list[Partition] = []
        self.assignment = Assignment(
            cast("Any", self.consumer), self._make, self.recovering.append, self.discarded.append, deadline_s=1
        )

    def _make(self, number: int) -> Partition:
        written = Written()
        partition = Partition(number, 1, Settings(), cast("Checkpoint", written), Metrics())
        self.made.append((partition, written))
        return partition

    async def given(self, next_offset: int = 10) -> Partition:
        """Partition 0, assigned and recovered up to an offset."""
        await self.assignment.on_partitions_assigned([PLACE])
        partition = self.assignment.held[0]
        partition.begin(MonitorEngine(fences(), RuleSet()), Lag())
        partition.run_from(next_offset, next_offset)
        return partition


async def test_a_batch_that_continues_is_judged() -> None:
    """The expected offset under the present assignment: judged, and nothing is fetched again."""
    hands = Hands()
    partition = await hands.given()
    hands.consumer.sought.clear()
    assert hands.assignment.current(PLACE, ticks(10, 11), hands.assignment.generation) is partition
    assert hands.consumer.sought == []


async def test_a_new_partition_is_paused_until_it_is_recovered() -> None:
    """Between assignment and recovery nothing is judged, whatever arrives."""
    hands = Hands()
    await hands.assignment.on_partitions_assigned([PLACE])
    assert hands.consumer.paused == [PLACE]
    assert hands.recovering == [hands.assignment.held[0]]
    assert hands.assignment.current(PLACE, ticks(0), hands.assignment.generation) is None


@pytest.mark.parametrize(("revoked", "assigned"), [(True, False), (False, True), (True, True)])
async def test_a_batch_of_an_older_assignment_is_dropped(*, revoked: bool, assigned: bool) -> None:
    """Either callback makes a batch stale, also when its offset happens to fit; it is fetched again."""
    hands = Hands()
    partition = await hands.given()
    fetched_under = hands.assignment.generation
    if revoked:
        await hands.assignment.on_partitions_revoked([PLACE])
    if assigned:
        await hands.assignment.on_partitions_assigned([PLACE])
        hands.assignment.held[0].begin(MonitorEngine(fences(), RuleSet()), Lag())
        hands.assignment.held[0].run_from(10, 10)
    hands.consumer.sought.clear()
    assert hands.assignment.current(PLACE, ticks(10), fetched_under) is None
    assert hands.consumer.sought == ([(PLACE, 10)] if assigned else [])
    assert partition.next_offset == 10


async def test_a_batch_from_before_is_dropped_and_fetched_again() -> None:
    """An offset that was judged already is never judged twice."""
    hands = Hands()
    await hands.given()
    assert hands.assignment.current(PLACE, ticks(9, 10), hands.assignment.generation) is None
    assert hands.consumer.sought[-1] == (PLACE, 10)


async def test_a_hole_is_believed_when_it_is_still_there() -> None:
    """Records gone by retention leave a hole: it is asked for once more, then passed."""
    hands = Hands()
    partition = await hands.given()
    now = hands.assignment.generation
    assert hands.assignment.current(PLACE, ticks(15), now) is None
    assert hands.consumer.sought[-1] == (PLACE, 10)
    assert hands.assignment.current(PLACE, ticks(15), now) is partition


async def test_what_is_settled_at_revocation_keeps_its_state() -> None:
    """A partition that comes straight back keeps its engine; what was pending was settled before it went."""
    hands = Hands()
    partition = await hands.given()
    partition.take(ticks(10, 11))
    await hands.assignment.on_partitions_revoked([PLACE])
    assert hands.made[0][1].offsets == [12]
    assert hands.assignment.held == {}
    await hands.assignment.on_partitions_assigned([PLACE])
    assert hands.assignment.held[0] is partition
    assert partition.state is State.REBUILDING
    assert partition.engine is not None
    assert not partition.taken.is_set()


async def test_what_does_not_come_back_is_let_go() -> None:
    """After a rebalance that gave the partition to others nothing of it can be committed."""
    hands = Hands()
    partition = await hands.given()
    await hands.assignment.on_partitions_revoked([PLACE])
    await hands.assignment.on_partitions_assigned([])
    assert hands.discarded == [partition]
    assert partition.taken.is_set()
    assert hands.made[0][1].lost


async def test_a_partition_is_not_kept_half_settled() -> None:
    """If settling fails at revocation the state goes with it: whoever is next rebuilds from what is committed."""
    hands = Hands()
    partition = await hands.given()
    partition.take(ticks(10))
    hands.made[0][1].lost = True
    await hands.assignment.on_partitions_revoked([PLACE])
    assert hands.assignment.kept == {}
    assert hands.discarded == [partition]


async def test_a_partition_started_anew_during_a_rebalance_goes_too() -> None:
    """One that is found to be another's while we still wait to give it up is not held on to in its new shape."""
    hands = Hands()
    partition = await hands.given()
    async with hands.assignment.busy:
        revoking = asyncio.create_task(hands.assignment.on_partitions_revoked([PLACE]))
        await asyncio.sleep(0)
        hands.assignment.outdated(partition, PLACE)
    await revoking
    assert hands.assignment.held == {}
    assert hands.discarded == [made for made, _ in hands.made]
