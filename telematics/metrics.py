"""What a running monitor or bridge tells Prometheus (`docs/metrics.md` lists every name and a test compares).

Base units throughout; labels come from closed sets. A vehicle, fence or alert id is never a label: ten thousand
trucks would make ten thousand series of each metric.
"""

from __future__ import annotations

import platform
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from telematics.core.effects import PING_OUTCOMES, Effects, Outcome
from telematics.version import product_version

# From one record to the largest batch: a step takes tens of microseconds to about a second.
_STEP_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
# From live (under a second) over a dead zone (an hour) to a device that was dark for a day.
_LAG_BUCKETS = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0)


@dataclass(slots=True)
class Metrics:
    """All metrics of one process, on a registry of their own (two monitors can live in one); a bridge leaves most alone."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    pings: Counter = field(init=False)
    bridged: Counter = field(init=False)
    alerts: Counter = field(init=False)
    dead_letters: Counter = field(init=False)
    quarantined: Counter = field(init=False)
    unknown_fields: Counter = field(init=False)
    rebuild_truncated: Counter = field(init=False)
    state_dropped: Counter = field(init=False)
    ticks: Counter = field(init=False)
    snapshots: Counter = field(init=False)
    event_time_lag: Histogram = field(init=False)
    batch_duration: Histogram = field(init=False)
    step_duration: Histogram = field(init=False)
    partition_clock: Gauge = field(init=False)
    partition_lag: Gauge = field(init=False)
    vehicles: Gauge = field(init=False)
    open_alerts: Gauge = field(init=False)
    fence_set: Gauge = field(init=False)
    fences: Gauge = field(init=False)
    fence_set_info: Gauge = field(init=False)
    fence_sets_refused: Counter = field(init=False)
    partitions: Gauge = field(init=False)
    build_info: Gauge = field(init=False)

    def __post_init__(self) -> None:
        to = self.registry
        self.pings = Counter("telematics_pings", "Readable pings, by what became of them.", ["outcome"], registry=to)
        self.bridged = Counter(
            "telematics_bridged_pings", "Pings that a bridge has written, confirmed by the broker.", registry=to
        )
        self.alerts = Counter(
            "telematics_alerts",
            "Alert events confirmed by the broker, by rule, severity (1 record to 5 critical) and life-cycle event.",
            ["rule", "severity", "event"],
            registry=to,
        )
        self.dead_letters = Counter(
            "telematics_dead_letters",
            "Unreadable records sent to the dead-letter topic, by reason.",
            ["reason"],
            registry=to,
        )
        self.quarantined = Counter(
            "telematics_quarantined",
            "Valid pings kept away from geometry, by reason; they still prove that the device lives.",
            ["reason"],
            registry=to,
        )
        self.unknown_fields = Counter(
            "telematics_unknown_fields", "Fields of pings that this version does not know and ignored.", registry=to
        )
        self.rebuild_truncated = Counter(
            "telematics_rebuild_truncated",
            "Episodes that were already true where the rebuild window begins; they raise and clear nothing.",
            registry=to,
        )
        self.state_dropped = Counter(
            "telematics_state_dropped",
            "Details forgotten because the state of a vehicle reached its bound, oldest first.",
            registry=to,
        )
        self.ticks = Counter(
            "telematics_ticks",
            "Records that only carry time; without them a quiet partition stands still.",
            registry=to,
        )
        self.snapshots = Counter(
            "telematics_snapshots",
            "Snapshots of a vehicle's state, written with what was concluded from it.",
            registry=to,
        )
        self.event_time_lag = Histogram(
            "telematics_event_time_lag_seconds",
            "Broker's arrival time minus device time of accepted pings.",
            buckets=_LAG_BUCKETS,
            registry=to,
        )
        self.batch_duration = Histogram(
            "telematics_batch_duration_seconds",
            "One batch from fetched to judged; what comes of it is committed meanwhile.",
            buckets=_STEP_BUCKETS,
            registry=to,
        )
        self.step_duration = Histogram(
            "telematics_step_duration_seconds",
            "The parts of a batch: decode, engine, commit.",
            ["step"],
            buckets=_STEP_BUCKETS,
            registry=to,
        )
        self.partition_clock = Gauge(
            "telematics_partition_clock_seconds",
            "Highest arrival processed, as Unix time; it stops when ticks stop.",
            ["partition"],
            registry=to,
        )
        self.partition_lag = Gauge(
            "telematics_partition_lag_records",
            "Records in the log whose outcome is not committed yet.",
            ["partition"],
            registry=to,
        )
        self.vehicles = Gauge("telematics_vehicles", "Vehicles in state.", ["partition"], registry=to)
        self.open_alerts = Gauge("telematics_open_alerts", "Alerts raised and not cleared.", ["partition"], registry=to)
        self.fence_set = Gauge(
            "telematics_fence_set",
            "Number of the fence set in force; 0 for the fences of a file.",
            ["partition"],
            registry=to,
        )
        self.fences = Gauge("telematics_fences", "Fences of the set in force.", ["partition"], registry=to)
        self.fence_set_info = Gauge(
            "telematics_fence_set_info",
            "Always 1; the label `version` is the `fences_version` that alerts carry now.",
            ["partition", "version"],
            registry=to,
        )
        self.fence_sets_refused = Counter(
            "telematics_fence_sets_refused",
            "Fence sets that were published and not taken, by reason; the set in force stays.",
            ["reason"],
            registry=to,
        )
        self.partitions = Gauge(
            "telematics_partitions",
            "Partitions held by this process, by state: rebuilding or running.",
            ["state"],
            registry=to,
        )
        self.build_info = Gauge(
            "telematics_build_info", "Always 1; the labels say what is running.", ["version", "python"], registry=to
        )
        self.build_info.labels(product_version(), platform.python_version()).set(1)

    def time_step(self, step: str) -> AbstractContextManager[object]:
        """Measure one part of a batch: decode, engine, publish or commit."""
        return self.step_duration.labels(step).time()

    def count(self, effects: Effects) -> None:
        """Add what one step of an engine did to its inputs (its alerts count once the broker has them)."""
        for outcome in PING_OUTCOMES:
            if effects.counts[outcome]:
                self.pings.labels(outcome).inc(effects.counts[outcome])
        for reason, number in effects.quarantined.items():
            self.quarantined.labels(reason).inc(number)
        self.ticks.inc(effects.counts[Outcome.TICK])
        self.rebuild_truncated.inc(effects.counts[Outcome.REBUILD_TRUNCATED])
        self.state_dropped.inc(effects.counts[Outcome.STATE_DROPPED])

    def count_fences(self, partition: int, number: int, fences: int, version: str) -> None:
        """A set of so many fences is in force in a partition from now on."""
        self._forget_fences(partition)
        self.fence_set.labels(str(partition)).set(number)
        self.fences.labels(str(partition)).set(fences)
        self.fence_set_info.labels(str(partition), version).set(1)

    def _forget_fences(self, partition: int) -> None:
        for sample in [sample for metric in self.fence_set_info.collect() for sample in metric.samples]:
            if sample.labels["partition"] == str(partition):
                self.fence_set_info.remove(str(partition), sample.labels["version"])

    def forget_partition(self, partition: int) -> None:
        """Drop the gauges of a partition that another process owns now, so that they do not freeze at old values."""
        self._forget_fences(partition)
        own = (self.partition_clock, self.partition_lag, self.vehicles, self.open_alerts, self.fence_set, self.fences)
        for gauge in own:
            gauge.remove(str(partition))
