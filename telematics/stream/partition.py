"""One partition of the pings in our hands: its engine, how far it has come, and what is not durable yet."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import structlog
from aiokafka import TopicPartition

from geofences.index import FenceIndex
from telematics.core.effects import Effects, Outcome
from telematics.core.engine import MonitorEngine
from telematics.metrics import Metrics
from telematics.model import ANNOUNCED_FROM, Alert, Batch, Trip
from telematics.settings import Settings
from telematics.stream.assignment import Held, State
from telematics.stream.checkpoint import Checkpoint, Outgoing, Position, Records
from telematics.stream.deadletters import dead_letter
from telematics.stream.lag import Lag
from telematics.stream.ledger import Ledger, Mark, Restart
from telematics.wire.alerts import encode_alert
from telematics.wire.fencesets import READING_KEY, FenceSet, Reading, counted, encode_reading
from telematics.wire.records import Record, Rejected, decode_records
from telematics.wire.states import encode_state

log = structlog.get_logger(__name__)

# Without anything to announce, progress is made durable this often: after a crash so much is judged again.
COMMIT_INTERVAL_S = 1.0
# Behind a backlog alerts are late by more than this: then one transaction is not begun before so much has gone by since
# the last, for each costs the broker five requests.
_CATCHING_UP_INTERVAL_S = 0.25
# So much may wait for it meanwhile, about: then it is time, and then judging waits. With the states that go with it, that
# of several partitions has to be through within the time that a transaction may take, on a slow broker too.
_MUCH_BYTES, _MOST_BYTES = 1_000_000, 4_000_000
_ALERT_BYTES = 2_000
# Looking at every ping's lag would cost as much as screening it (3 µs); batches are so frequent that the histogram has
# its shape with at most this many of each.
_LAG_SAMPLES = 8


@dataclass(slots=True)
class Waiting:
    """What is to be written with the next checkpoint. `rejects` are refused records, each with its topic."""

    alerts: list[Alert] = field(default_factory=list)
    rejects: list[tuple[str, Rejected]] = field(default_factory=list)
    states: list[Outgoing] = field(default_factory=list)
    owed: set[str] = field(default_factory=set)
    """Vehicles of which a snapshot has to be taken, whoever's turn it is."""
    is_urgent: bool = False
    size: int = 0
    """Of alerts and refused records, in bytes, about."""

    def add(self, alerts: Sequence[Alert], rejects: Sequence[Rejected], topic: str) -> None:
        """More of it, with the topic that the refused records are from."""
        self.alerts += alerts
        self.rejects += [(topic, refused) for refused in rejects]
        # So that what was told of them is never found out anew.
        self.owed.update(alert.vehicle_id for alert in alerts)
        self.size += _ALERT_BYTES * len(alerts)
        self.size += sum(_ALERT_BYTES + len(refused.record.value or b"") for refused in rejects)
        self.is_urgent |= bool(rejects) or any(alert.severity >= ANNOUNCED_FROM for alert in alerts)

    def and_then(self, later: Waiting) -> Waiting:
        """This, and behind it what came later."""
        return Waiting(
            self.alerts + later.alerts,
            self.rejects + later.rejects,
            self.states + later.states,
            self.owed | later.owed,
            self.is_urgent or later.is_urgent,
            self.size + later.size,
        )


