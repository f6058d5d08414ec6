"""Metrics: documented, named as Prometheus wants, and without a label that grows with the fleet."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from prometheus_client import Metric

from telematics.core.effects import Effects, Outcome, Quarantine
from telematics.metrics import Metrics

_DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"


def _collected() -> list[Metric]:
    return list(Metrics().registry.collect())


def _full_name(metric: Metric) -> str:
    return f"{metric.name}_total" if metric.type == "counter" else metric.name


def test_the_documentation_lists_exactly_the_metrics_there_are() -> None:
    """Every metric has its heading in docs/metrics.md, and no heading names a metric that is gone."""
    documented = re.findall(r"^## `(telematics_\w+)", _DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(documented) == sorted(map(_full_name, _collected()))


def test_names_carry_base_units() -> None:
    """A duration or an instant is in seconds and says so; nothing is in milliseconds or kilometres."""
    for metric in _collected():
        assert metric.name.startswith("telematics_")
        assert not re.search(r"_(ms|millis\w*|minutes|hours|km|kb|mb)(_|$)", metric.name), metric.name
        if metric.type == "histogram":
            assert metric.name.endswith("_seconds")


def test_no_label_names_a_vehicle_a_fence_or_an_alert() -> None:
    """Ten thousand trucks must not make ten thousand series."""
    metrics = Metrics()
    labels = {
        name for attribute in metrics.__slots__ for name in getattr(getattr(metrics, attribute), "_labelnames", ())
    }
    assert labels == {
        "outcome",
        "rule",
        "severity",
        "event",
        "reason",
        "step",
        "partition",
        "state",
        "version",
        "python",
    }


def test_effects_are_counted_by_outcome_and_reason() -> None:
    """What a step did to its inputs is added up; a tick is no ping."""
    metrics = Metrics()
    effects = Effects(
        counts=Counter({Outcome.ACCEPTED: 3, Outcome.QUARANTINED: 1, Outcome.TICK: 2, Outcome.REBUILD_TRUNCATED: 1}),
        quarantined=Counter({Quarantine.FUTURE_CLOCK: 1}),
    )
    metrics.count(effects)
    metrics.count(effects)
    value = metrics.registry.get_sample_value
    assert value("telematics_pings_total", {"outcome": "accepted"}) == 6
    assert value("telematics_pings_total", {"outcome": "quarantined"}) == 2
    assert value("telematics_pings_total", {"outcome": "tick"}) is None
    assert value("telematics_ticks_total") == 4
    assert value("telematics_quarantined_total", {"reason": "future_clock"}) == 2
    assert value("telematics_rebuild_truncated_total") == 2


def test_a_partition_that_went_away_leaves_no_gauge() -> None:
    """After a rebalance the former owner must not go on showing the clock it had."""
    metrics = Metrics()
    metrics.partition_clock.labels("3").set(1)
    metrics.vehicles.labels("3").set(1)
    metrics.forget_partition(3)
    assert metrics.registry.get_sample_value("telematics_partition_clock_seconds", {"partition": "3"}) is None
    assert metrics.registry.get_sample_value("telematics_vehicles", {"partition": "3"}) is None


def test_two_monitors_in_one_process_do_not_mix() -> None:
    """Each Metrics has a registry of its own."""
    one, other = Metrics(), Metrics()
    one.ticks.inc()
    assert other.registry.get_sample_value("telematics_ticks_total") == 0
