"""One partition of the pings in our hands: its engine, how far it has come, and what is not durable yet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from enum import StrEnum

from telematics.core.effects import Effects, Outcome
from telematics.core.engine import MonitorEngine
from telematics.metrics import Metrics
from telematics.model import ANNOUNCED_FROM, Alert, Batch
from telematics.stream.checkpoint import Checkpoint
from telematics.stream.lag import Lag
from telematics.wire.records import Record, Rejected, decode_records

# Without anything to announce, progress is made durable this often: after a crash so much is judged again.
COMMIT_INTERVAL_S = 1.0
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

    def __init__(self, number: int, partitions: int, checkpoint: Checkpoint, metrics: Metrics) -> None:
        self.number = number
        self.partitions = partitions
        self.state = State.REBUILDING
        self.progress = ""
        self.next_offset = 0
        self.engine: MonitorEngine | None = None
        self.lag = Lag()
        self.taken = asyncio.Event()
        """Set when the partition is no longer ours."""
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

    def due(self) -> bool:
        """Whether it is time for a checkpoint: something waits to be announced, or much, or progress long enough."""
        if self._urgent or self._waiting_bytes >= _MUCH_BYTES:
            return True
        return not self.settled and time.monotonic() - self._settled_at >= COMMIT_INTERVAL_S

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
                await self._checkpoint.write(alerts, rejects, self._committed, next_offset)
            except BaseException:
                self._alerts[:0], self._rejects[:0], self._urgent = alerts, rejects, True
                self._waiting_bytes += waiting_bytes
                raise
            self._durable_offset = self._committed = next_offset
            self._settled_at = time.monotonic()

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

    async def fence(self) -> int | None:
        """End what a former owner was writing, and give the committed offset. Raises KafkaError, OSError."""
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
