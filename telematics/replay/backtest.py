"""What other fences would have told of a recording: two judgements of the same inputs, alert by alert.

An alert has the same id whenever vehicle, rule, subject and beginning are the same, so that most alerts find themselves in
the other judgement. Where a fence was drawn anew a truck enters it sooner or later: alerts of one vehicle, rule and
subject that overlap in time are the same alert, moved.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, cast

from telematics.replay.episodes import Episode

# Its end is the next entry, which is an alert of its own. And the engine keeps few exits open: where a fence is added,
# that of another may be let go of.
_WITHOUT_END = "geofence_exit"


class Change(StrEnum):
    """What became of an alert."""

    ADDED = "added"
    REMOVED = "removed"
    MOVED = "moved"
    CHANGED = "changed"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Compared:
    """An alert in both judgements; None where it is not told."""

    change: Change
    before: Episode | None
    after: Episode | None

    @property
    def shown(self) -> Episode:
        """As it is told now, or was."""
        return self.after if self.after is not None else cast("Episode", self.before)

    @property
    def fence(self) -> str | None:
        """The fence it counts for: that of before, where it named one."""
        named = (one.fence for one in (self.before, self.after) if one is not None and one.fence is not None)
        return next(named, None)


@dataclass(slots=True)
class Row:
    """The alerts of one rule that name one fence, or none: how many were told, are told, and what became of them.

    `announced_before` and `announced_after` are those an operator was told of, among `before` and `after`; `loud` those of
    the differences that concern one.
    """

    fence: str | None
    rule: str
    before: int = 0
    after: int = 0
    announced_before: int = 0
    announced_after: int = 0
    loud: int = 0
    changes: Counter[Change] = field(default_factory=Counter)

    @property
    def differences(self) -> int:
        """How many alerts are not the same."""
        return self.changes.total() - self.changes[Change.SAME]


def compare(before: Mapping[str, Episode], after: Mapping[str, Episode], until: int) -> list[Compared]:
    """Every alert of two judgements, once, in the order in which they became knowable.

    Both by alert id; `until` (ms) is when what never ended is taken to end: the last arrival of the recording.
    """
    compared = [
        Compared(_told_apart(before[alert_id], after[alert_id]), before[alert_id], after[alert_id])
        for alert_id in before.keys() & after.keys()
    ]
    moved = list(_moved(before, after, until))
    compared += [Compared(Change.MOVED, before[old], after[new]) for old, new in moved]
    gone = before.keys() - after.keys() - {old for old, _ in moved}
    come = after.keys() - before.keys() - {new for _, new in moved}
    compared += [Compared(Change.REMOVED, before[alert_id], None) for alert_id in gone]
    compared += [Compared(Change.ADDED, None, after[alert_id]) for alert_id in come]
    return sorted(compared, key=lambda one: (one.shown.raised_at, one.shown.alert_id))


def rows(compared: Iterable[Compared]) -> list[Row]:
    """By fence and rule; those without a fence count as one fence's.

    First the fences with the most differences that an operator hears of, then those with the most of any.
    """
    found: dict[tuple[str | None, str], Row] = {}
    for one in compared:
        key = one.fence, one.shown.rule
        row = found.setdefault(key, Row(*key))
        was_announced = one.before is not None and one.before.is_announced
        is_announced = one.after is not None and one.after.is_announced
        row.before += one.before is not None
        row.after += one.after is not None
        row.announced_before += was_announced
        row.announced_after += is_announced
        row.loud += one.change is not Change.SAME and (was_announced or is_announced)
        row.changes[one.change] += 1
    loud: Counter[str | None] = Counter()
    differences: Counter[str | None] = Counter()
    for row in found.values():
        loud[row.fence] += row.loud
        differences[row.fence] += row.differences

    def rank(row: Row) -> tuple[int, int, str, int, int, str]:
        fence = -loud[row.fence], -differences[row.fence], row.fence or ""
        return *fence, -row.loud, -row.differences, row.rule

    return sorted(found.values(), key=rank)


def _told_apart(old: Episode, new: Episode) -> Change:
    same = (old.severity, old.raised_at) == (new.severity, new.raised_at)
    same = same and (old.ended_at == new.ended_at or old.rule == _WITHOUT_END)
    return Change.SAME if same else Change.CHANGED


def _moved(before: Mapping[str, Episode], after: Mapping[str, Episode], until: int) -> Iterator[tuple[str, str]]:
    """The ids, before and after, of alerts that are one with two beginnings: of each those that overlap longest."""
    spans_after = _spans(after, until)
    for subject, spans in _spans(before, until).items():
        # What both tell with the same beginning is found already.
        olds = [span for span in spans if span.alert_id not in after]
        news = [span for span in spans_after.get(subject, ()) if span.alert_id not in before]
        taken: set[str] = set()
        for old, new in sorted(_overlapping(olds, news), key=_misfit):
            if taken.isdisjoint((old.alert_id, new.alert_id)):
                taken |= {old.alert_id, new.alert_id}
                yield old.alert_id, new.alert_id


class _Span(NamedTuple):
    start: int
    end: int
    alert_id: str


def _spans(episodes: Mapping[str, Episode], until: int) -> dict[tuple[str, str, str | None], list[_Span]]:
    """By vehicle, rule and subject, in the order of their beginnings; none lasts longer than to that of the next."""
    grouped: dict[tuple[str, str, str | None], list[Episode]] = defaultdict(list)
    for episode in episodes.values():
        grouped[episode.vehicle_id, episode.rule, episode.subject].append(episode)
    spans: dict[tuple[str, str, str | None], list[_Span]] = {}
    for subject, group in grouped.items():
        group.sort(key=lambda episode: episode.start)
        limits = [*(following.start for following in group[1:]), until]
        spans[subject] = [
            _Span(one.start, max(one.start, limit if one.ended_at is None else min(limit, one.ended_at)), one.alert_id)
            for one, limit in zip(group, limits, strict=True)
        ]
    return spans


def _overlapping(olds: list[_Span], news: list[_Span]) -> Iterator[tuple[_Span, _Span]]:
    ends = [new.end for new in news]
    for old in olds:
        for number in range(bisect_right(ends, old.start), len(news)):
            if news[number].start >= old.end:
                break
            yield old, news[number]


def _misfit(pair: tuple[_Span, _Span]) -> tuple[int, int, int]:
    """Least for the best pair, whichever judgement is called the older."""
    old, new = pair
    overlap = min(old.end, new.end) - max(old.start, new.start)
    return -overlap, abs(old.start - new.start), min(old.start, new.start)
