"""Giving a partition its state back: a silent replay of the last hours up to the committed offset.

The window is measured in arrivals, back from the last record that was judged. What the engine concludes there was
published before, so it is dropped; only what follows the committed offset counts. A window that does not begin
where the log does may begin inside an episode, and the engine is told so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from telematics.core.engine import MonitorEngine
from telematics.settings import Settings
from telematics.stream.lag import Lag
from telematics.stream.partition import Partition
from telematics.stream.reader import TopicReader, open_reader

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Window:
    """Offsets to replay in silence, from `start` up to and without `end`; `truncated`: `start` is not the log's."""

    start: int
    end: int
    truncated: bool


async def rebuild(
    settings: Settings, partition: Partition, committed: int | None, make_engine: Callable[[bool], MonitorEngine]
) -> None:
    """Bring the partition to its committed offset; without one, to the beginning of the log, with alerts.

    `make_engine(truncated)` gives an engine that knows the trips. Raises BrokerError when the broker is lost.
    """
    async with open_reader(settings.kafka, settings.topics.pings, [partition.number]) as reader:
        window = await _window(settings, reader, partition.number, committed)
        log.info("rebuilding", partition=partition.number, start=window.start, end=window.end)
        engine = partition.engine = make_engine(window.truncated)
        partition.lag = Lag((await reader.ends())[partition.number])
        reader.seek({partition.number: window.start})
        async for _, records in reader.until({partition.number: window.end}):
            for first in range(0, len(records), settings.max_batch):
                part = records[first : first + settings.max_batch]
                batch, _rejects = partition.decode(part)
                partition.count_rebuild(engine.step(batch))
                done = part[-1].offset + 1 - window.start
                partition.progress = f"{done} of {window.end - window.start} records"
                await asyncio.sleep(0)  # heartbeats and the other partitions' pings have their turn
                if partition.taken.is_set():
                    return
    partition.run_from(engine, window.end, committed)
    log.info("running", partition=partition.number, offset=window.end, truncated=window.truncated)


async def _window(settings: Settings, reader: TopicReader, number: int, committed: int | None) -> Window:
    begin = (await reader.begins())[number]
    end = (await reader.ends())[number]
    if committed is not None and not begin <= committed <= end:
        # Retention overtook us, or the topic was made anew. Either way what is left is the beginning.
        log.warning("offset_gone", partition=number, committed=committed, begin=begin, end=end)
        return Window(begin, begin, truncated=True)
    if committed is None or committed == begin:
        return Window(begin, begin, truncated=begin > 0)
    arrival = await _arrival_before(reader, number, committed)
    if arrival is None:
        return Window(begin, committed, truncated=begin > 0)
    start = (await reader.offsets_at(arrival - int(settings.rebuild_window_s * 1000)))[number]
    # On a CreateTime topic arrivals need not rise; the window never passes what it has to reach.
    start = min(start, committed)
    return Window(start, committed, truncated=start > 0)


async def _arrival_before(reader: TopicReader, number: int, offset: int) -> int | None:
    """Arrival of the last record before `offset`, or None when transactions and compaction have left none."""
    arrival = None
    reader.seek({number: offset - 1})
    async for _, records in reader.until({number: offset}):
        arrival = records[-1].timestamp
    return arrival
