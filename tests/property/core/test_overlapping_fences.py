"""Fences that overlap: what is told of one does not depend on the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings

from geofences.index import FenceIndex
from geofences.model import Detect, Fence
from telematics.core.engine import MonitorEngine
from telematics.model import Alert
from tests.support.generator import RULE_SET, Coverage, Stream, run, streams
from tests.support.places import ALL_VISITS, circle

GATE = Fence(id="gate", shape=circle(85, 250), detect=ALL_VISITS, dwell_s=300)
FENCES = (
    GATE,
    replace(GATE, id="court", shape=circle(85, 120), min_inside_s=45),
    replace(GATE, id="district", shape=circle(85.4, 900), dwell_s=120, min_outside_s=0),
    replace(GATE, id="twin"),
    Fence(id="line", shape=circle(85.2, 60), detect=frozenset({Detect.CROSS, Detect.EXIT})),
)


def _told(stream: Stream, *fences: Fence) -> dict[str | None, list[Any]]:
    """What the rules of visits say of each fence."""
    engine = MonitorEngine(FenceIndex(fences), RULE_SET)
    for trip in stream.trips:
        engine.put_trip(trip)
    told: dict[str | None, list[Any]] = {fence.id: [] for fence in fences}
    for alert in run(engine, stream.inputs).alerts:
        if alert.rule.startswith("geofence_"):
            told[alert.subject].append(_but_for_the_set(alert))
    return told


def _but_for_the_set(alert: Alert) -> Alert:
    return replace(alert, evidence={**alert.evidence, "fences_version": ""})


def test_a_fence_is_judged_as_if_it_were_alone() -> None:
    """One inside another, one across it, one drawn twice: each has the alerts that it has without the others."""
    seen = Coverage()

    @settings(max_examples=25, deadline=None, derandomize=True)
    @given(stream=streams())
    def law(stream: Stream) -> None:
        together = _told(stream, *FENCES)
        for fence in FENCES:
            assert together[fence.id] == _told(stream, fence)[fence.id]
            seen.add(together[fence.id])

    law()
    for event in ("raised", "cleared"):
        for rule in ("geofence_enter", "geofence_exit", "geofence_dwell"):
            assert seen.seen[rule, event] > 5
