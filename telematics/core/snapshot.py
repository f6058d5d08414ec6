"""A vehicle's state as plain data and back: JSON values only, so that it can be stored, compared and versioned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telematics.core.facts import alert_id
from telematics.core.state import Anchor, DeviceState, Episode, FixPoint, VehicleState, Visit, remembering
from telematics.model import Device, Severity

if TYPE_CHECKING:
    from telematics.core.timers import TrueDue

STATE_VERSION = 1


def snapshot_vehicle(state: VehicleState, ring: list[FixPoint], true_due: TrueDue) -> dict[str, Any]:
    """Plain data; what follows from the rest, from the fences or from the trip is left out.

    Ids of fences and rules are written once, in `names`, and stand elsewhere as their number there: a fence that is
    visited appears up to nine times, and its id may have 64 characters.
    """
    number = _Numbers()
    plain = {
        "v": STATE_VERSION,
        "first_ts": state.first_ts,
        "primary": state.primary.value,
        "device": _plain_device(state.device),
        "others": {name.value: _plain_device(device) for name, device in state.others.items()},
        # Not always the newest of the ring: a late fix behind pings without one is there, and moves nothing.
        "fix": None if state.fix is None else list(state.fix),
        "ring": _plain_ring(ring),
        "anchor": None if state.anchor is None else list(state.anchor),
        "moved_ts": state.moved_ts,
        "ignition": [state.ignition, state.ignition_ts],
        "suspects": [list(fix) for fix in state.suspects],
        "events": [[ts, number[code]] for ts, code in state.events],
        "event_floors": [[number[code], ts] for code, ts in state.event_floors.items()],
        "visits": [
            [number[fence_id], number[visit.state], visit.since, visit.since_at, visit.leaving_since, visit.known]
            for fence_id, visit in state.visits.items()
        ],
        "exits": [[number[fence_id], ts] for fence_id, ts in state.exits.items()],
        "episodes": [
            [number[rule], number[subject], episode.seq, int(episode.severity), episode.start, episode.known]
            for (rule, subject), episode in state.episodes.items()
        ],
        "deadlines": [
            [number[key[0]], number[key[1]], true_due(state, key, due)] for key, due in state.deadlines.items()
        ],
        "memory": [[number[rule], number[subject], value] for (rule, subject), value in state.memory.items()],
    }
    return {**plain, "names": list(number)}


def restore_vehicle(vehicle_id: str, plain: dict[str, Any]) -> tuple[VehicleState, list[FixPoint]]:
    """The state and the ring that `snapshot_vehicle` wrote down. Raises ValueError for a version it does not know."""
    if plain.get("v") != STATE_VERSION:
        msg = f"state of vehicle {vehicle_id} has version {plain.get('v')!r}; this program reads {STATE_VERSION}"
        raise ValueError(msg)
    ignition, ignition_ts = plain["ignition"]
    name: list[str] = plain["names"]
    memory = {(name[rule], name[subject]): value for rule, subject, value in plain["memory"]}
    state = VehicleState(
        vehicle_id=vehicle_id,
        first_ts=plain["first_ts"],
        primary=Device(plain["primary"]),
        device=_device(plain["device"]),
        others={Device(name): _device(device) for name, device in plain["others"].items()},
        fix=None if plain["fix"] is None else FixPoint(*plain["fix"]),
        anchor=None if plain["anchor"] is None else Anchor(*plain["anchor"]),
        moved_ts=plain["moved_ts"],
        ignition=ignition,
        ignition_ts=ignition_ts,
        suspects=[FixPoint(*fix) for fix in plain["suspects"]],
        events=[(ts, name[code]) for ts, code in plain["events"]],
        event_floors={name[code]: ts for code, ts in plain["event_floors"]},
        visits={name[fence_id]: Visit(name[state], *visit) for fence_id, state, *visit in plain["visits"]},
        exits={name[fence_id]: ts for fence_id, ts in plain["exits"]},
        episodes={
            (name[rule], name[subject]): Episode(
                alert_id(vehicle_id, name[rule], name[subject], start), seq, Severity(severity), start, known
            )
            for rule, subject, seq, severity, start, known in plain["episodes"]
        },
        deadlines={(name[rule], name[subject]): due for rule, subject, due in plain["deadlines"]},
        memory=memory,
        remembering=remembering(memory),
    )
    return state, _ring(plain["ring"])


class _Numbers(dict[str, int]):
    """Gives each name a number, in the order of asking."""

    def __missing__(self, name: str) -> int:
        number = self[str(name)] = len(self)
        return number


def _plain_ring(ring: list[FixPoint]) -> list[list[float]]:
    """The fixes, each with the ms since the one before, and whole numbers as such: half the digits."""
    before = 0
    rows: list[list[float]] = []
    for fix in ring:
        rows.append([fix.ts - before, *[int(value) if value == int(value) else value for value in fix[1:]]])
        before = fix.ts
    return rows


def _ring(rows: list[list[Any]]) -> list[FixPoint]:
    ring: list[FixPoint] = []
    for since, *rest in rows:
        ring.append(FixPoint((ring[-1].ts if ring else 0) + since, *map(float, rest)))
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
