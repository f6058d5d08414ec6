"""When a fence is awake: hours of the week in the local time of a place, and other hours on holidays.

Local time is what the clocks of the zone show, by the pinned time zone database of the package `tzdata` and not by that
of the machine: a replay elsewhere, years later, has to find the same hours.

A window begins when clocks first show its first minute and ends when they have last shown its last. So where an hour comes twice
in autumn a window that ends or begins in it holds for both, without a break; and where an hour is left out in spring
a window begins or ends with the leap, and one that lies wholly in it is not there on that day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

from geofences.errors import FenceError

DAY_MINUTES = 24 * 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND, _MS = timedelta(seconds=1), timedelta(milliseconds=1)
# Days. No window begun earlier than this lasts until now: it may take a day, and a leap.
_BEFORE = 2
# What repeats every week shows within two, whichever of its windows a leap has swallowed; the 29th of February within
# eight years, over a year such as 2100.
_WEEKLY, _YEARLY = 16, 366 * 9
_LAST = date.max.toordinal() - 2


class Day(StrEnum):
    """A day of the week, or any day that is a holiday, which is then no day of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"
    HOLIDAY = "holiday"


_WEEK = tuple(Day)[:7]


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` to `end`, minutes after local midnight, on each of the days; left out, on all of them.

    An end that is not later than the start is one of the next day; an equal one makes a whole day. Raises FenceError.
    """

    start: int
    end: int
    days: frozenset[Day] = frozenset(Day)

    def __post_init__(self) -> None:
        if not 0 <= self.start < DAY_MINUTES or not 0 <= self.end <= DAY_MINUTES or not self.days:
            raise FenceError(f"a window from minute {self.start} to {self.end} on {len(self.days)} days is none")


@dataclass(frozen=True, slots=True)
class Holiday:
    """A date; without a year, of every year. Raises FenceError for one that never comes."""

    month: int
    day: int
    year: int | None = None

    def __post_init__(self) -> None:
        try:
            date(2000 if self.year is None else self.year, self.month, self.day)
        except ValueError as error:
            raise FenceError(f"{self} is no date: {error}") from error

    def __str__(self) -> str:
        year = "" if self.year is None else f"{self.year:04}-"
        return f"{year}{self.month:02}-{self.day:02}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """Awake in the windows, asleep else. `zone` is a name such as America/Mexico_City. Raises FenceError.

    A date among the holidays has the windows of `Day.HOLIDAY` only.
    """

    zone: str
    windows: tuple[Window, ...]
    holidays: frozenset[Holiday] = frozenset()

    def __post_init__(self) -> None:
        _zone(self.zone)

    def active_at(self, at: int) -> bool:
        """Whether it is awake at an instant, ms since the epoch."""
        return self.period(at)[0]

    def next_change(self, at: int) -> int | None:
        """The first instant after `at` at which it wakes up or falls asleep, ms since the epoch; None if none comes."""
        return self.period(at)[1]

    def period(self, at: int) -> tuple[bool, int | None]:
        """Whether it is awake at an instant, and until when; ms since the epoch, None for ever."""
        awake_until: int | None = None
        for start, end in self._awake_from(at):
            if end <= max(start, at):
                continue
            if start > (at if awake_until is None else awake_until):
                return (True, awake_until) if awake_until is not None else (False, start)
            awake_until = end if awake_until is None else max(awake_until, end)
        return awake_until is not None, None

    def _awake_from(self, at: int) -> Iterator[tuple[int, int]]:
        """Beginning and end of each window that may concern an instant, in order of their beginnings."""
        zone = _zone(self.zone)
        today = (_EPOCH + at * _MS).astimezone(zone).date()
        last = today.toordinal() + (_YEARLY if any(holiday.year is None for holiday in self.holidays) else _WEEKLY)
        for holiday in self.holidays:
            if holiday.year is not None:
                last = max(last, date(holiday.year, holiday.month, holiday.day).toordinal() + _WEEKLY)
        for ordinal in range(max(1, today.toordinal() - _BEFORE), min(last, _LAST) + 1):
            day = date.fromordinal(ordinal)
            kind = Day.HOLIDAY if self._is_holiday(day) else _WEEK[day.weekday()]
            yield from sorted(_instants(zone, day, window) for window in self.windows if kind in window.days)

    def _is_holiday(self, day: date) -> bool:
        holidays = self.holidays
        return bool(holidays) and (
            Holiday(day.month, day.day) in holidays or Holiday(day.month, day.day, day.year) in holidays
        )


def zones() -> frozenset[str]:
    """The names of all zones."""
    return _zones()


def _instants(zone: tzinfo, day: date, window: Window) -> tuple[int, int]:
    """When a window that begins on a day begins and ends, ms since the epoch; the end is no later where there is none."""
    later = window.end + (DAY_MINUTES if window.end <= window.start else 0)
    first, _ = _minute(zone, day, window.start)
    _, last = _minute(zone, day, later - 1)
    return first, last


def _minute(zone: tzinfo, day: date, minutes: int) -> tuple[int, int]:
    """When a minute, counted from midnight, first begins and last ends by the clocks; the leap, twice, if it never comes."""
    local = datetime.combine(day, time()) + timedelta(minutes=minutes)
    before, after = (local.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    if before < after:
        leap = _leap(zone, local - after, local - before)
        return leap, leap
    return _ms(local - before), _ms(local + timedelta(minutes=1) - after)


def _leap(zone: tzinfo, low: datetime, high: datetime) -> int:
    """When the offset from UTC changes between two instants of UTC; the second is beyond it."""
    former = low.replace(tzinfo=UTC).astimezone(zone).utcoffset()
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        if middle.replace(tzinfo=UTC).astimezone(zone).utcoffset() == former:
            low = middle
        else:
            high = middle
    return _ms(high.replace(microsecond=0))


def _ms(naive: datetime) -> int:
    return (naive.replace(tzinfo=UTC) - _EPOCH) // _MS


@cache
def _zones() -> frozenset[str]:
    return frozenset(resources.files("tzdata").joinpath("zones").read_text(encoding="ascii").split())


@cache
def _zone(name: str) -> ZoneInfo:
    """Raises FenceError for a name that there is not, with one that is like it."""
    if name not in _zones():
        like = get_close_matches(name[:60], _zones(), n=1)
        raise FenceError(f"{name[:60]!r} is no time zone{f'; did you mean {like[0]!r}?' if like else ''}")
    *folders, file = name.split("/")
    with resources.files(".".join(["tzdata.zoneinfo", *folders])).joinpath(file).open("rb") as data:
        return ZoneInfo.from_file(data, name)
