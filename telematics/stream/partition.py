"""One partition of the pings in our hands: its engine, how far it has come, and what is not durable yet."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

from aiokafka import TopicPartition

from telematics.core.effects import Effects, Outcome
from telematics.core.engine import MonitorEngine
from telematics.metrics import Metrics
from telematics.model import ANNOUNCED_FROM, Alert, Batch
from telematics.settings import TopicSettings
from telematics.stream.checkpoint import Checkpoint, Outgoing, Position, Records
from telematics.stream.deadletters import dead_letter
from telematics.stream.lag import Lag
from telematics.wire.alerts import encode_alert
from telematics.wire.records import Record, Rejected, decode_records

# Without anything to announce, progress is made durable this often: after a crash so much is judged again.
COMMIT_INTERVAL_S = 1.0
# While there is more to judge than one turn takes, alerts are late by far more than this: then one transaction is not
# begun before so much has gone by since the last, for each costs the broker five requests.
_CATCHING_UP_INTERVAL_S = 0.25
# So much may wait for it meanwhile, about: then it is time, and then judging waits.
_MUCH_BYTES, _MOST_BYTES = 1_000_000, 16_000_000
_ALERT_BYTES = 2_000
# Looking at every ping's lag would cost as much as screening it (3 µs); batches are so frequent that the histogram has
# its shape with at most this many of each.
_LAG_SAMPLES = 8


class State(StrEnum):
    """Where a partition is in its life with us."""

    REBUILDING = "rebuilding"
    RUNNING = "running"


class Partition:
    """The work on one partition, from records to a checkpoint. It is told when; it reads no clock of the wall."""

    def __init__(
        self, number: int, partitions: int, topics: TopicSettings, checkpoint: Checkpoint, metrics: Metrics
    ) -> None:
        self.number = number
        self.partitions = partitions
        self.state = State.REBUILDING
        self.progress = ""
        self.next_offset = 0
        self.engine: MonitorEngine | None = None
        self.lag = Lag()
        self.taken = asyncio.Event()
        """Set when the partition is no longer ours."""
        self._topics = topics
        self._checkpoint = checkpoint
        self._metrics = metrics
        self._alerts: list[Alert] = []
        self._rejects: list[Rejected] = []
        self._durable_offset = 0
        self._committed: int | None = None
        self._urgent = False
        self._waiting_bytes = 0
        self._settling = asyncio.Lock()
        self._settled_at = time.monotonic()

    def run_from(self, engine: MonitorEngine, next_offset: int, committed: int | None) -> None:
        """The engine holds everything before `next_offset`: what follows counts. `committed` is what the broker says."""
        self.engine = engine
        self._committed = committed
        self.next_offset = self._durable_offset = next_offset
        self.state = State.RUNNING
        self.progress = ""

    def decode(self, records: Sequence[Record]) -> tuple[Batch, list[Rejected]]:
        """The batch for the engine and the refusals; unknown fields are counted."""
        with self._metrics.time_step("decode"):
            decoded = decode_records(records, self.number, self.partitions)
        if decoded.unknown_fields:
            self._metrics.unknown_fields.inc(decoded.unknown_fields)
        return decoded.batch, decoded.rejects

    def take(self, records: Sequence[Record]) -> None:
        """Judge records that follow `next_offset`, and keep what comes of it for the next checkpoint."""
        engine = self._present_engine()
        batch, rejects = self.decode(records)
        with self._metrics.time_step("engine"):
            effects = engine.step(batch)
        self._alerts += effects.alerts
        self._rejects += rejects
        self._waiting_bytes += sum(_ALERT_BYTES + len(refused.record.value or b"") for refused in rejects)
        self._waiting_bytes += _ALERT_BYTES * len(effects.alerts)
        self._urgent = (
            self._urgent or bool(rejects) or any(alert.severity >= ANNOUNCED_FROM for alert in effects.alerts)
        )
        self.next_offset = records[-1].offset + 1
        self._metrics.count(effects)
        self._sample(batch)

    def count_rebuild(self, effects: Effects) -> None:
        """Of a silent replay only this is news: episodes that cannot be told because their beginning is gone."""
        self._metrics.rebuild_truncated.inc(effects.counts[Outcome.REBUILD_TRUNCATED])

    @property
    def settled(self) -> bool:
        """Whether everything concluded is durable."""
        return self._durable_offset == self.next_offset

    def due(self, *, catching_up: bool = False) -> bool:
        """Whether it is time for a checkpoint: something waits to be announced, or much, or progress long enough."""
        if self.settled:
            return False
        since_s = time.monotonic() - self._settled_at
        if self._urgent and not catching_up:
            return True
        urgent = self._urgent or self._waiting_bytes >= _MUCH_BYTES
        return since_s >= (_CATCHING_UP_INTERVAL_S if urgent else COMMIT_INTERVAL_S)

    def is_full(self) -> bool:
        """Whether so much waits to be made durable that judging had better wait for it."""
        return self._waiting_bytes >= _MOST_BYTES

    async def settle(self) -> None:
        """Make everything concluded so far durable; judging may go on meanwhile. Raises PartitionLostError."""
        async with self._settling:
            if self.settled:
                return
            next_offset, alerts, rejects = self.next_offset, self._alerts, self._rejects
            waiting_bytes, self._waiting_bytes = self._waiting_bytes, 0
            self._alerts, self._rejects, self._urgent = [], [], False
            try:
                with self._metrics.time_step("commit"):
                    await self._checkpoint.write(
                        lambda most_bytes: self._records(alerts, rejects, most_bytes),
                        self._committed,
                        Position(next_offset),
                    )
            except BaseException:
                self._alerts[:0], self._rejects[:0], self._urgent = alerts, rejects, True
                self._waiting_bytes += waiting_bytes
                raise
            self._count(alerts, rejects)
            self._durable_offset = self._committed = next_offset
            self._settled_at = time.monotonic()

    def _records(self, alerts: Sequence[Alert], rejects: Sequence[Rejected], most_bytes: int) -> Records:
        # To the partition of the pings, so that one vehicle's alerts stay in one order.
        return {
            TopicPartition(self._topics.alerts, self.number): [_alert(alert, most_bytes) for alert in alerts],
            TopicPartition(self._topics.deadletters, self.number): [
                dead_letter(refused, self._topics.pings, self.number, most_bytes) for refused in rejects
            ],
        }

    def _count(self, alerts: Sequence[Alert], rejects: Sequence[Rejected]) -> None:
        for kind, count in Counter((alert.rule, alert.severity, alert.event) for alert in alerts).items():
            self._metrics.alerts.labels(*kind).inc(count)
        for refused in rejects:
            self._metrics.dead_letters.labels(refused.reject.reason).inc()

    def observe(self) -> None:
        """Bring the gauges that cost a look at every vehicle up to date."""
        if self.engine is not None and self.state is State.RUNNING:
            gauges = self.engine.gauges()
            self._metrics.vehicles.labels(str(self.number)).set(gauges["vehicles"])
            self._metrics.open_alerts.labels(str(self.number)).set(gauges["open_alerts"])

    def saw_end(self, end: int, now_s: float) -> None:
        """The log ended at this offset at `now_s` of a monotonic clock."""
        self.lag.seen(end, now_s)
        records, _ = self.lag.behind(self.next_offset, now_s)
        self._metrics.partition_lag.labels(str(self.number)).set(records)

    def lose(self) -> None:
        """Taken away: nothing of it is committed from now on."""
        self.taken.set()
        self._checkpoint.lose()
        self._metrics.forget_partition(self.number)

    async def fence(self) -> Position | None:
        """End what a former owner was writing, and give what is committed. Raises KafkaError, OSError."""
        return await self._checkpoint.open(None if self.engine is None else self.next_offset)

    async def close(self) -> None:
        """Let go of the producer."""
        await self._checkpoint.close()

    def _present_engine(self) -> MonitorEngine:
        if self.engine is None:
            raise RuntimeError(f"partition {self.number} was given records before its state")
        return self.engine

    def _sample(self, batch: Batch) -> None:
        self._metrics.partition_clock.labels(str(self.number)).set(self._present_engine().clock / 1000)
        step = len(batch) // _LAG_SAMPLES + 1
        for arrival, ping in zip(batch.arrivals[::step], batch.pings[::step], strict=True):
            if ping is not None:
                self._metrics.event_time_lag.observe(max(0, arrival - ping.ts) / 1000)


def _alert(alert: Alert, most_bytes: int) -> Outgoing:
    # Stamped with the arrival clock: a live topic overrides it, on a sim topic it is the only time that means anything.
    return Outgoing(alert.raised_at, alert.vehicle_id.encode(), encode_alert(alert, most_bytes))
