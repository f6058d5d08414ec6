"""Timed stories: what happens when, through the engine, and what must be told of it, line by line.

    story = Story()
    story.truck().arriving(25).stand(660)
    story.tells('''
         3:00  risk_stop  raised     3
        10:00  risk_stop  escalated  4
    ''')

Times are minutes and seconds since `NOON`, of `raised_at` (the arrival clock). A line is `time[..time] rule event
severity [subject]`; alerts of the rules that are named must be exactly these, in this order.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import merge
from typing import Any

from geofences.index import FenceIndex
from telematics.core.effects import Outcome, Quarantine
from telematics.core.engine import MonitorEngine
from telematics.core.params import RuleSet
from telematics.model import Alert, Batch, Ping, Trip
from tests.support.places import INDEX
from tests.support.truck import NOON, Truck

TICK_EVERY_MS = 5000

Input = tuple[int, Ping | None]
"""An arrival and a ping, or None for a tick."""

_LINE = re.compile(r"(-?[\d:]+)(?:\.\.(-?[\d:]+))?\s+(\S+)\s+(\S+)\s+(\d)(?:\s+(\S+))?$")


def batch_of(inputs: Sequence[Input], first_offset: int = 0) -> Batch:
    """Inputs as the engine takes them."""
    offsets = list(range(first_offset, first_offset + len(inputs)))
    return Batch(offsets, [arrival for arrival, _ in inputs], [ping for _, ping in inputs])


def in_order(sent: list[tuple[int, Ping]], until: int | None = None, tick_every_ms: int = TICK_EVERY_MS) -> list[Input]:
    """Pings by arrival (stable), with a tick every five seconds up to `until` or the last of them."""
    by_arrival = sorted(sent, key=lambda input_: input_[0])
    if not by_arrival:
        return []
    last = by_arrival[-1][0] if until is None else until
    ticks: list[Input] = [(at, None) for at in range(by_arrival[0][0], last + 1, tick_every_ms)]
    return list(merge(by_arrival, ticks, key=lambda input_: input_[0]))


def seconds(text: str) -> int:
    """Seconds of m:ss, which may be negative."""
    minutes, _, rest = text.lstrip("-").partition(":")
    total = int(minutes) * 60 + int(rest)
    return -total if text.startswith("-") else total


def clock(instant: int) -> str:
    """An instant as m:ss of the story, with milliseconds if there are any."""
    ms = instant - NOON
    whole, rest = divmod(abs(ms), 1000)
    text = f"{'-' if ms < 0 else ''}{whole // 60}:{whole % 60:02d}"
    return f"{text}.{rest:03d}" if rest else text


@dataclass
class Told:
    """What came of a story."""

    alerts: list[Alert] = field(default_factory=list)
    counts: Counter[Outcome] = field(default_factory=Counter)
    quarantined: Counter[Quarantine] = field(default_factory=Counter)

    def of(self, rule: str) -> list[Alert]:
        """The alerts of one rule."""
        return [alert for alert in self.alerts if alert.rule == rule]

    def lines(self) -> list[str]:
        """One line per alert, as stories write them."""
        return [_line(alert) for alert in self.alerts]


def _line(alert: Alert) -> str:
    words = (clock(alert.raised_at), alert.rule, alert.event, int(alert.severity), alert.subject)
    return " ".join(str(word) for word in words if word is not None)


class Story:
    """Trucks and trips over a set of fences; told once, by the first question asked of it.

    Time runs on until the last act of any truck is over, or `until`.
    """

    def __init__(
        self, index: FenceIndex = INDEX, *, until: str | None = None, truncated: bool = False, **rules: Any
    ) -> None:
        self.engine = MonitorEngine(index, RuleSet(**rules), truncated=truncated)
        self._until = until
        self._trucks: list[Truck] = []
        self._told: Told | None = None

    def truck(self, vehicle_id: str = "T1", **how: Any) -> Truck:
        """A truck of this story."""
        truck = Truck(vehicle_id, **how)
        self._trucks.append(truck)
        return truck

    def trip(self, trip: Trip) -> None:
        """A trip's document, from its time on."""
        self.engine.put_trip(trip)

    @property
    def told(self) -> Told:
        """Run the story, if that was not done, and give what came of it."""
        if self._told is None:
            sent = [ping for truck in self._trucks for ping in truck.sent]
            until = max(truck.now() for truck in self._trucks)
            if self._until is not None:
                until = NOON + seconds(self._until) * 1000
            effects = self.engine.step(batch_of(in_order(sent, until)))
            self._told = Told(effects.alerts, effects.counts, effects.quarantined)
        return self._told

    def tells(self, expected: str, *also: str) -> Told:
        """Check the alerts of the rules that the lines (or `also`) name: these, in this order, and no others."""
        wanted = [_parsed(line) for line in expected.strip().splitlines()]
        rules = {want[2] for want in wanted} | set(also)
        found = [alert for alert in self.told.alerts if alert.rule in rules]
        agrees = len(found) == len(wanted) and all(
            seconds(first) * 1000 <= alert.raised_at - NOON <= seconds(last) * 1000
            and (alert.rule, alert.event, int(alert.severity)) == (rule, event, severity)
            and (subject is None or alert.subject == subject)
            for alert, (first, last, rule, event, severity, subject) in zip(found, wanted, strict=True)
        )
        shown = "\n".join(_line(alert) for alert in found)
        assert agrees, f"wanted\n{expected}\nbut it told\n{shown or 'nothing'}"
        return self.told

    def tells_nothing(self, *rules: str) -> None:
        """Check that none of these rules has spoken."""
        found = [_line(alert) for alert in self.told.alerts if alert.rule in rules]
        assert not found, found

    def tells_nothing_above(self, severity: int) -> None:
        """Check that nothing weighs more than `severity`: the most that a benign confounder may raise."""
        found = [_line(alert) for alert in self.told.alerts if alert.severity > severity]
        assert not found, found


def _parsed(line: str) -> tuple[str, str, str, str, int, str | None]:
    found = _LINE.fullmatch(line.strip())
    assert found is not None, f"not a line of a story: {line!r}"
    first, last, rule, event, severity, subject = found.groups()
    return first, last or first, rule, event, int(severity), subject
