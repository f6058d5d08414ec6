"""Many lanes, each in order of arrival, as one stream in order of arrival."""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from telematics.wire.ticks import TICK_INTERVAL_MS, TICK_VALUE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Kind(StrEnum):
    """What a record is; truth is never sent to Kafka."""

    PING = "ping"
    TICK = "tick"
    TRIP = "trip"
    TRUTH = "truth"


class Record(NamedTuple):
    """One record. `lane` (the vehicle's number; -1 for ticks) settles the order of equal arrivals."""

    arrival: int
    lane: int
    kind: Kind
    partition: int
    key: bytes | None
    value: bytes


def merged(lanes: Iterable[Iterator[Record]], start_ms: int, end_ms: int | None, partitions: int) -> Iterator[Record]:
    """Merge lanes whose first record is at `start_ms` or later, with a tick in every partition every 5 s.

    By slices of time: a lane is asked only in a slice it has a record in, and each slice is sorted. A heap over
    all lanes gives the same order, but over 10,000 of them it costs as much as simulating the pings.
    """
    waiting: defaultdict[int, list[tuple[Record, Iterator[Record]]]] = defaultdict(list)
    for lane in lanes:
        first = next(lane, None)
        if first is not None:
            waiting[(first.arrival - start_ms) // TICK_INTERVAL_MS].append((first, lane))
    number, slice_ms = 0, start_ms
    while end_ms is None or slice_ms <= end_ms:
        found = [Record(slice_ms, -1, Kind.TICK, partition, None, TICK_VALUE) for partition in range(partitions)]
        number, slice_ms = number + 1, slice_ms + TICK_INTERVAL_MS
        for first, lane in waiting.pop(number - 1, ()):
            record: Record | None = first
            while record is not None and record.arrival < slice_ms:
                found.append(record)
                record = next(lane, None)
            if record is not None:
                waiting[(record.arrival - start_ms) // TICK_INTERVAL_MS].append((record, lane))
        found.sort(key=itemgetter(0, 1))
        yield from found
