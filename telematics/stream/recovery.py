"""Giving a partition its state back: the snapshots of its vehicles, then a silent replay of what came after them.

What the engine concludes in the replay was published before, so it is dropped; only what follows the committed offset
counts. A vehicle whose snapshot cannot be used is found out anew from a window of the log before the committed offset,
and so is everything where there are no snapshots. The window is measured in arrivals; what it begins in the midst of
began who knows when, and the engine is told so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from geofences.index import FenceIndex
from telematics.core.engine import MonitorEngine
from telematics.core.snapshot import Known, NewerStateError
from telematics.errors import UserError
from telematics.model import Batch, Trip
from telematics.settings import Settings
from telematics.stream.checkpoint import Position
from telematics.stream.fences import FenceFeed
from telematics.stream.lag import Lag
from telematics.stream.ledger import Mark, Restart
from telematics.stream.partition import Partition
from telematics.stream.reader import Record, TopicReader, end_of_log, open_reader
from telematics.wire.fencesets import READING_KEY, Reading, decode_reading, from_clock, in_order
from telematics.wire.partitioner import partition_of
from telematics.wire.reasons import Reject
from telematics.wire.records import Rejected
from telematics.wire.states import decode_state

log = structlog.get_logger(__name__)

# States that are decoded in one go; nothing else happens meanwhile.
_AT_ONCE = 200


class States:
    """What the state topic has for a partition. `lost`: vehicles that were known, and whose state cannot be used."""

    def __init__(self) -> None:
        self.known: list[Known] = []
        self.lost: set[str] = set()
        self.keys: list[bytes] = []
        self.reading: Reading | None = None
        """What the partition had read of the fence sets."""
        self.unreadable: list[Rejected] = []
        self.until = 0
        """The highest offset before which all that was announced is in a state."""
        self._offsets: dict[str, int] = {}

    def take(self, key: bytes, record: Record, group: str, committed: int | None) -> None:
        """What the last record under a key says. Raises NewerStateError."""
        self.keys.append(key)
        kept = decode_state(key, record.value or b"")
        if isinstance(kept, Reject):
            self.unreadable.append(Rejected(record, kept))
            self.lost.add(key.decode("utf-8", "replace"))
        elif kept.group != group or (committed is not None and kept.offset > committed):
            # What another group knew, or we did before our offset was moved back.
            self.lost.add(kept.known.state.vehicle_id)
        else:
            self.known.append(kept.known)
            self.until = max(self.until, kept.offset)
            self._offsets[kept.known.state.vehicle_id] = kept.offset

    def not_yet_in(self, batch: Batch) -> Batch:
        """The inputs as they are to be shown to who knows the states: those that are in one only carry time."""
        if batch.offsets[0] >= self.until:
            return batch
        pings = [
            None if ping is None or offset < self._offsets.get(ping.vehicle_id, 0) else ping
            for offset, ping in zip(batch.offsets, batch.pings, strict=True)
        ]
        return replace(batch, pings=pings)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to judge again in silence: from the mark up to and without `end`; `truncated_until` as the engine has it.

    `committed` is the group's offset, None where there is none.
    """

    start: Mark
    end: int
    committed: int | None
    truncated_until: int | None


async def rebuild(
    settings: Settings,
    partition: Partition,
    committed: Position | None,
    make_engine: Callable[[], MonitorEngine],
    trips: Callable[[], Sequence[Trip]],
    fences: FenceFeed | None = None,
) -> None:
    """Bring the partition to its committed offset; without one, to the beginning of the log, with alerts.

    `trips()` are all that are known, in the order they came; `fences` has the sets, unless the engine is made with fences
    of its own. Raises BrokerError when the broker is lost, UserError when a later version wrote the states.
    """
    number = partition.number
    states = await _read_states(settings, partition, committed)
    async with open_reader(settings.kafka, settings.topics.pings, [number]) as reader:
        reached = max(states.until, 0 if committed is None else committed.offset)
        begin, end = (await reader.begins())[number], await end_of_log(lambda: _end(reader, number), reached)
        if reached > end:
            # The topic was made anew: what is known is of another log.
            log.warning("offset_gone", partition=number, committed=reached, begin=begin, end=end)
            gone, states = states, States()
            plan = Plan(Mark(begin, 0), begin, None if committed is None else committed.offset, _unseen(begin))
            forgotten = gone.keys
        else:
            plan = await plan_for(settings, reader, partition, committed, states, begin)
            forgotten = [refused.record.key or b"" for refused in states.unreadable]
        log.info("rebuilding", partition=number, vehicles=len(states.known), start=plan.start.offset, end=plan.end)
        placed = [] if fences is None else in_order(fences.sets, states.reading)
        sets = (
            []
            if fences is None
            else [(one, await fences.index(one), at) for one, at in from_clock(placed, plan.start.clock)]
        )
        partition.begin(make_engine(), Lag(end))
        partition.know_fences((one, index) for one, index, _ in sets)
        take_up(partition, states, plan, trips(), [(index, at) for _, index, at in sets])
        await _replay(settings, partition, reader, states, plan)
    if partition.taken.is_set():
        return
    partition.present_engine().let_go()
    if fences is not None:
        await read_on(partition, fences, states.reading, placed[-1][0].number)
    partition.forget(forgotten, states.unreadable)
    partition.run_from(plan.end, plan.committed)
    log.info("running", partition=number, offset=plan.end, truncated=plan.truncated_until != 0)


