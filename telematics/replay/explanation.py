"""Why a rule said what it said of one vehicle, or said nothing: the same engine, run again with its tracer on.

Of other vehicles only the time is kept (their pings become ticks): an engine judges each vehicle alone, and what
others do reaches it only as the partition's clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from telematics.core.engine import MonitorEngine
from telematics.core.rules import RULES
from telematics.core.rules.base import Verdict
from telematics.model import Alert, Batch, Trip
from telematics.wire.rounding import rounded


@dataclass(frozen=True, slots=True)
class Said:
    """What a rule concluded last on one subject, when (arrival, ms), and on what grounds."""

    rule: str
    subject: str
    verdict: Verdict
    at: int | None
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A vehicle at a time: the facts as the engine knew them, each rule's last word, and the alerts until then."""

    vehicle_id: str
    at: int
    pings: int
    facts: Mapping[str, Any]
    verdicts: tuple[Said, ...]
    alerts: tuple[Alert, ...]


def explain_vehicle(engine: MonitorEngine, inputs: Iterable[Batch | Trip], vehicle_id: str, at: int) -> Explanation:
    """Run the inputs with arrival ≤ `at` (ms) through a fresh engine and listen to what it says of one vehicle.

    The inputs are those of the vehicle's partition, with trips where they were published.
    """
    heard: dict[tuple[str, str], Said] = {}
    alerts: list[Alert] = []
    pings = 0

    def listen(_vehicle: str, when: int, rule: str, subject: str, verdict: Verdict, details: Mapping[str, Any]) -> None:
        heard[rule, subject] = Said(rule, subject, verdict, when, rounded("", details))

    engine.trace(listen)
    for given in inputs:
        if isinstance(given, Trip):
            if given.vehicle_id == vehicle_id:
                engine.put_trip(given)
            continue
        kept = _of_vehicle(given, vehicle_id, at)
        pings += sum(1 for ping in kept.pings if ping is not None)
        alerts += engine.step(kept).alerts
    # Time goes on to `at` even where nobody reported: a silence is explained as well.
    alerts += engine.step(Batch([0], [at], [None])).alerts
    spoken = {rule for rule, _ in heard}
    quiet = (Said(rule.id, "", Verdict.QUIET, None, {}) for rule in RULES if rule.id not in spoken)
    order = {rule.id: number for number, rule in enumerate(RULES)}
    said = sorted([*heard.values(), *quiet], key=lambda one: (order.get(one.rule, len(order)), one.subject))
    return Explanation(vehicle_id, at, pings, _facts(engine, vehicle_id, at), tuple(said), tuple(alerts))


def _of_vehicle(batch: Batch, vehicle_id: str, at: int) -> Batch:
    # Arrivals of a CreateTime topic need not rise, so each is looked at.
    kept = [number for number, arrival in enumerate(batch.arrivals) if arrival <= at]
    pings = [batch.pings[number] for number in kept]
    return replace(
        batch,
        offsets=[batch.offsets[number] for number in kept],
        arrivals=[batch.arrivals[number] for number in kept],
        pings=[ping if ping is not None and ping.vehicle_id == vehicle_id else None for ping in pings],
    )


def _facts(engine: MonitorEngine, vehicle_id: str, at: int) -> dict[str, Any]:
    """What the engine knows, by name; instants (ms) end in `_at` or `_since`."""
    state, fences = engine.vehicle(vehicle_id), engine.fences.fences
    if state is None:
        return {}
    facts: dict[str, Any] = {
        "heard_at": state.device.heard_at,
        "silent_s": max(0, at - state.device.heard_at) / 1000,
        "interval_s": state.device.interval_s,
        "ignition": state.ignition,
        "trip": state.trip.trip.id if state.trip and state.trip.trip else None,
    }
    if state.fix is not None:
        facts |= {
            "fix_at": state.fix.ts,
            "lat": round(state.fix.lat, 6),
            "lon": round(state.fix.lon, 6),
            "accuracy_m": round(state.fix.accuracy_m, 1),
            "speed_kmh": round(state.fix.speed_kmh, 1),
        }
        if state.anchor is not None:
            facts |= {"within_stop_radius_since": state.anchor.ts, "stood_s": (state.fix.ts - state.anchor.ts) / 1000}
    return facts | {
        "risk": state.risk,
        "corridor": None if state.corridor is None else fences[state.corridor].id,
        "places": [fences[number].id for number in state.places],
        "dead_zone": None if state.dead_zone is None else fences[state.dead_zone].id,
        "visits": {fence_id: str(visit.state) for fence_id, visit in state.visits.items()},
        "open_alerts": {
            f"{rule} {subject}".strip(): open_.alert_id for (rule, subject), open_ in state.episodes.items()
        },
    }
