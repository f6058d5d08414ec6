"""Dumps as their partitions, with the ticks, trips and fence sets they hold."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from telematics.model import Batch, Trip
from telematics.replay.clock import ticks_between
from telematics.replay.dumpfile import OF_FENCES, DumpProfile, DumpRecord, Header, Kind, decode_line
from telematics.replay.fencesets import FenceSetReader, RecordedSets
from telematics.replay.files import Found
from telematics.replay.lines import read_lines
from telematics.replay.plan import WINDOW, Inputs, Plan, Progress, progress_of
from telematics.replay.rejects import Rejects
from telematics.replay.sorting import sort_external
from telematics.wire.arrivals import check_arrival
from telematics.wire.reasons import Reject
from telematics.wire.records import decode_records
from telematics.wire.trips import trip_of_record


@dataclass(frozen=True, slots=True)
class _Placed:
    """A record of a dump, the clock it meets, and where it stood."""

    clock: int
    record: DumpRecord
    file: str
    line: int

    @property
    def timestamp(self) -> int:
        return self.record.arrival

    @property
    def offset(self) -> int:
        return self.record.offset

    @property
    def key(self) -> bytes | None:
        return self.record.key

    @property
    def value(self) -> bytes | None:
        return self.record.value

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        return self.record.headers


def _turn(placed: _Placed) -> int:
    """Fences, then ascending clocks; at the same clock a trip comes before the inputs that it applies to."""
    if placed.record.kind in OF_FENCES:
        return -1
    return placed.clock * 2 + (placed.record.kind is not Kind.TRIP)


def read_dumps(
    found: tuple[Found, ...], plan: Plan, header: Header, rejects: Rejects, progress: Progress | None
) -> Iterator[RecordedSets | Trip | Inputs]:
    """Fence sets first, if there are any; then trips, and windows of inputs by partition, in the order of arrival."""
    live = header.profile is DumpProfile.LIVE
    streams = [sort_external(_place(each, rejects, progress, live=live), _turn, plan.chunk) for each in found]
    fences: FenceSetReader | None = FenceSetReader(live=live)
    window: dict[int, list[_Placed]] = {}
    waiting = 0
    ends: dict[int, _Placed] = {}
    for placed in heapq.merge(*streams, key=_turn):
        if placed.record.kind in OF_FENCES and fences is not None:
            refusal = fences.take(placed.record)
            if refusal is not None:
                rejects.add(placed.file, placed.line, refusal, placed.value)
            continue
        if fences is not None:
            if (sets := fences.taken()) is not None:
                yield sets
            fences = None
        if plan.until_ms is not None and placed.clock > plan.until_ms:
            break
        record = placed.record
        if record.kind is Kind.TRIP:
            trip = trip_of_record(record.key, record.value, record.arrival, live=live)
            if isinstance(trip, Reject):
                rejects.add(placed.file, placed.line, trip, record.value)
                continue
            # A trip that was published too late applies at once: then what lies before it must have been judged.
            if window:
                yield _decode(window, header, rejects)
                window, waiting = {}, 0
            yield trip
            continue
        window.setdefault(record.partition, []).append(placed)
        ends[record.partition] = placed
        waiting += 1
        if waiting == WINDOW:
            yield _decode(window, header, rejects)
            window, waiting = {}, 0
    if fences is not None and (sets := fences.taken()) is not None:
        yield sets  # and nothing came after them
    if window:
        yield _decode(window, header, rejects)
    if plan.tail_ms:
        yield _tail(ends, plan.tail_ms)


def _tail(ends: dict[int, _Placed], tail_ms: int) -> Inputs:
    """Ticks after the last input of each partition, so that all of them reach the same instant."""
    end_ms = max((last.clock for last in ends.values()), default=0) + tail_ms
    inputs = {}
    for partition, last in sorted(ends.items()):
        arrivals = [*ticks_between(last.clock, end_ms), end_ms]
        offsets = list(range(last.offset + 1, last.offset + 1 + len(arrivals)))
        inputs[partition] = Batch(offsets, arrivals, [None] * len(arrivals))
    return inputs


def _place(found: Found, rejects: Rejects, progress: Progress | None, *, live: bool) -> Iterator[_Placed]:
    """The records of a dump with the clock that each partition, and the trips, have when it comes.

    Simulated trips and all fence sets come first: a monitor has read them before it judges a ping, and they say themselves
    from when on they apply.
    """
    clocks: dict[tuple[bool, int], int] = {}
    header_seen = False
    file = str(found.path)
    for line in read_lines(found.path, rejects, progress_of(progress, found.path)):
        if not header_seen:
            header_seen = True
            continue
        record = decode_line(line.raw)
        refusal = record if isinstance(record, Reject) else check_arrival(record.arrival)
        if refusal is not None or isinstance(record, Reject):
            if refusal is not None:
                rejects.add(file, line.number, refusal, line.raw)
            continue
        if record.kind in OF_FENCES or (record.kind is Kind.TRIP and not live):
            yield _Placed(0, record, file, line.number)
            continue
        stream = (record.kind is Kind.TRIP, record.partition)
        clock = clocks[stream] = max(record.arrival, clocks.get(stream, record.arrival))
        yield _Placed(clock, record, file, line.number)


def _decode(window: dict[int, list[_Placed]], header: Header, rejects: Rejects) -> Inputs:
    inputs = {}
    for partition, placed in sorted(window.items()):
        decoded = decode_records(placed, partition, header.partitions)
        for rejected in decoded.rejects:
            where = cast("_Placed", rejected.record)
            rejects.add(where.file, where.line, rejected.reject, where.value)
        if len(decoded.batch):
            inputs[partition] = decoded.batch
    return inputs