async def read_on(partition: Partition, fences: FenceFeed, left: Reading | None, newest: int) -> None:
    """Tell the partition of the sets that its former owner had not read, which left word of what it had.

    They count from here on, whatever they say: by what was committed they did not. When this returns it has all there are.
    """
    reading = Reading(newest, {} if left is None else left.late)
    partition.read_on_from(reading, is_written=reading == left)
    while unread := partition.unread(fences.sets):
        index = await fences.index(unread[0])
        # Meanwhile it may have been told.
        if partition.unread(unread[:1]):
            partition.put_fences(unread[0], index)


def take_up(
    partition: Partition,
    states: States,
    plan: Plan,
    trips: Sequence[Trip],
    fences: Sequence[tuple[FenceIndex, int]] = (),
) -> None:
    """Let the partition's engine, which has seen nothing yet, know what the states do: then the replay can begin.

    `fences` are sets in their order, each with when it counts from.
    """
    engine = partition.present_engine()
    engine.truncated_until = plan.truncated_until
    engine.resume(plan.start.clock, states.known, trips, states.lost, fences)


async def _read_states(settings: Settings, partition: Partition, committed: Position | None) -> States:
    """The states of the vehicles whose home the partition is."""
    last: dict[bytes, Record] = {}
    async with open_reader(settings.kafka, settings.topics.states, [partition.number]) as reader:
        end = (await reader.ends())[partition.number]
        async for _, records in reader.until({partition.number: end}):
            for record in records:
                key = record.key or b""
                last.pop(key, None)
                if record.value is not None:
                    last[key] = record
            partition.progress = f"state record {records[-1].offset + 1} of {end}"
    states = States()
    if (read := last.pop(READING_KEY, None)) is not None:
        reading = decode_reading(read.value or b"", settings.kafka.group)
        if isinstance(reading, Reject):
            log.warning("fences_reading_lost", partition=partition.number, detail=reading.detail)
        else:
            states.reading = reading
    # Where partitions were added, vehicles have moved to others.
    ours = [
        (key, record) for key, record in last.items() if partition_of(key, partition.partitions) == partition.number
    ]
    for i, (key, record) in enumerate(ours):
        try:
            states.take(key, record, settings.kafka.group, None if committed is None else committed.offset)
        except NewerStateError as error:
            what = f"{settings.topics.states}, partition {partition.number}, offset {record.offset}"
            msg = (
                f"{what}: a later version of this program wrote the state of {key.decode()}: {error}; run that version"
            )
            raise UserError(msg) from error
        if i % _AT_ONCE == 0:
            partition.progress = f"state {i + 1} of {len(ours)} vehicles"
            await asyncio.sleep(0)  # heartbeats and the other partitions' pings have their turn
    if states.unreadable:
        detail = states.unreadable[0].reject.detail
        log.warning("state_unreadable", partition=partition.number, vehicles=len(states.unreadable), detail=detail)
    return states


async def plan_for(
    settings: Settings,
    reader: TopicReader,
    partition: Partition,
    committed: Position | None,
    states: States,
    begin: int,
) -> Plan:
    """What to judge again, of a log that begins at `begin`."""
    number = partition.number
    if committed is None and not states.known:
        return Plan(Mark(begin, 0), begin, None, _unseen(begin))
    # Brokers forget the offset of a group that was away for long. All that was announced is in the states, though.
    end = states.until if committed is None else committed.offset
    offset = None if committed is None else committed.offset
    if end < begin:
        # Retention overtook us: what is between was judged by nobody.
        log.warning("offset_gone", partition=number, committed=end, begin=begin)
        return Plan(Mark(begin, 0), begin, offset, None)
    restart = None if committed is None else Restart.read(committed.metadata)
    if restart is None:
        window = await _window(settings, reader, number, begin, end)
        return Plan(window, end, offset, _unseen(window.offset))
    start, clock = restart.replay_from
    if start < begin:
        log.warning("replay_cut", partition=number, replay_from=start, begin=begin)
    plan = Plan(Mark(max(start, begin), clock), end, offset, None if start < begin else restart.truncated_until)
    if states.lost:
        plan = replace(plan, start=min(plan.start, await _window(settings, reader, number, begin, end)))
    return plan


def _unseen(before: int) -> int | None:
    """As `truncated_until`, of who begins at an offset."""
    return None if before > 0 else 0


async def _replay(settings: Settings, partition: Partition, reader: TopicReader, states: States, plan: Plan) -> None:
    reader.seek({partition.number: plan.start.offset})
    async for _, records in reader.until({partition.number: plan.end}):
        for first in range(0, len(records), settings.max_batch):
            part = records[first : first + settings.max_batch]
            batch, _rejects = partition.decode(part)
            if len(batch):
                partition.repeat(states.not_yet_in(batch))
            partition.progress = f"record {part[-1].offset + 1 - plan.start.offset} of {plan.end - plan.start.offset}"
            await asyncio.sleep(0)
            if partition.taken.is_set():
                return


async def _end(reader: TopicReader, number: int) -> int:
    return (await reader.ends())[number]


async def _window(settings: Settings, reader: TopicReader, number: int, begin: int, end: int) -> Mark:
    """Where the window before offset `end` begins, of a log that begins at `begin`."""
    arrival = await _arrival_before(reader, number, end) if end else None
    if arrival is None:
        return Mark(begin, 0)
    start = (await reader.offsets_at(arrival - int(settings.rebuild_window_s * 1000)))[number]
    return Mark(max(begin, min(start, end)), 0)  # on a CreateTime topic arrivals need not rise


async def _arrival_before(reader: TopicReader, number: int, offset: int) -> int | None:
    """Arrival of the last record before `offset`, or None when transactions and compaction have left none."""
    arrival = None
    reader.seek({number: offset - 1})
    async for _, records in reader.until({number: offset}):
        arrival = records[-1].timestamp
    return arrival
