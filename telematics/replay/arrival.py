"""When the rows of a track file arrived, for files that do not say.

Rows are ordered by `ts` (stable) and arrive at their `ts`. A `ts` is not believed when it lies after the file's
modification time, or more than 24 h from both neighbours: the rows of the same vehicle just before and after it in
file order. Such a row takes the arrival of the row before it, and the engine, seeing a device clock that differs from
arrival, quarantines it or takes it as late.

What the rule leaves open is decided here:

- The first and the last row of a vehicle have one neighbour; the next row beyond it stands for the other. A vehicle
  with one or two rows gives nothing to compare: its rows are believed.
- Rows before the first believed row take that one's arrival. Where no row is believed, all are, up to the
  modification time: a rule that refuses a whole file says nothing about it.
- A `ts` that is no instant at all makes no ping, so that its row is a reject (`bad_ts`) and gets no arrival.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from telematics.replay.files import Row
from telematics.replay.sorting import CHUNK, Spool, sort_external

_FAR_MS = 24 * 3_600_000


class Order(StrEnum):
    """How the rows of a track file are ordered."""

    TS = "ts"
    FILE = "file"


def in_arrival_order(
    rows: Iterable[Row], modified_ms: int, order: Order = Order.TS, chunk: int = CHUNK
) -> Iterator[Row]:
    """Rows with their arrival, in the order in which they arrive. At most about two chunks of rows are in memory.

    Rows that bring an arrival keep it. With `Order.FILE` the rows stay as they lie, and none arrives before the one
    above it.
    """
    arrived = _with_arrivals(rows, modified_ms, chunk)
    return _in_file_order(arrived) if order is Order.FILE else sort_external(arrived, _arrival, chunk)


def _arrival(row: Row) -> int:
    return row.arrival or 0


def _with_arrivals(rows: Iterable[Row], modified_ms: int, chunk: int) -> Iterator[Row]:
    spool: Spool[Row] = Spool(chunk)
    neighbours = _Neighbours()
    disbelieved: set[int] = set()
    count = 0
    for row in rows:
        spool.add(row)
        if row.arrival is None:
            disbelieved.update(neighbours.judge(row.ping.vehicle_id, count, row.ping.ts))
            if row.ping.ts > modified_ms:
                disbelieved.add(count)
        count += 1
    disbelieved.update(neighbours.judge_ends())
    if len(disbelieved) == count:
        for row in spool:
            yield row if row.arrival is not None else Row(row.ping, min(row.ping.ts, modified_ms))
        return
    yield from _assign(spool, disbelieved)


def _assign(rows: Iterable[Row], disbelieved: set[int]) -> Iterator[Row]:
    waiting: list[Row] = []
    before: int | None = None
    for index, row in enumerate(rows):
        if index not in disbelieved:
            before = row.ping.ts if row.arrival is None else row.arrival
            yield from (Row(first.ping, before) for first in waiting)
            waiting = []
        if before is None:
            waiting.append(row)
        else:
            yield Row(row.ping, before)


def _in_file_order(rows: Iterable[Row]) -> Iterator[Row]:
    clock: int | None = None
    for row in rows:
        arrival = _arrival(row)
        clock = arrival if clock is None else max(clock, arrival)
        yield Row(row.ping, clock)


@dataclass(slots=True)
class _Track:
    """The last rows of a vehicle. `far` says for the last one whether it lies far from the one before it."""

    count: int
    index: int
    ts: int
    far: bool = False
    ts_before: int = 0
    ts_two_before: int = 0
    first_index: int | None = None
    """Set while the first row is far from the second, until the third has spoken."""
    first_ts: int = 0


class _Neighbours:
    """Finds the rows whose `ts` is far from both neighbours, with one `_Track` a vehicle in memory."""

    def __init__(self) -> None:
        self._tracks: dict[str, _Track] = {}

    def judge(self, vehicle_id: str, index: int, ts: int) -> Iterator[int]:
        """Take the next row of the file; gives the indexes of rows that turn out to be disbelieved."""
        track = self._tracks.get(vehicle_id)
        if track is None:
            self._tracks[vehicle_id] = _Track(1, index, ts)
            return
        far = abs(ts - track.ts) > _FAR_MS
        if track.count == 1 and far:
            track.first_index, track.first_ts = track.index, track.ts
        elif track.count == 2 and track.first_index is not None and abs(ts - track.first_ts) > _FAR_MS:
            yield track.first_index
        if track.count > 1 and far and track.far:
            yield track.index
        track.ts_two_before, track.ts_before = track.ts_before, track.ts
        track.index, track.ts, track.far = index, ts, far
        track.count += 1

    def judge_ends(self) -> Iterator[int]:
        """After the last row of the file: the vehicles' last rows."""
        for track in self._tracks.values():
            if track.count > 2 and track.far and abs(track.ts - track.ts_two_before) > _FAR_MS:
                yield track.index
