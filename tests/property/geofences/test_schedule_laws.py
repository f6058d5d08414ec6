"""Schedules against the clock on the wall, looked at minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from geofences.schedule import DAY_MINUTES, Day, Holiday, Schedule, Window

_MINUTE = timedelta(minutes=1)
# A leap of an hour forth and back, one of half an hour, one at midnight, and none.
ZONES = {
    "America/Tijuana": ("2026-03-08", "2026-11-01"),
    "Europe/Madrid": ("2026-03-29", "2026-10-25"),
    "Australia/Lord_Howe": ("2026-04-05", "2026-10-04"),
    "America/Asuncion": ("2022-03-27", "2022-10-02"),
    "America/Mexico_City": ("2026-02-01",),
}
_CLOSE = [0, 30, 60, 90, 105, 120, 135, 150, 180, 210, 720, 1410]
starts = st.sampled_from(_CLOSE) | st.integers(0, DAY_MINUTES - 1)
ends = st.sampled_from([*_CLOSE, DAY_MINUTES]) | st.integers(0, DAY_MINUTES)
windows = st.builds(Window, starts, ends, st.frozensets(st.sampled_from(Day), min_size=1))


@cache
def _shown(zone: str, around: str) -> tuple[list[datetime], list[datetime]]:
    """Each minute of nine days about a date, and what the clocks of the zone show then."""
    middle = datetime.fromisoformat(around).replace(tzinfo=UTC)
    minutes = [middle + (n - 5 * DAY_MINUTES) * _MINUTE for n in range(11 * DAY_MINUTES)]
    return minutes, [at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for at in minutes]


def _awake(schedule: Schedule, around: str) -> tuple[list[datetime], list[bool]]:
    """The slow, obvious way: between the first minute that shows the beginning or more, and the last before the end."""
    minutes, shown = _shown(schedule.zone, around)
    awake = [False] * len(minutes)
    midnights = sorted({at.replace(hour=0, minute=0) for at in shown})[1:-3]
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
                first = next(n for n, at in enumerate(shown) if at >= begin)
                last = max(n for n, at in enumerate(shown) if at < end)
                awake[first : last + 1] = [True] * (last + 1 - first)
    return minutes, awake


@st.composite
def schedules(draw: st.DrawFn) -> tuple[Schedule, str]:
    """A schedule, and a date about which clocks leap where they do."""
    zone = draw(st.sampled_from(list(ZONES)))
    around = draw(st.sampled_from(ZONES[zone]))
    day = datetime.fromisoformat(around) + timedelta(days=draw(st.integers(-2, 2)))
    holiday = Holiday(day.month, day.day, draw(st.sampled_from([None, day.year, day.year + 1])))
    holidays = draw(st.sampled_from([frozenset[Holiday](), frozenset({holiday})]))
    return Schedule(zone, tuple(draw(st.lists(windows, max_size=4))), holidays), around


@settings(deadline=None)
@example((Schedule("America/Tijuana", (Window(0, 60, frozenset({Day.SUN})),)), "2026-11-01"))
@example((Schedule("America/Tijuana", (Window(60, 90, frozenset({Day.SUN})),)), "2026-11-01"))
@example((Schedule("America/Tijuana", (Window(150, 170, frozenset({Day.SUN})),)), "2026-03-08"))
@given(schedules())
def test_it_is_awake_when_the_clocks_say_so(drawn: tuple[Schedule, str]) -> None:
    """Each change is where the slow way has one, and between two of them nothing changes."""
    schedule, around = drawn
    minutes, awake = _awake(schedule, around)
    at = minutes[2 * DAY_MINUTES]
    end = minutes[7 * DAY_MINUTES]
    changes = [n for n in range(2 * DAY_MINUTES + 1, 7 * DAY_MINUTES + 1) if awake[n] != awake[n - 1]]
    for n in changes:
        assert schedule.active_at(_ms(at)) is awake[n - 1]
        assert schedule.next_change(_ms(at)) == _ms(minutes[n])
        assert schedule.active_at(_ms(minutes[n]) - 1) is awake[n - 1]
        at = minutes[n]
    assert schedule.active_at(_ms(end)) is awake[7 * DAY_MINUTES]
    following = schedule.next_change(_ms(at))
    assert following is None or following > _ms(end)


def _ms(at: datetime) -> int:
    return int(at.timestamp()) * 1000
