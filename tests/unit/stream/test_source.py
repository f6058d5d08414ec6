"""What a bridge makes of the records of one partition, and what a failed write leaves of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest
from aiokafka import TopicPartition

from telematics.metrics import Metrics
from telematics.model import Ping
from telematics.settings import TopicSettings
from telematics.stream.assignment import State
from telematics.stream.checkpoint import Checkpoint, Outgoing, Position
from telematics.stream.checkpoint import Records as Outgoings
from telematics.stream.source import Route, Source
from telematics.wire.dialects.traccar import decode_traccar
from telematics.wire.partitioner import partition_of
from telematics.wire.pings import decode_ping
from tests.support.bridges import forwarded
from tests.support.records import Raw

PINGS, LETTERS = 5, 3
AT = 1_769_613_720_000
TOPICS = TopicSettings()


class Written:
    """A checkpoint that keeps what it is given, or fails."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.committed: list[tuple[int | None, int]] = []
        self.records: list[dict[TopicPartition, list[Outgoing]]] = []

    async def write(self, encode: Any, former: int | None, then: Position) -> None:
        """Keep everything."""
        records: Outgoings = encode(1_000_000)
        if self.failure is not None:
            raise self.failure
        self.records.append({place: list(outgoing) for place, outgoing in records.items() if outgoing})
        self.committed.append((former, then.offset))


def _source(number: int = 4, next_offset: int = 10) -> tuple[Source, Written, Metrics, Route]:
    written, metrics = Written(), Metrics()
    route = Route("traccar", decode_traccar, TOPICS, PINGS, LETTERS)
    source = Source(number, 7, route, cast("Checkpoint", written), metrics)
    source.run_from(next_offset, None)
    return source, written, metrics, route


def _take(source: Source, records: Sequence[Raw]) -> None:
    source.take(cast("Any", records))


def _good(offset: int, vehicle_id: str = "truck-1", at: int = AT) -> Raw:
    return Raw(offset, at, b"77", forwarded(Ping(vehicle_id, AT + offset, 19.5, -99.25)))


async def test_records_go_where_their_vehicle_is_and_the_offset_with_them() -> None:
    """Pings to the partition that murmur2 gives their vehicle, with its key and the record's stamp; one transaction."""
    source, written, metrics, _ = _source()
    _take(source, [_good(10, "truck-1"), _good(11, "truck-2"), Raw(12, AT + 5, None, b"rubbish"), _good(13, "truck-1")])
    assert not source.settled
    await source.settle()
    assert source.settled
    assert written.committed == [(None, 14)]
    (records,) = written.records
    home = partition_of(b"truck-1", PINGS)
    assert [outgoing.key for outgoing in records[TopicPartition(TOPICS.pings, home)]].count(b"truck-1") == 2
    # Seven partitions of the source, three of the dead letters.
    (letter,) = records[TopicPartition(TOPICS.deadletters, 4 % LETTERS)]
    assert (letter.at, letter.value) == (AT + 5, b"rubbish")
    for place, outgoings in records.items():
        for outgoing in outgoings:
            if place.topic == TOPICS.pings:
                ping = decode_ping(outgoing.value)
                assert isinstance(ping, Ping)
                assert outgoing.key == ping.vehicle_id.encode()
                assert place.partition == partition_of(outgoing.key, PINGS)
                assert outgoing.at == AT
    assert metrics.registry.get_sample_value("telematics_bridged_pings_total") == 3
    assert metrics.registry.get_sample_value("telematics_dead_letters_total", {"reason": "not_json"}) == 1


async def test_a_failed_write_loses_nothing() -> None:
    """What could not be written is written by the next attempt, with the same offset, and counted once."""
    source, written, metrics, _ = _source()
    _take(source, [_good(10), Raw(11, AT, None, None)])
    written.failure = OSError("disk")
    with pytest.raises(OSError, match="disk"):
        await source.settle()
    assert not source.settled
    written.failure = None
    await source.settle()
    await source.settle()
    assert written.committed == [(None, 12)]
    assert sum(map(len, written.records[0].values())) == 2
    assert metrics.registry.get_sample_value("telematics_bridged_pings_total") == 1
    _take(source, [_good(12)])
    await source.settle()
    assert written.committed == [(None, 12), (12, 13)]
    assert sum(map(len, written.records[1].values())) == 1


async def test_a_partition_that_was_not_begun_with_has_nothing_to_settle() -> None:
    """Taken away before it was known where the group was, it commits nothing."""
    written = Written()
    source = Source(0, 1, Route("traccar", decode_traccar, TOPICS, 1, 1), cast("Checkpoint", written), Metrics())
    assert source.state is State.REBUILDING
    await source.settle()
    assert written.committed == []


async def test_pings_follow_the_topic_when_it_grows() -> None:
    """Once the topic of the pings is known to have more partitions, vehicles go where murmur2 puts them among those."""
    source, written, _, route = _source()
    vehicle = next(f"truck-{n}" for n in range(99) if partition_of(f"truck-{n}".encode(), 11) >= PINGS)
    route.ping_partitions = 11
    _take(source, [_good(10, vehicle)])
    await source.settle()
    assert list(written.records[0]) == [TopicPartition(TOPICS.pings, partition_of(vehicle.encode(), 11))]


async def test_a_stamp_that_is_no_time_is_refused() -> None:
    """A record that its producer stamped outside the calendar is a dead letter that bears no time of its own."""
    source, written, _, _ = _source()
    _take(source, [_good(10, at=-1)])
    await source.settle()
    (letters,) = written.records[0].values()
    assert dict(letters[0].headers or [])["reason"] == b"bad_arrival"
    assert letters[0].at is None
