"""When a fence is awake: hours of the week in the local time of a place, and other hours on holidays.

Local time is what the clocks of the zone show, by the pinned time zone database of the package `tzdata` and not by that
of the machine: a replay elsewhere, years later, has to find the same hours.

A window begins when the clocks first show its first minute and ends when they have last shown its last. So where an hour
comes twice in autumn a window that begins or ends in it holds through both, without a break; and where one is left out in
spring a window begins or ends with the leap, and one that lies wholly in it is not there on that day.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from importlib import resources
from itertools import pairwise
from zoneinfo import ZoneInfo

from geofences.errors import FenceError

DAY_MINUTES = 24 * 60
YEARS = range(1970, 2100)
"""The years of holidays. Before them and after them nothing wakes up or falls asleep."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZERO = datetime.combine(date.min, time())
_MINUTE, _SECOND, _MS, _TICK = (
    timedelta(**{unit: 1}) for unit in ("minutes", "seconds", "milliseconds", "microseconds")
)
_FIRST_MS, _LAST_MS = ((datetime(year, 1, 1, tzinfo=UTC) - _EPOCH) // _MS for year in (YEARS.start, YEARS.stop))
# Days. No window begun earlier lasts until now: it may take a day, and clocks set back over midnight repeat another.
_BEFORE = 2
# What comes every week shows within two, whichever of its windows a leap has swallowed.
_WEEKLY = 16
# What comes on a date and a day of the week shows within 40 years: so long can a 29th of February take (2088 to 2128).
_YEARLY = 40 * 366


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


_DAYS = tuple(Day)


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` to `end`, minutes after local midnight, on each of the days; left out, on all of them.

    An end that is not later than the start is one of the next day; an equal one makes a whole day. An end of 0 is kept as
    the midnight that ends the day, and `days` in the order of the week. Raises FenceError.
    """

    start: int
    end: int
    days: Collection[Day] = _DAYS

    def __post_init__(self) -> None:
        if not 0 <= self.start < DAY_MINUTES or not 0 <= self.end <= DAY_MINUTES or not self.days:
            raise FenceError(
                f"a window from minute {self.start} to {self.end} on {len(self.days)} days is none; give a start from 0 to "
                f"{DAY_MINUTES - 1}, an end to {DAY_MINUTES}, and a day"
            )
        object.__setattr__(self, "end", self.end or DAY_MINUTES)
        object.__setattr__(self, "days", tuple(day for day in _DAYS if day in self.days))

    @property
    def minutes(self) -> tuple[int, int]:
        """Beginning and end, the later one always the greater, of a window that may last into the next day."""
        return self.start, self.end + (DAY_MINUTES if self.end <= self.start else 0)

    def __str__(self) -> str:
        return f"{_days_in_words(self.days)} {hour(self.start)}-{hour(self.end)}"


@dataclass(frozen=True, slots=True)
class Holiday:
    """A date; without a year, of every year. Raises FenceError for one that never comes."""

    month: int
    day: int
    year: int | None = None

    def __post_init__(self) -> None:
        if self.year is not None and self.year not in YEARS:
            raise FenceError(f"{self} is too far away; holidays are of the years {YEARS[0]} to {YEARS[-1]}")
        try:
            date(2000 if self.year is None else self.year, self.month, self.day)
        except ValueError as error:
            raise FenceError(
                f"{self} is no date of the calendar; write one such as 2026-12-25, or 12-25 for every year"
            ) from error

    def __str__(self) -> str:
        year = "" if self.year is None else f"{self.year:04}-"
        return f"{year}{self.month:02}-{self.day:02}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """Awake in the windows, asleep else. `zone` is a name such as America/Mexico_City. Raises FenceError.

    A date among the holidays has the windows of `Day.HOLIDAY` only; a window of the day before may last into it. Windows
    and holidays are kept in an order of their own, each once: schedules that say the same in another order are equal.
    """

    zone: str
    windows: Collection[Window]
    holidays: Collection[Holiday] = ()
    _of_day: tuple[tuple[tuple[int, int], ...], ...] = field(init=False, repr=False, compare=False)
    _dated: frozenset[int] = field(init=False, repr=False, compare=False)
    _yearly: frozenset[tuple[int, int]] = field(init=False, repr=False, compare=False)
    # The last answer, and since when it holds: it is asked again and again about the same hour.
    _last: list[tuple[int, bool, int | None]] = field(
        default_factory=lambda: [(1, False, 0)], init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        time_zone(self.zone)
        windows = sorted(
            set(self.windows), key=lambda window: ([_DAYS.index(day) for day in window.days], window.minutes)
        )
        of_day = tuple(_united(window.minutes for window in windows if day in window.days) for day in _DAYS)
        # Holidays with the hours of all other days are none.
        holidays = self.holidays if len(set(of_day)) > 1 else ()
        dated = (date(one.year, one.month, one.day) for one in holidays if one.year is not None)
        for name, value in (
            ("windows", tuple(windows)),
            ("holidays", tuple(sorted(set(self.holidays), key=str))),
            ("_of_day", of_day),
            ("_dated", frozenset(each.toordinal() for each in dated)),
            ("_yearly", frozenset((one.month, one.day) for one in holidays if one.year is None)),
        ):
            object.__setattr__(self, name, value)

    def __str__(self) -> str:
        dates = ", ".join(map(str, self.holidays))
        word = "holidays are" if self._of_day[-1] else "not on"
        return f"{self.hours}{f'; {word} {dates}' if dates else ''} ({self.zone})"

    @property
    def hours(self) -> str:
        """The windows in words: `mon-fri 22:00-06:00; sat 10:00-12:00`."""
        return "; ".join(map(str, self.windows)) or "never"

    def active_at(self, at: int) -> bool:
        """Whether it is awake at an instant, ms since the epoch."""
        return self.period(at)[0]

    def next_change(self, at: int) -> int | None:
        """The first instant after `at` at which it wakes up or falls asleep, ms since the epoch; None if none comes."""
        return self.period(at)[1]

    def period(self, at: int) -> tuple[bool, int | None]:
        """Whether it is awake at an instant, and until when; ms since the epoch, None for ever."""
        since, awake, until = self._last[0]
        if at < since or (until is not None and at >= until):
            since, awake, until = self._found(min(max(at, _FIRST_MS), _LAST_MS))
            until = None if until is None or until > _LAST_MS else until
            self._last[0] = min(since, at), awake, until
        return awake, until

    def _found(self, at: int) -> tuple[int, bool, int | None]:
        """Since when, as far as that was looked for, whether it is awake, and until when."""
        zone, since = time_zone(self.zone), at
        awake_until: int | None = None
        for begin, end in self._stretches((_EPOCH + at * _MS).astimezone(zone).date()):
            start, stop = _first_shown(zone, begin), None if end is None else _last_shown(zone, end)
            # Over, or wholly in a leap: there it ends as it begins.
            if stop is not None and stop <= max(start, at):
                since = stop if start < stop <= at else since
                continue
            if awake_until is None and start > at:
                return since, False, start
            if awake_until is not None and start > awake_until:
                break
            since = start if awake_until is None else since
            if stop is None:
                return since, True, None
            awake_until = stop
        return since, awake_until is not None, awake_until

    def _stretches(self, today: date) -> Iterator[tuple[int, int | None]]:
        """Beginning and end of what its windows cover by the clock without a break, in local minutes since 0001-01-01.

        From the first that may last until today to those after which all repeats itself; the end is None if it never ends.
        """
        dated, yearly, now = self._dated, self._yearly, today.toordinal()
        last = max({now, *dated}) + _WEEKLY + (_YEARLY if yearly else 0)
        begin = end = -1
        for ordinal in range(now - _BEFORE, last + 1):
            kind = (ordinal - 1) % 7
            if ordinal in dated or (yearly and _month_and_day(ordinal) in yearly):
                kind = -1
            midnight = (ordinal - 1) * DAY_MINUTES
            for start, stop in self._of_day[kind]:
                if midnight + start > end:
                    if end >= 0:
                        yield begin, end
                    begin = midnight + start
                end = max(end, midnight + stop)
        if end >= 0:
            yield begin, end if end < (last - 1) * DAY_MINUTES else None


@cache
def time_zone(name: str) -> ZoneInfo:
    """The zone of a name. Raises FenceError for one that there is not, with a name that is like it."""
    if name not in _zones():
        like = get_close_matches(name[:60], _zones(), n=1)
        raise FenceError(
            f"{name[:60]!a} is no time zone; "
            + (f"did you mean {like[0]!r}?" if like else "write one such as America/Mexico_City")
        )
    *folders, file = name.split("/")
    with resources.files(".".join(["tzdata.zoneinfo", *folders])).joinpath(file).open("rb") as data:
        return ZoneInfo.from_file(data, name)


def _united(windows: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """In their order, those that meet or overlap as one."""
    united: list[tuple[int, int]] = []
    for start, stop in sorted(windows):
        if united and start <= united[-1][1]:
            united[-1] = united[-1][0], max(united[-1][1], stop)
        else:
            united.append((start, stop))
    return tuple(united)


def hour(minutes: int) -> str:
    """Minutes after midnight as clocks show them: `08:30`; the midnight that ends a day is `24:00`."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _days_in_words(days: Collection[Day]) -> str:
    """`every day`, holidays too; else three and more days in a row as `mon-wed`."""
    if len(days) == len(_DAYS):
        return "every day"
    words: list[str] = []
    run: list[Day] = []
    for day, following in pairwise((*_DAYS, Day.HOLIDAY)):
        if day in days:
            run.append(day)
        if run and (following not in days or following is Day.HOLIDAY):
            words += [f"{run[0]}-{run[-1]}"] if len(run) > 2 else run
            run = []
    return ", ".join(words)


def _month_and_day(ordinal: int) -> tuple[int, int]:
    day = date.fromordinal(ordinal)
    return day.month, day.day


def _first_shown(zone: ZoneInfo, minutes: int) -> int:
    """When clocks first show a local time or a later one, ms since the epoch; the time in minutes since 0001-01-01."""
    local = _ZERO + minutes * _MINUTE
    before, after = _offsets(zone, local)
    return _ms(local - before) if before >= after else _leap(zone, local - after, local - before)


def _last_shown(zone: ZoneInfo, minutes: int) -> int:
    """When clocks have last shown a time before a local time."""
    last = _ZERO + minutes * _MINUTE - _TICK
    before, after = _offsets(zone, last)
    return _ms(last + _TICK - after) if before >= after else _leap(zone, last - after, last - before)


def _offsets(zone: ZoneInfo, local: datetime) -> tuple[timedelta, timedelta]:
    """From UTC, of a time that comes twice its first and its last; the first is less only for one that never comes (PEP 495)."""
    before, after = (local.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    return before, after


def _leap(zone: ZoneInfo, low: datetime, high: datetime) -> int:
    """When the offset from UTC changes: after one instant of UTC and not after another, on a whole second."""
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
