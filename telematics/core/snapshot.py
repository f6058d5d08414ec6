"""A vehicle's state as plain data and back: JSON values only, so that it can be stored, compared and versioned."""

from __future__ import annotations

from typing import Any

from telematics.core.facts import alert_id
from telematics.core.state import Anchor, DeviceState, Episode, FixPoint, VehicleState, Visit, remembering
from telematics.model import Device, Severity

STATE_VERSION = 1


def snapshot_vehicle(state: VehicleState) -> dict[str, Any]:
    """Plain data; what follows from the rest, from the fences or from the trip is left out."""
    return {
        "v": STATE_VERSION,
        "first_ts": state.first_ts,
        "primary": state.primary.value,
        "device": _plain_device(state.device),
        "others": {name.value: _plain_device(device) for name, device in state.others.items()},
        # Not always the newest of the ring: a late fix behind pings without one is there, and moves nothing.
        "fix": None if state.fix is None else list(state.fix),
        "ring": _plain_ring(state.ring),
        "anchor": None if state.anchor is None else list(state.anchor),
        "moved_ts": state.moved_ts,
        "ignition": [state.ignition, state.ignition_ts],
        "suspects": [list(fix) for fix in state.suspects],
        "events": [list(event) for event in state.events],
        "event_floors": dict(state.event_floors),
        "visits": [
            [fence_id, str(visit.state), visit.since, visit.since_at, visit.leaving_since, visit.known]
            for fence_id, visit in state.visits.items()
        ],
        "exits": dict(state.exits),
        "episodes": [
            [*key, episode.seq, int(episode.severity), episode.start, episode.known]
            for key, episode in state.episodes.items()
        ],
        "deadlines": [[*key, due] for key, due in state.deadlines.items()],
        "memory": [[*key, value] for key, value in state.memory.items()],
    }


def restore_vehicle(vehicle_id: str, plain: dict[str, Any]) -> VehicleState:
    """The state that `snapshot_vehicle` wrote down. Raises ValueError for a version it does not know."""
    if plain.get("v") != STATE_VERSION:
        msg = f"state of vehicle {vehicle_id} has version {plain.get('v')!r}; this program reads {STATE_VERSION}"
        raise ValueError(msg)
    ignition, ignition_ts = plain["ignition"]
    memory = {(rule, subject): value for rule, subject, value in plain["memory"]}
    ring = _ring(plain["ring"])
    return VehicleState(
        vehicle_id=vehicle_id,
        first_ts=plain["first_ts"],
        primary=Device(plain["primary"]),
        device=_device(plain["device"]),
        others={Device(name): _device(device) for name, device in plain["others"].items()},
        fix=None if plain["fix"] is None else FixPoint(*plain["fix"]),
        ring=ring,
        anchor=None if plain["anchor"] is None else Anchor(*plain["anchor"]),
        moved_ts=plain["moved_ts"],
        ignition=ignition,
        ignition_ts=ignition_ts,
        suspects=[FixPoint(*fix) for fix in plain["suspects"]],
        events=[(ts, code) for ts, code in plain["events"]],
        event_floors=dict(plain["event_floors"]),
        visits={fence_id: Visit(*visit) for fence_id, *visit in plain["visits"]},
        exits=dict(plain["exits"]),
        episodes={
            (rule, subject): Episode(alert_id(vehicle_id, rule, subject, start), seq, Severity(severity), start, known)
            for rule, subject, seq, severity, start, known in plain["episodes"]
        },
        deadlines={(rule, subject): due for rule, subject, due in plain["deadlines"]},
        memory=memory,
        remembering=remembering(memory),
    )


def _plain_ring(ring: list[FixPoint]) -> list[list[float]]:
    """The fixes, each with the ms since the one before: half the digits."""
    before = 0
    rows: list[list[float]] = []
    for fix in ring:
        rows.append([fix.ts - before, *fix[1:]])
        before = fix.ts
    return rows


def _ring(rows: list[list[Any]]) -> list[FixPoint]:
    ring: list[FixPoint] = []
    for since, *rest in rows:
        ring.append(FixPoint((ring[-1].ts if ring else 0) + since, *rest))
    return ring


def _plain_device(device: DeviceState) -> list[Any]:
    return [
        device.heard_at,
        device.last_ts,
        device.interval_s,
        list(device.gaps_s),
        device.reports_satellites,
        list(device.odd),
        list(device.astray),
        device.floor,
    ]


def _device(plain: list[Any]) -> DeviceState:
    heard_at, last_ts, interval_s, gaps_s, reports_satellites, odd, astray, floor = plain
    return DeviceState(heard_at, last_ts, interval_s, tuple(gaps_s), reports_satellites, list(odd), list(astray), floor)
