"""A vehicle's state as plain data and back: JSON values only, so that it can be stored, compared and versioned."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np

from geofences.transitions import State as Membership
from telematics.core.facts import alert_id
from telematics.core.rules import RULES
from telematics.core.state import RING_FIXES, Anchor, DeviceState, Episode, FixPoint, VehicleState, Visit, remembering
from telematics.model import Device, Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from telematics.core.fleet import Floats
    from telematics.core.timers import TrueDue
    from telematics.model import Trip

STATE_VERSION = 1
# From each older version to the one after it: how a state was written then, to how it is now. Whoever changes what is
# written raises the version, and says here what becomes of the states that are kept.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}


@dataclass(frozen=True, slots=True)
class Saved:
    """What is kept of one vehicle: its state as plain data, as of an engine's clock (arrival, ms).

    `trips` are those of its trips, in force or to come, that a log which keeps only the newest would have lost.
    """

    vehicle_id: str
    clock: int
    state: dict[str, Any]
    trips: tuple[Trip, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """A vehicle as it was saved, ready to be taken up by an engine; `clock` and `trips` as in `Saved`.

    `ring` has a row of FixPoint's fields for each fix, oldest first.
    """

    state: VehicleState
    ring: Floats
    clock: int
    trips: tuple[Trip, ...] = ()


class NewerStateError(ValueError):
    """A later version of this program wrote it."""


# No larger than what they end in takes without loss: columns of floats.
_Int = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
# What each rule files in a vehicle's memory; of one that is not known here any more nothing is asked.
_REMEMBERED = {rule.id: rule.remembers for rule in RULES}
_PlainFix = tuple[_Int, float, float, float, float]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=2**53)]
_PlainDevice = tuple[_Int, _Int, _Seconds, list[_Seconds], bool, list[_Int], list[_Int], _Int]


class Plain(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The state of a vehicle as `snapshot_vehicle` writes it down, version STATE_VERSION."""

    v: _Int
    first_ts: _Int
    primary: Device
    device: _PlainDevice
    others: dict[Device, _PlainDevice]
    fix: _PlainFix | None
    ring: Annotated[list[_PlainFix], msgspec.Meta(max_length=RING_FIXES + 1)]
    anchor: tuple[_Int, float, float, bool] | None
    moved_ts: _Int
    ignition: tuple[bool | None, _Int]
    suspects: list[_PlainFix]
    events: list[tuple[_Int, _Int]]
    event_floors: list[tuple[_Int, _Int]]
    visits: list[tuple[_Int, _Int, _Int, _Int, _Int, bool]]
    exits: list[tuple[_Int, _Int]]
    episodes: list[tuple[_Int, _Int, _Int, Severity, _Int, bool]]
    deadlines: list[tuple[_Int, _Int, _Int]]
    memory: list[tuple[_Int, _Int, Any]]
    names: list[str]


def snapshot_vehicle(state: VehicleState, ring: Floats, true_due: TrueDue) -> dict[str, Any]:
    """Plain data; what follows from the rest, from the fences or from the trip is left out. `ring` as in `Known`.

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
            [number[key[0]], number[key[1]], true_due(state, key, due)]
            for key, due in state.deadlines.items()
            if key[0]
        ],
        "memory": [[number[rule], number[subject], value] for (rule, subject), value in state.memory.items()],
    }
    return {**plain, "names": list(number)}


def parse_vehicle(plain: object) -> Plain:
    """What `snapshot_vehicle` of this version or an older one wrote down, held against what it may be.

    Raises NewerStateError for a version this program does not know yet, ValueError for what is no state of a vehicle.
    """
    if not isinstance(plain, dict):
        raise ValueError("not an object")  # noqa: TRY004 - of what was read, not of a caller
    version = plain.get("v")
    refuse_newer(version)
    while version in MIGRATIONS:
        plain = MIGRATIONS[version](plain)
        version = plain["v"]
    if version != STATE_VERSION:
        raise ValueError(f"it has version {version!r}, and this program reads up to {STATE_VERSION}")
    return msgspec.convert(plain, Plain)


def refuse_newer(version: object) -> None:
    """Raises NewerStateError for a version that this program does not know yet."""
    if isinstance(version, int) and version > STATE_VERSION:
        raise NewerStateError(f"it has version {version}, and this program reads up to {STATE_VERSION}")


def restore_vehicle(vehicle_id: str, plain: Plain) -> tuple[VehicleState, Floats]:
    """The state and the ring that were written down. Raises ValueError for one that contradicts itself."""
    try:
        return _restore(vehicle_id, plain)
    except IndexError:
        raise ValueError(f"it has {len(plain.names)} names, and speaks of others") from None


def _restore(vehicle_id: str, plain: Plain) -> tuple[VehicleState, Floats]:
    ignition, ignition_ts = plain.ignition
    name = plain.names
    memory = {(name[rule], name[subject]): value for rule, subject, value in plain.memory}
    for (rule_id, subject), value in memory.items():
        if rule_id in _REMEMBERED:
            form = _REMEMBERED[rule_id]
            msgspec.convert(value, form.get(subject) if isinstance(form, dict) else form)
    state = VehicleState(
        vehicle_id=vehicle_id,
        first_ts=plain.first_ts,
        primary=plain.primary,
        device=_device(plain.device),
        others={name: _device(device) for name, device in plain.others.items()},
        fix=None if plain.fix is None else FixPoint(*plain.fix),
        anchor=None if plain.anchor is None else Anchor(*plain.anchor),
        moved_ts=plain.moved_ts,
        ignition=ignition,
        ignition_ts=ignition_ts,
        suspects=[FixPoint(*fix) for fix in plain.suspects],
        events=[(ts, name[code]) for ts, code in plain.events],
        event_floors={name[code]: ts for code, ts in plain.event_floors},
        visits={
            name[fence_id]: Visit(Membership(name[membership]).value, since, since_at, leaving_since, known)
            for fence_id, membership, since, since_at, leaving_since, known in plain.visits
        },
        exits={name[fence_id]: ts for fence_id, ts in plain.exits},
        episodes={
            (name[rule], name[subject]): Episode(
                alert_id(vehicle_id, name[rule], name[subject], start), seq, severity, start, known
            )
            for rule, subject, seq, severity, start, known in plain.episodes
        },
        deadlines={(name[rule], name[subject]): due for rule, subject, due in plain.deadlines},
        memory=memory,
        remembering=remembering(memory),
    )
    return state, _ring(plain.ring)


class _Numbers(dict[str, int]):
    """Gives each name a number, in the order of asking."""

    def __missing__(self, name: str) -> int:
        number = self[str(name)] = len(self)
        return number


# No object is made of a fix on either way: as such they were half of what a snapshot costs.


def _plain_ring(ring: Floats) -> list[list[float]]:
    """The fixes, each with the ms since the one before, and whole numbers as such: half the digits."""
    rows = ring.copy()
    rows[1:, 0] -= ring[:-1, 0]
    return [[int(value) if value.is_integer() else value for value in row] for row in rows.tolist()]


def _ring(rows: list[_PlainFix]) -> Floats:
    width = len(FixPoint._fields)
    ring = np.fromiter(chain.from_iterable(rows), np.float64, width * len(rows)).reshape(-1, width)
    np.add.accumulate(ring[:, 0], out=ring[:, 0])
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


def _device(plain: _PlainDevice) -> DeviceState:
    heard_at, last_ts, interval_s, gaps_s, reports_satellites, odd, astray, floor = plain
    return DeviceState(heard_at, last_ts, interval_s, tuple(gaps_s), reports_satellites, list(odd), list(astray), floor)
