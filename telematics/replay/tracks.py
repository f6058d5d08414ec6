"""Track files as one logical partition, 0, with a clock.

They have no ticks: `telematics.replay.clock` tells the time between rows, and after the last row up to `until_ms`, or for
`tail_ms`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from itertools import count, islice

from telematics.model import Batch, Ping
from telematics.replay.arrival import in_arrival_order
from telematics.replay.clock import ticks_between
from telematics.replay.files import Found, Row, read_rows
from telematics.replay.plan import WINDOW, Inputs, Plan, Progress, progress_of
from telematics.replay.rejects import Rejects


def read_tracks(found: tuple[Found, ...], plan: Plan, rejects: Rejects, progress: Progress | None) -> Iterator[Inputs]:
    """Windows of the rows of all files, in the order of arrival; rows of equal arrival in the order of the files."""
    streams = [_track(each, plan, rejects, progress) for each in found]
    rows = heapq.merge(*streams, key=lambda row: row.arrival or 0)
    offsets = count()
    inputs = _with_ticks(rows, plan)
    while window := list(islice(inputs, WINDOW)):
        arrivals, pings = zip(*window, strict=True)
        yield {0: Batch(list(islice(offsets, len(window))), list(arrivals), list(pings))}


def _track(found: Found, plan: Plan, rejects: Rejects, progress: Progress | None) -> Iterator[Row]:
    modified_ms = found.path.stat().st_mtime_ns // 1_000_000
    rows = read_rows(found, plan.options, rejects, progress_of(progress, found.path))
    return in_arrival_order(rows, modified_ms, plan.order, plan.chunk)


def _with_ticks(rows: Iterable[Row], plan: Plan) -> Iterator[tuple[int, Ping | None]]:
    last: int | None = None
    for row in rows:
        arrival = row.arrival or 0
        if plan.until_ms is not None and arrival > plan.until_ms:
            break
        if last is not None:
            for at in ticks_between(last, arrival):
                yield at, None
        yield arrival, row.ping
        last = arrival
    if last is None:
        return
    end = plan.until_ms if plan.until_ms is not None else last + plan.tail_ms
    for at in ticks_between(last, end):
        yield at, None
    if end > last:
        yield end, None