class Partition(Held):
    """The work on one partition, from records to a checkpoint. It is told when; it reads no clock of the wall."""

    def __init__(
        self, number: int, partitions: int, settings: Settings, checkpoint: Checkpoint, metrics: Metrics
    ) -> None:
        super().__init__(number, partitions, checkpoint, metrics)
        self.engine: MonitorEngine | None = None
        self._topics = settings.topics
        self._group = settings.kafka.group
        self._snapshot_interval_s = settings.snapshot_interval_s
        self._ledger = Ledger(settings.snapshot_interval_s)
        self._waiting = Waiting()
        self._in_force: FenceIndex | None = None
        self._reading: Reading | None = None  # None while what a former owner has judged is judged again
        self._reading_owed = False
        self._sets: dict[FenceIndex, FenceSet] = {}  # in force or to come
        self._settling = asyncio.Lock()
        self._settled_at = time.monotonic()

    def begin(self, engine: MonitorEngine, lag: Lag) -> None:
        """With this engine, and nothing concluded yet."""
        self.engine, self.lag = engine, lag
        self._ledger, self._waiting = Ledger(self._snapshot_interval_s), Waiting()
        self._in_force, self._reading, self._reading_owed, self._sets = None, None, False, {}

    # Judging

    def decode(self, records: Sequence[Record]) -> tuple[Batch, list[Rejected]]:
        """The batch for the engine and the refusals; unknown fields are counted."""
        with self._metrics.time_step("decode"):
            decoded = decode_records(records, self.number, self.partitions)
        if decoded.unknown_fields:
            self._metrics.unknown_fields.inc(decoded.unknown_fields)
        return decoded.batch, decoded.rejects

    def take(self, records: Sequence[Record]) -> None:
        """Judge records that follow `next_offset`, and keep what comes of it for the next checkpoint."""
        batch, rejects = self.decode(records)
        effects = self._step(batch)
        self._waiting.add(effects.alerts, rejects, self._topics.pings)
        self.next_offset = records[-1].offset + 1
        self._metrics.count(effects)
        self._sample(batch)

    def repeat(self, batch: Batch) -> None:
        """Judge in silence what a former owner has judged: only what the engine knows then is wanted.

        Of the rest this is news: episodes that cannot be told because their beginning is gone.
        """
        effects = self._step(batch)
        self._metrics.rebuild_truncated.inc(effects.counts[Outcome.REBUILD_TRUNCATED])

    def put_trip(self, trip: Trip) -> None:
        """Tell the engine of a trip; one that holds at once holds from here on, for whoever takes the partition over."""
        if self.engine is not None and self.engine.put_trip(trip):
            self._waiting.owed.add(trip.vehicle_id)

    def know_fences(self, sets: Iterable[tuple[FenceSet, FenceIndex]]) -> None:
        """These are in force or will be, as a former owner has left it."""
        self._sets |= {index: fence_set for fence_set, index in sets}

    def read_on_from(self, reading: Reading, *, is_written: bool) -> None:
        """So much of the sets has been read: of what comes after it this partition hears from now on."""
        self._reading, self._reading_owed = reading, not is_written

    def unread(self, sets: Iterable[FenceSet]) -> list[FenceSet]:
        """Those of the sets that the partition has to be told of."""
        if self._reading is None or self.engine is None:
            return []
        return [one for one in sets if one.number > self._reading.newest]

    def put_fences(self, fence_set: FenceSet, index: FenceIndex) -> None:
        """Tell the engine of the first unread set; from when on it counts is written down for whoever takes over.

        One that is read too late counts from the next instant of the clock.
        """
        engine = self.present_engine()
        self._reading, at = (self._reading or Reading()).take(fence_set, engine.clock)
        self._reading_owed = True
        self._sets[index] = fence_set
        engine.put_fences(index, at)
        if at != fence_set.effective_at:
            log.info("fences_late", partition=self.number, set=fence_set.number, from_clock=at)

    def _look_at_fences(self, engine: MonitorEngine) -> None:
        """Say which set is in force, where that is news."""
        if engine.fences is self._in_force:
            return
        former, present = self._in_force, engine.fences
        self._in_force = present
        named = self._sets.get(present)
        number = named.number if named else 0
        self._metrics.count_fences(self.number, number, len(present.fences), present.version)
        if named is not None:
            self._sets = {index: one for index, one in self._sets.items() if one.number >= number}
            log.info(
                "fences_in_force",
                partition=self.number,
                set=number,
                author=named.manifest.author,
                **counted(former.fences if former else (), present.fences),
            )

    def forget(self, keys: Iterable[bytes], unreadable: Sequence[Rejected]) -> None:
        """Keep no state under these keys; what could not be read of it goes to the dead letters.

        What was found out anew of their vehicles is kept instead, by the same transaction: after it nobody knows that their
        beginning is not known.
        """
        for key in keys:
            self._waiting.states.append(Outgoing(None, key, None))
            self._waiting.owed.add(key.decode("utf-8", "replace"))
        self._waiting.add([], unreadable, self._topics.states)

    def _step(self, batch: Batch) -> Effects:
        engine = self.present_engine()
        mark = Mark(batch.offsets[0] if len(batch) else self.next_offset, engine.clock)
        with self._metrics.time_step("engine"):
            effects = engine.step(batch)
        self._look_at_fences(engine)
        self._ledger.note(effects.changed, mark, time.monotonic())
        self._waiting.states += [Outgoing(None, vehicle_id.encode(), None) for vehicle_id in effects.forgotten]
        return effects

    # Making it durable

    def due(self, *, catching_up: bool = False) -> bool:
        """Whether it is time for a checkpoint: something waits to be announced, or much, or progress long enough."""
        if self.settled:
            return False
        if self._waiting.is_urgent and not catching_up:
            return True
        soon = self._waiting.is_urgent or self._waiting.size >= _MUCH_BYTES
        interval_s = _CATCHING_UP_INTERVAL_S if soon else COMMIT_INTERVAL_S
        return time.monotonic() - self._settled_at >= interval_s

    def is_full(self) -> bool:
        """Whether so much waits to be made durable that judging had better wait for it."""
        return self._waiting.size >= _MOST_BYTES

    async def settle(self) -> None:
        """Make everything concluded so far durable; judging may go on meanwhile. Raises PartitionLostError."""
        async with self._settling:
            if self.settled:
                return
            self._save()
            position, waiting = self._position(), self._waiting
            self._waiting = Waiting()
            try:
                with self._metrics.time_step("commit"):
                    await self._checkpoint.write(
                        lambda most_bytes: self._records(waiting, most_bytes), self._committed, position
                    )
            except BaseException:
                self._waiting = waiting.and_then(self._waiting)
                raise
            self._count(waiting)
            self.durable_offset = self._committed = position.offset
            self._settled_at = time.monotonic()

    def _save(self) -> None:
        """Take the snapshots that are owed, and those whose turn it is."""
        engine, waiting = self.present_engine(), self._waiting
        slots = np.union1d(
            np.array(engine.slots_of(waiting.owed), dtype=np.intp), self._ledger.in_turn(time.monotonic())
        )
        for saved in map(engine.save, slots.tolist()):
            if not saved.vehicle_id:
                continue  # forgotten meanwhile
            value = encode_state(saved, self.next_offset, self._group)
            waiting.states.append(Outgoing(None, saved.vehicle_id.encode(), value))
        if self._reading_owed and self._reading is not None:
            waiting.states.append(Outgoing(None, READING_KEY, encode_reading(self._reading, self._group)))
            self._reading_owed = False
        waiting.owed.clear()
        self._ledger.clean(slots)
        self._metrics.snapshots.inc(len(slots))

    def _position(self) -> Position:
        engine = self.present_engine()
        replay_from = self._ledger.replay_from(Mark(self.next_offset, engine.clock))
        return Position(self.next_offset, Restart(replay_from, engine.truncated_until).text())

    def _records(self, waiting: Waiting, most_bytes: int) -> Records:
        # To the partition of the pings, so that what concerns one vehicle stays in one order.
        return {
            TopicPartition(self._topics.alerts, self.number): [_alert(alert, most_bytes) for alert in waiting.alerts],
            TopicPartition(self._topics.deadletters, self.number): [
                dead_letter(refused, topic, self.number, most_bytes) for topic, refused in waiting.rejects
            ],
            TopicPartition(self._topics.states, self.number): waiting.states,
        }

    def _count(self, written: Waiting) -> None:
        for kind, count in Counter((alert.rule, alert.severity, alert.event) for alert in written.alerts).items():
            self._metrics.alerts.labels(*kind).inc(count)
        for _, refused in written.rejects:
            self._metrics.dead_letters.labels(refused.reject.reason).inc()

    # Being ours, or not

    def observe(self) -> None:
        """Bring the gauges that cost a look at every vehicle up to date."""
        if self.engine is not None and self.state is State.RUNNING:
            gauges = self.engine.gauges()
            self._metrics.vehicles.labels(str(self.number)).set(gauges["vehicles"])
            self._metrics.open_alerts.labels(str(self.number)).set(gauges["open_alerts"])

    async def fence(self) -> Position | None:
        """End what a former owner was writing, and give what is committed. Raises KafkaError, OSError."""
        return await self._checkpoint.open(None if self.engine is None else self.next_offset)

    def present_engine(self) -> MonitorEngine:
        """The engine. Raises RuntimeError when there is none yet."""
        if self.engine is None:
            raise RuntimeError(f"partition {self.number} was given records before its state")
        return self.engine

    def _sample(self, batch: Batch) -> None:
        self._metrics.partition_clock.labels(str(self.number)).set(self.present_engine().clock / 1000)
        step = len(batch) // _LAG_SAMPLES + 1
        for arrival, ping in zip(batch.arrivals[::step], batch.pings[::step], strict=True):
            if ping is not None:
                self._metrics.event_time_lag.observe(max(0, arrival - ping.ts) / 1000)


def _alert(alert: Alert, most_bytes: int) -> Outgoing:
    # Stamped with the arrival clock: a live topic overrides it, on a sim topic it is the only time that means anything.
    return Outgoing(alert.raised_at, alert.vehicle_id.encode(), encode_alert(alert, most_bytes))
