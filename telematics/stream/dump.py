"""A dump: the inputs of the monitor, byte for byte, as a file that replay takes for the log itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import IO

from telematics.replay.dumpfile import DumpProfile, DumpRecord, DumpWriter, Header, Kind
from telematics.settings import Settings
from telematics.stream.reader import Record, open_reader
from telematics.stream.topics import describe_one
from telematics.wire.ticks import is_tick

Progress = Callable[[int, int], None]


async def dump(
    settings: Settings, out: IO[bytes], *, until: int | None = None, progress: Progress | None = None
) -> Counter[Kind]:
    """Write trips, pings and ticks as they lie between the logs' beginnings and their ends at the start of the dump.

    With `until` (ms), each partition ends before its first record that arrived later. `progress` hears of records
    done and in all. Returns how many of each kind were written. Raises UserError, BrokerError.
    """
    pings = await describe_one(settings.kafka, settings.topics.pings)
    writer = DumpWriter(out, Header(pings.partitions, DumpProfile(pings.profile.value)))
    written: Counter[Kind] = Counter()
    # Trips first: whoever reads the file once has them before the pings that they concern.
    await _dump_topic(settings, settings.topics.trips, writer, until, lambda _: Kind.TRIP, written, None)
    await _dump_topic(settings, settings.topics.pings, writer, until, _kind, written, progress)
    return written


def _kind(record: Record) -> Kind:
    return Kind.TICK if is_tick(record.key, record.headers) else Kind.PING


async def _dump_topic(
    settings: Settings,
    topic: str,
    writer: DumpWriter,
    until: int | None,
    kind: Callable[[Record], Kind],
    written: Counter[Kind],
    progress: Progress | None,
) -> None:
    over: set[int] = set()
    done = 0
    async with open_reader(settings.kafka, topic) as reader:
        begins, ends = await reader.begins(), await reader.ends()
        total = sum(ends.values()) - sum(begins.values())
        async for partition, records in reader.until(ends):
            for record in records:
                if until is not None and record.timestamp > until:
                    over.add(partition)
                if partition in over:
                    break
                found = kind(record)
                written[found] += 1
                writer.write(DumpRecord(partition, record.offset, record.timestamp, found, record.key, record.value))
            done += len(records)
            if progress is not None:
                progress(done, total)
