"""Schedules against the clock on the wall, looked at minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from geofences.model import Circle, Fence
from geofences.schedule import DAY_MINUTES, Day, Holiday, Schedule, Window, time_zone
from tests.property.geofences.strategies import schedules, windows

_MINUTE = timedelta(minutes=1)
# A leap of an hour forth and back, one of half an hour, one at midnight, one of a whole day, and none.
ZONES = {
    "America/Tijuana": ("2026-03-08", "2026-11-01"),
    "Europe/Madrid": ("2026-03-29", "2026-10-25"),
    "Australia/Lord_Howe": ("2026-04-05", "2026-10-04"),
    "America/Asuncion": ("2022-03-27", "2022-10-02"),
    "America/St_Johns": ("2010-03-14", "2010-11-07"),
    "Pacific/Apia": ("2011-12-30",),
    "America/Mexico_City": ("2026-02-01",),
}


@cache
def _shown(zone: str, around: str) -> tuple[list[datetime], list[datetime]]:
    """Each minute of eleven days about a date, and what the clocks of the zone show then."""
    middle = datetime.fromisoformat(around).replace(tzinfo=UTC)
    minutes = [middle + (n - 5 * DAY_MINUTES) * _MINUTE for n in range(11 * DAY_MINUTES)]
    return minutes, [at.astimezone(time_zone(zone)).replace(tzinfo=None, fold=0) for at in minutes]


def _awake(schedule: Schedule, around: str) -> tuple[list[datetime], list[bool]]:
    """The slow, obvious way: from the first to the last minute at which the clocks show a time that is in the window."""
    minutes, shown = _shown(schedule.zone, around)
    awake = [False] * len(minutes)
    midnights = [shown[0].replace(hour=0, minute=0) + timedelta(days=n) for n in range(11)]
    for midnight in midnights:
        holiday = any(
            (one.month, one.day) == (midnight.month, midnight.day) and one.year in {None, midnight.year}
            for one in schedule.holidays
        )
        kind = Day.HOLIDAY if holiday else list(Day)[midnight.weekday()]
        for window in schedule.windows:
            if kind in window.days:
                begin = midnight + window.start * _MINUTE
                end = midnight + (window.end + DAY_MINUTES * (window.end <= window.start)) * _MINUTE
                if within := [n for n, at in enumerate(shown) if begin <= at < end]:
                    awake[within[0] : within[-1] + 1] = [True] * (within[-1] + 1 - within[0])
    return minutes, awake


@st.composite
def about_a_leap(draw: st.DrawFn) -> tuple[Schedule, str]:
    """A schedule, and a date about which clocks leap where they do."""
    zone = draw(st.sampled_from(list(ZONES)))
    around = draw(st.sampled_from(ZONES[zone]))
    day = datetime.fromisoformat(around) + timedelta(days=draw(st.integers(-2, 2)))
    holiday = Holiday(day.month, day.day, draw(st.sampled_from([None, day.year, day.year + 1])))
    return Schedule(zone, draw(st.lists(windows, max_size=4)), draw(st.sampled_from([(), (holiday,)]))), around


_SUNDAY = frozenset({Day.SUN})
_AUTUMN, _SPRING = "2026-11-01", "2026-03-08"
_WEEKEND = frozenset({Day.SAT, Day.SUN})


@settings(deadline=None)
# Across midnight, also from the last day of the week to the first, and into a holiday.
@example((Schedule("America/Mexico_City", [Window(1320, 360)]), "2026-02-01"))
@example((Schedule("America/Mexico_City", [Window(1320, 360, _SUNDAY)]), "2026-02-01"))
@example((Schedule("America/Mexico_City", [Window(0, 0, _SUNDAY), Window(0, 30, {Day.MON})]), "2026-02-01"))
@example((Schedule("America/Mexico_City", [Window(1320, 360, tuple(Day)[:7])], [Holiday(2, 1)]), "2026-02-01"))
# The hour that comes twice: windows that end where it begins, begin in it, end in it, meet in it, and overlap only there.
@example((Schedule("America/Tijuana", [Window(0, 60, _SUNDAY)]), _AUTUMN))
@example((Schedule("America/Tijuana", [Window(60, 90, _SUNDAY)]), _AUTUMN))
@example((Schedule("America/Tijuana", [Window(0, 60, _SUNDAY), Window(60, 90, _SUNDAY)]), _AUTUMN))
@example((Schedule("America/Tijuana", [Window(0, 90, _SUNDAY), Window(100, 200, _SUNDAY)]), _AUTUMN))
@example((Schedule("America/Tijuana", [Window(105, 150, _SUNDAY)]), _AUTUMN))
@example((Schedule("America/Tijuana", [Window(120, 150, _SUNDAY)]), _AUTUMN))
# The hour that is left out: windows wholly in it, that begin in it, end in it, and that it parts.
@example((Schedule("America/Tijuana", [Window(150, 170, _SUNDAY)]), _SPRING))
@example((Schedule("America/Tijuana", [Window(150, 210, _SUNDAY)]), _SPRING))
@example((Schedule("America/Tijuana", [Window(60, 150, _SUNDAY)]), _SPRING))
@example((Schedule("America/Tijuana", [Window(60, 120, _SUNDAY), Window(180, 240, _SUNDAY)]), _SPRING))
# Half an hour, forth and back; midnight itself left out, and the hour before midnight twice; a minute after midnight.
@example((Schedule("Australia/Lord_Howe", [Window(90, 110, _SUNDAY)]), "2026-04-05"))
@example((Schedule("Australia/Lord_Howe", [Window(120, 135, _SUNDAY)]), "2026-10-04"))
@example((Schedule("America/Asuncion", [Window(0, 30, _SUNDAY)]), "2022-10-02"))
@example((Schedule("America/Asuncion", [Window(0, 0, _SUNDAY)]), "2022-10-02"))
@example((Schedule("America/Asuncion", [Window(1380, 1410, _WEEKEND)]), "2022-03-27"))
@example((Schedule("America/St_Johns", [Window(1439, 1439, {Day.FRI}), Window(0, 1, _SUNDAY)]), "2010-11-07"))
@example((Schedule("Pacific/Apia", [Window(0, 0, {Day.THU, Day.FRI})]), "2011-12-30"))
# Holidays of every year and of one; no window; the whole week.
@example((Schedule("Europe/Madrid", [Window(600, 720, {Day.HOLIDAY})], [Holiday(10, 25)]), "2026-10-25"))
@example((Schedule("Europe/Madrid", [Window(600, 720, tuple(Day)[:7])], [Holiday(10, 25, 2026)]), "2026-10-25"))
@example((Schedule("Europe/Madrid", []), "2026-10-25"))
@example((Schedule("Europe/Madrid", [Window(0, 0)], [Holiday(10, 25)]), "2026-10-25"))
@given(about_a_leap())
def test_it_is_awake_when_the_clocks_say_so(drawn: tuple[Schedule, str]) -> None:
    """Each change is where the slow way has one, and between two of them nothing changes."""
    schedule, around = drawn
    minutes, awake = _awake(schedule, around)
    first, last = 2 * DAY_MINUTES, 8 * DAY_MINUTES
    at = _ms(minutes[first])
    for n in (n for n in range(first + 1, last + 1) if awake[n] != awake[n - 1]):
        assert schedule.period(at) == (awake[n - 1], _ms(minutes[n]))
        at = _ms(minutes[n])
        assert schedule.active_at(at - 1) is awake[n - 1]
    assert schedule.active_at(at) is awake[last]
    following = schedule.next_change(at)
    assert following is None or following > _ms(minutes[last])


# Three years, in which every kind of day and both leaps come.
_instants = st.integers(1_767_225_600_000, 1_861_920_000_000)


@settings(deadline=None)
@given(schedules, st.lists(_instants, min_size=2, max_size=8))
def test_what_was_asked_before_changes_no_answer(schedule: Schedule, instants: list[int]) -> None:
    """It remembers its last answer, and gives it only where a new one would be the same."""
    answers = [schedule.period(at) for at in instants]
    assert answers == [Schedule(schedule.zone, schedule.windows, schedule.holidays).period(at) for at in instants]


@settings(deadline=None)
@given(schedules, _instants)
def test_periods_follow_one_another(schedule: Schedule, at: int) -> None:
    """Each ends later than it began, where the other state begins; and what has no end is so for good."""
    periods = [schedule.period(at)]
    while len(periods) < 20 and (until := periods[-1][1]) is not None:
        periods.append(schedule.period(until))
        assert periods[-1][1] is None or periods[-1][1] > until
    assert all(before[0] is not after[0] for before, after in pairwise(periods))
    if periods[-1][1] is None:
        assert schedule.period(at + 10**12) == periods[-1]


@settings(deadline=None)
@example(Schedule("America/Tijuana", []), None, None, 1_790_000_000_000, 0)
# It would wake at 22:00, and is no longer valid then; it wakes with valid_from; it is asleep then.
@example(Schedule("UTC", [Window(1320, 360)]), None, 1_769_637_600_000, 1_769_601_600_000, 0)
@example(Schedule("UTC", [Window(1320, 360)]), 1_769_637_600_000, None, 1_769_601_600_000, 0)
@example(Schedule("UTC", [Window(1320, 360)]), 1_769_601_600_000, None, 1_769_600_000_000, 0)
@given(st.none() | schedules, st.none() | _instants, st.none() | _instants, _instants, st.integers(0, 10**9))
def test_a_fence_is_awake_by_its_schedule_while_it_is_valid(
    schedule: Schedule | None, valid_from: int | None, valid_to: int | None, at: int, later: int
) -> None:
    """Its period agrees with both at every instant: nothing changes between an instant and the end, and there it does."""
    fence = Fence(id="f", shape=Circle(-99.0, 19.0, 50.0), schedule=schedule, valid_from=valid_from, valid_to=valid_to)

    def awake(at: int) -> bool:
        is_valid = (valid_from is None or valid_from <= at) and (valid_to is None or at < valid_to)
        return is_valid and (schedule is None or schedule.active_at(at))

    is_awake, until = fence.period(at)
    assert is_awake is awake(at)
    if until is None:
        assert awake(at + later * 1_000) is is_awake
        assert not is_awake or valid_to is None
    else:
        assert at < until
        assert awake(until) is not is_awake
        assert awake(until - 1) is is_awake
        assert awake(at + later % (until - at)) is is_awake
    assert not fence.is_always or (is_awake, until) == (True, None)


def _ms(at: datetime) -> int:
    return int(at.timestamp()) * 1000
