"""A dump: the inputs of the monitor, byte for byte, as a file that replay takes for the log itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from telematics.replay.dumpfile import DumpProfile, DumpRecord, DumpWriter, Header, Kind
from telematics.settings import Settings
from telematics.stream.fences_topic import committed_offsets, late_sets
from telematics.stream.reader import Record, open_reader
from telematics.stream.topics import Profile, describe, describe_one
from telematics.wire.fencesets import FenceLog, set_key
from telematics.wire.ticks import is_tick

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Dumped:
    """How many records of each kind were written.

    `others` are the consumer groups that say which fence sets they had late, where ours says nothing: none of it is in the
    dump, and a replay has each set from when on it says.
    """

    written: Counter[Kind]
    others: tuple[str, ...]


async def dump(
    settings: Settings, out: IO[bytes], *, until: int | None = None, progress: Progress | None = None
) -> Dumped:
    """Write trips, pings, ticks and fence sets as they lie between the logs' beginnings and their ends at the start.

    With `until` (ms), each partition ends before its first record that arrived later. `progress` hears of records
    done and in all. Raises UserError, BrokerError.
    """
    topics = await describe(settings.kafka, [settings.topics.fences], [])
    pings = await describe_one(settings.kafka, settings.topics.pings)
    writing = _Dump(settings, DumpWriter(out, Header(pings.partitions, DumpProfile(pings.profile.value))), until)
    # Before the pings: of what was committed meanwhile nobody could tell whether a set was read by then.
    committed = await committed_offsets(settings) if topics else {}
    # Trips first: whoever reads the file once has them before the pings that they concern.
    await writing.take(settings.topics.trips, lambda _: Kind.TRIP)
    clocks: dict[int, int] = defaultdict(int)

    def kind(record: Record) -> Kind:
        if record.offset < committed.get(record.partition, 0):
            clocks[record.partition] = max(clocks[record.partition], record.timestamp)
        return Kind.TICK if is_tick(record.key, record.headers) else Kind.PING

    await writing.take(settings.topics.pings, kind, progress)
    others: tuple[str, ...] = ()
    if topics:
        taken = FenceLog(live=pings.profile is Profile.LIVE)

        def fence_kind(record: Record) -> Kind:
            taken.take(record.key, record.value, record.timestamp)
            return Kind.GEOFENCE

        await writing.take(settings.topics.fences, fence_kind)
        if taken.sets:
            found = await late_sets(settings, taken.sets, clocks)
            others = found.others
            for partition, late in sorted(found.by_partition.items()):
                for number, at in late.items():
                    writing.write(DumpRecord(partition, number, at, Kind.SET_READING, set_key(number), None))
    return Dumped(writing.written, others)


class _Dump:
    """A dump that is being written."""

    def __init__(self, settings: Settings, writer: DumpWriter, until: int | None) -> None:
        self.written: Counter[Kind] = Counter()
        self._settings = settings
        self._writer = writer
        self._until = until

    async def take(self, topic: str, kind: Callable[[Record], Kind], progress: Progress | None = None) -> None:
        """The records of a topic, each of the kind that is found when it is written."""
        over: set[int] = set()
        done = 0
        async with open_reader(self._settings.kafka, topic) as reader:
            begins, ends = await reader.begins(), await reader.ends()
            total = sum(ends.values()) - sum(begins.values())
            async for partition, records in reader.until(ends):
                for record in records:
                    if self._until is not None and record.timestamp > self._until:
                        over.add(partition)
                    if partition in over:
                        break
                    found = kind(record)
                    at = record.timestamp
                    self.write(DumpRecord(partition, record.offset, at, found, record.key, record.value))
                done += len(records)
                if progress is not None:
                    progress(done, total)

    def write(self, record: DumpRecord) -> None:
        """One record."""
        self.written[record.kind] += 1
        self._writer.write(record)
