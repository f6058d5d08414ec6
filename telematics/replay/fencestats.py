"""What became of each fence in a recording: who came, how long they stayed, and the alerts that name it.

A fence that detects neither enter nor exit raises no alert of a visit. So a recording is judged twice at once: by the
fences as they are, for the alerts, and by the same fences with all of them asked for enter and exit, for the visits.
These are then the ones the monitor sees, with its accuracies, margins and waits, and no second reading of the pings.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from geofences.index import FenceIndex
from geofences.model import Detect, Fence
from telematics.core.params import RuleSet
from telematics.core.rules import RULES
from telematics.replay.episodes import Episode

SHORT_MS = 60_000
# Alarms chatter when they are set and cleared three times a minute. An exit alone waits for a minute (`min_outside_s`), so
# that of visits nothing but the margins switched off could be seen within one: ten minutes have room for three of them.
CHATTER_MS = 600_000
CHATTER_TIMES = 3

_ENTER, _EXIT = "geofence_enter", "geofence_exit"


@dataclass(slots=True)
class FenceStats:
    """A fence in a recording; `fence` is None for the alerts that name none.

    `left` are visits that ended with an exit. `inside_ms`: how long each visit lasted, ascending; one that was not over
    lasted until the recording ended, or its vehicle was last heard of. `short` visits were over in less than a minute. `chattering`: how often a vehicle
    entered three times or more within ten minutes. `alerts` are episodes by rule, `announced` those of them that an operator
    was told of.
    """

    fence: Fence | None
    entered: int = 0
    left: int = 0
    vehicles: int = 0
    short: int = 0
    chattering: int = 0
    inside_ms: list[int] = field(default_factory=list)
    alerts: Counter[str] = field(default_factory=Counter)
    announced: Counter[str] = field(default_factory=Counter)

    @property
    def median_ms(self) -> float | None:
        """Half of the visits were shorter; None without any."""
        return median(self.inside_ms) if self.inside_ms else None

    @property
    def longest_ms(self) -> int | None:
        """The longest visit; None without any."""
        return self.inside_ms[-1] if self.inside_ms else None

    @property
    def is_quiet(self) -> bool:
        """Whether nobody visited it and no alert names it."""
        return not self.entered and not self.alerts


def watched(fences: Iterable[Fence]) -> FenceIndex:
    """The same fences, all asked for enter and exit."""
    return FenceIndex(replace(fence, detect=fence.detect | {Detect.ENTER, Detect.EXIT}) for fence in fences)


def visits_only(rules: RuleSet) -> RuleSet:
    """The rules for just that; positions are believed as by `rules`."""
    others: dict[str, Any] = {rule.id: {"enabled": False} for rule in RULES if rule.id not in {_ENTER, _EXIT}}
    return RuleSet(motion=rules.motion, quality=rules.quality, **others)


def fence_stats(
    fences: Iterable[Fence], alerts: Iterable[Episode], visits: Iterable[Episode], until: int
) -> list[FenceStats]:
    """The fences, the noisiest first: by alerts announced, then by all alerts, then by visits.

    `alerts` are the episodes of the fences as they are, `visits` those of `watched` fences by the rules of `visits_only`; `until` (ms) is when the
    recording ended. Alerts that name no fence come as one that is None, if there are any.
    """
    stats: dict[str | None, FenceStats] = {fence.id: FenceStats(fence) for fence in fences}
    _count_visits(stats, visits, until)
    for alert in alerts:
        one = stats.setdefault(alert.fence, FenceStats(None))
        one.alerts[alert.rule] += 1
        one.announced[alert.rule] += alert.is_announced
    return sorted(stats.values(), key=_quietness)


def _quietness(one: FenceStats) -> tuple[int, int, int, str]:
    return -one.announced.total(), -one.alerts.total(), -one.entered, one.fence.id if one.fence else ""


def _count_visits(stats: dict[str | None, FenceStats], visits: Iterable[Episode], until: int) -> None:
    entries: dict[tuple[str | None, str], list[Episode]] = defaultdict(list)
    exits: dict[tuple[str | None, str], list[int]] = defaultdict(list)
    for visit in visits:
        place = visit.fence, visit.vehicle_id
        if visit.rule == _ENTER:
            entries[place].append(visit)
        else:
            exits[place].append(visit.start)
    for place, entered in entries.items():
        one, left = stats[place[0]], sorted(exits[place])
        entered.sort(key=lambda visit: visit.start)
        starts = [visit.start for visit in entered]
        one.vehicles += 1
        one.entered += len(entered)
        one.left += len(left)
        one.chattering += _chatters(starts)
        for visit, following in zip(entered, [*starts[1:], max(until, starts[-1])], strict=True):
            ended_at, is_over = _end(visit, left, following)
            one.inside_ms.append(ended_at - visit.start)
            one.short += is_over and ended_at - visit.start < SHORT_MS
    for one in stats.values():
        one.inside_ms.sort()


def _end(visit: Episode, left: Sequence[int], following: int) -> tuple[int, bool]:
    """Until when a visit lasted, at most until the next one or the end of the recording; and whether it was over then.

    An exit says when the vehicle left; the entry is only cleared when that is confirmed. A visit that ends because the fence
    fell asleep, changed or went has no exit. Of a vehicle that was not heard of again nobody knows whether it left.
    """
    at = bisect_left(left, visit.start)
    if at < len(left) and left[at] <= following:
        return left[at], True
    if visit.ended_at is None or visit.ended_at > following:
        return following, False
    return visit.ended_at, not visit.is_lost


def _chatters(instants: Sequence[int]) -> int:
    """How often so many of these instants, ascending, lie so close together; none counts twice."""
    count = number = 0
    while number + CHATTER_TIMES <= len(instants):
        if instants[number + CHATTER_TIMES - 1] - instants[number] > CHATTER_MS:
            number += 1
            continue
        count += 1
        began = instants[number]
        while number < len(instants) and instants[number] - began <= CHATTER_MS:
            number += 1
    return count
