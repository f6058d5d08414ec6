"""Replay: the feed through the engines, the alerts to a file, and a summary of what happened."""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from geofences.index import FenceIndex
from geofences.model import Fence
from telematics.core.effects import PING_OUTCOMES, Outcome, Quarantine
from telematics.core.engine import MonitorEngine
from telematics.core.params import RuleSet
from telematics.model import Alert, AlertEvent, Batch, Trip
from telematics.replay.far import FAR, Degree, far_from_fences
from telematics.replay.feed import Feed, sets_first
from telematics.replay.fencesets import Holding, LayOut, RecordedSets
from telematics.replay.plan import Inputs, Progress
from telematics.replay.rejects import Rejects
from telematics.replay.trips import from_the_start
from telematics.wire.alerts import encode_alert
from telematics.wire.partitioner import partition_of
from telematics.wire.reasons import RejectReason

FILE_WINS = "the fences of the file hold, and not the sets that were recorded"


@dataclass(slots=True)
class Summary:
    """What became of the files.

    `pings` were judged, `rejected` rows were not read at all (by reason), `quarantined` ones are among the pings
    (by reason). `alerts` counts raised alerts by rule; `alert_records` everything written: raised, escalated, amended
    and cleared. `fences` were in force, each as it was last. `elapsed_s` is the time it took, with reading and writing.
    """

    pings: int = 0
    vehicles: int = 0
    rejected: Counter[RejectReason] = field(default_factory=Counter)
    quarantined: Counter[Quarantine] = field(default_factory=Counter)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    alerts: Counter[str] = field(default_factory=Counter)
    alert_records: int = 0
    first_arrival: int | None = None
    last_arrival: int | None = None
    fences: tuple[Fence, ...] = ()
    notes: tuple[str, ...] = ()
    elapsed_s: float = 0.0

    @property
    def pings_per_s(self) -> float:
        """Pings judged a second of the wall clock."""
        return self.pings / self.elapsed_s if self.elapsed_s else 0.0

    def as_json(self) -> dict[str, Any]:
        """The summary as `--json` prints it."""
        return {
            "pings": self.pings,
            "vehicles": self.vehicles,
            "rejected": _counts(self.rejected),
            "quarantined": _counts(self.quarantined),
            "alerts": _counts(self.alerts),
            "alert_records": self.alert_records,
            "outcomes": _counts(self.outcomes),
            "pings_per_s": round(self.pings_per_s, 1),
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Judgement:
    """By which fences and rules a recording is judged, who hears the alerts, and, where there are several, its name.

    Without fences the sets of the dump hold, as they did live, each laid out by `lay_out`.
    """

    fences: FenceIndex | None
    rules: RuleSet
    hear: Callable[[Alert], None]
    name: str = ""
    lay_out: LayOut = FenceIndex


def replay(
    feed: Feed,
    fences: FenceIndex | None,
    rules: RuleSet,
    trips: Iterable[Trip] = (),
    out: IO[bytes] | None = None,
    rejects: Rejects | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Judge the files of a feed; `out` gets one alert a line, in the order in which they became knowable."""

    def write(alert: Alert) -> None:
        if out is not None:
            out.write(encode_alert(alert) + b"\n")

    return judge(feed, [Judgement(fences, rules, write)], trips, rejects, progress)


def judge(
    feed: Feed,
    judgements: Sequence[Judgement],
    trips: Iterable[Trip] = (),
    rejects: Rejects | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Judge the files of a feed, read once, by each of these. The summary's outcomes, alerts and fences are those of the first.

    One engine a partition, as live. Between partitions alerts are ordered by `raised_at`, within one they stay in the
    order of the engine: per vehicle the bytes are those of the live monitor. Raises UserError where a judgement has no
    fences, nor the files a set of them.
    """
    started = time.perf_counter()
    rejects = rejects or Rejects()
    summary = Summary(notes=feed.notes)
    partitions = feed.header.partitions if feed.header else 1
    sets, events = sets_first(feed.read(rejects, progress))
    if sets is not None and all(judgement.fences is not None for judgement in judgements):
        summary.notes += (FILE_WINS,)
    courts = [_Engines(judgement, partitions, sets) for judgement in judgements]
    for trip in trips:
        for engines in courts:
            engines.put_trip(from_the_start(trip))
    vehicles: set[str] = set()
    degrees: set[Degree] = set()
    for event in events:
        if isinstance(event, Trip):
            for engines in courts:
                engines.put_trip(event)
            continue
        for batch in event.values():
            _note_inputs(summary, vehicles, degrees, batch)
        for engines in courts:
            engines.step(event)
    summary.outcomes, summary.quarantined = courts[0].outcomes, courts[0].quarantined
    summary.alerts, summary.alert_records = courts[0].alerts, courts[0].alert_records
    summary.fences = tuple({fence.id: fence for index in courts[0].indexes() for fence in index.fences}.values())
    summary.rejected = rejects.counts
    summary.vehicles = len(vehicles)
    # Without a ping no engine was made, and none has fences to be far from.
    asked = courts if degrees else []
    far = [engines.name for engines in asked if all(far_from_fences(degrees, index) for index in engines.indexes())]
    summary.notes += tuple(f"{name}: {FAR}" if name else FAR for name in dict.fromkeys(far))
    summary.elapsed_s = time.perf_counter() - started
    return summary


class _Engines:
    """One engine a partition, made when something of it comes; and counts of what they said, as in `Summary`."""

    def __init__(self, judgement: Judgement, partitions: int, sets: RecordedSets | None) -> None:
        self.name = judgement.name
        self.outcomes: Counter[Outcome] = Counter()
        self.quarantined: Counter[Quarantine] = Counter()
        self.alerts: Counter[str] = Counter()
        self.alert_records = 0
        self._judgement = judgement
        self._partitions = partitions
        self._engines: dict[int, MonitorEngine] = {}
        self._fences = Holding(judgement.fences, sets, judgement.lay_out)

    def indexes(self) -> list[FenceIndex]:
        """All that were in force, the oldest first."""
        return self._fences.indexes()

    def put_trip(self, trip: Trip) -> None:
        self._engine(partition_of(trip.vehicle_id.encode(), self._partitions)).put_trip(trip)

    def step(self, inputs: Inputs) -> None:
        streams: list[list[Alert]] = []
        for partition, batch in inputs.items():
            effects = self._engine(partition).step(batch)
            self.outcomes.update({outcome: effects.counts[outcome] for outcome in PING_OUTCOMES})
            self.quarantined.update(effects.quarantined)
            streams.append(effects.alerts)
        # Not a sort: two alerts of one partition keep their order whatever their instants.
        for alert in heapq.merge(*streams, key=lambda alert: alert.raised_at):
            self.alert_records += 1
            self.alerts[alert.rule] += alert.event is AlertEvent.RAISED
            self._judgement.hear(alert)

    def _engine(self, partition: int) -> MonitorEngine:
        engine = self._engines.get(partition)
        if engine is None:
            engine = self._engines[partition] = self._fences.engine(partition, self._judgement.rules)
        return engine


def _note_inputs(summary: Summary, vehicles: set[str], degrees: set[Degree], batch: Batch) -> None:
    for ping in batch.pings:
        if ping is not None:
            summary.pings += 1
            vehicles.add(ping.vehicle_id)
            degrees.add((round(ping.lon), round(ping.lat)))
    if summary.first_arrival is None:
        summary.first_arrival = batch.arrivals[0]
    summary.last_arrival = max(summary.last_arrival or batch.arrivals[-1], batch.arrivals[-1])


def _counts(counter: Counter[Any]) -> dict[str, int]:
    """Largest first, then by name; what never happened is left out."""
    ordered = sorted(counter.items(), key=lambda item: (-item[1], str(item[0])))
    return {str(name): count for name, count in ordered if count}
