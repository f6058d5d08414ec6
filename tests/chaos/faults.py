"""The faults, and the plan of a run: which of them, and when, all drawn from the seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import cycle, islice


class Point(StrEnum):
    """Where inside a commit a member can be made to fail, in the order in which a commit passes them."""

    BEFORE_BEGIN = "before_begin"
    AFTER_SEND = "after_send"
    AFTER_OFFSETS = "after_offsets"
    BEFORE_COMMIT = "before_commit"
    IN_COMMIT = "in_commit"
    """The request to commit has left, and its answer is not heard."""
    AFTER_COMMIT = "after_commit"


class Deed(StrEnum):
    """What is done, to a member unless it says otherwise."""

    KILL = "kill"
    """kill -9; another takes its place."""
    PAUSE = "pause"
    """Stopped for longer than a session lasts, and then let go on: a zombie."""
    CUT = "cut"
    """Every connection is cut, and for a while none can be made."""
    CLOCK = "clock"
    """Its wall clock jumps."""
    LEAVE = "leave"
    """SIGTERM."""
    JOIN = "join"
    """There is one more."""
    PUBLISH = "publish"
    """Another fence set, from now on or from soon on."""
    BROKER = "broker"
    """kill -9 of a broker, and its return."""


SESSION_S = 3.0
"""The members' session timeout: two cores with three brokers hold heartbeats up by a second at times."""

# Zombies: of one or two sessions, and now and then longer than a transaction may stay open (15 s).
_PAUSE_S, _LONG_PAUSE_S, _LONG_PAUSE_SHARE = (SESSION_S + 1, 2 * SESSION_S + 2), 17.0, 0.15
# Half of the cuts mend at once: what was under way is lost, and nobody is thrown out.
_CUT_S, _MENDED_AT_ONCE_SHARE = (1.0, 2 * SESSION_S), 0.5
_CLOCK_S = (600.0, 2 * 86_400.0)
_AWAY_S = (1.0, 8.0)
# Half of the sets count at once, in each partition from where it reads of them; the others in so much simulated time.
_AT_ONCE_SHARE, _AHEAD_S = 0.5, (60.0, 900.0)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: when (s after the beginning), what, how much, and at which point of a commit, if at one.

    `much` is the seconds of a pause, of a cut, of a clock's jump, of a broker's absence, until a set counts. `whom`, from 0 to 1, chooses
    among those to whom it can be done when its time has come.
    """

    at_s: float
    deed: Deed
    whom: float
    much: float = 0.0
    point: Point | None = None


@dataclass(frozen=True, slots=True)
class Extent:
    """How long a run disturbs, how often each deed is done, and under which load.

    `at_points` deeds are done inside a commit, dealt out over all points; `at_random` ones whenever it happens to be.
    """

    seconds: float
    at_random: Mapping[Deed, int]
    at_points: Mapping[Deed, int]
    vehicles: int
    simulated_s: int
    undisturbed_monitor: bool
    """Whether a monitor that nobody disturbs judges the log too, beside its replay."""

    def asked(self, deed: Deed) -> int:
        """How often a deed is to be done in all."""
        return self.at_random.get(deed, 0) + self.at_points.get(deed, 0)


FULL = Extent(
    seconds=780.0,
    at_random={
        Deed.KILL: 30,
        Deed.PAUSE: 8,
        Deed.CUT: 8,
        Deed.CLOCK: 8,
        Deed.LEAVE: 5,
        Deed.JOIN: 5,
        Deed.PUBLISH: 10,
        Deed.BROKER: 6,
    },
    at_points={Deed.KILL: 24, Deed.PAUSE: 6, Deed.CUT: 6},
    vehicles=150,
    simulated_s=5 * 3600,
    undisturbed_monitor=True,
)
SHORT = Extent(
    seconds=75.0,
    at_random={
        Deed.KILL: 4,
        Deed.PAUSE: 1,
        Deed.CUT: 1,
        Deed.CLOCK: 2,
        Deed.LEAVE: 1,
        Deed.JOIN: 1,
        Deed.PUBLISH: 4,
        Deed.BROKER: 1,
    },
    at_points={Deed.KILL: 6, Deed.PAUSE: 2, Deed.CUT: 2},
    vehicles=150,
    simulated_s=2400,
    undisturbed_monitor=False,
)


def plan(seed: int, extent: Extent) -> list[Fault]:
    """The faults of a run, in their order."""
    rng = random.Random(f"faults {seed}")
    deeds: list[tuple[Deed, Point | None]] = [
        (deed, None) for deed, count in extent.at_random.items() for _ in range(count)
    ]
    points = rng.sample(list(Point), len(Point))
    for deed, count in extent.at_points.items():
        deeds += [(deed, point) for point in islice(cycle(points), count)]
        rng.shuffle(points)
    rng.shuffle(deeds)
    slot_s = extent.seconds / len(deeds)
    faults = [
        Fault(round((number + rng.random()) * slot_s, 3), deed, rng.random(), _much(rng, deed), point)
        for number, (deed, point) in enumerate(deeds)
    ]
    return _alternating(faults)


def _much(rng: random.Random, deed: Deed) -> float:
    seconds = 0.0
    match deed:
        case Deed.PAUSE:
            seconds = _LONG_PAUSE_S if rng.random() < _LONG_PAUSE_SHARE else rng.uniform(*_PAUSE_S)
        case Deed.CUT:
            seconds = 0.0 if rng.random() < _MENDED_AT_ONCE_SHARE else rng.uniform(*_CUT_S)
        case Deed.CLOCK:
            seconds = rng.choice((-1, 1)) * rng.uniform(*_CLOCK_S)
        case Deed.PUBLISH:
            seconds = 0.0 if rng.random() < _AT_ONCE_SHARE else rng.uniform(*_AHEAD_S)
        case Deed.BROKER:
            seconds = rng.uniform(*_AWAY_S)
        case _:
            pass
    return round(seconds, 1)


def _alternating(faults: list[Fault]) -> list[Fault]:
    """The same with members leaving and joining in turns, so that there are never fewer than two nor more than four."""
    turns = cycle((Deed.LEAVE, Deed.JOIN))
    return [
        Fault(fault.at_s, next(turns), fault.whom) if fault.deed in {Deed.LEAVE, Deed.JOIN} else fault
        for fault in faults
    ]
