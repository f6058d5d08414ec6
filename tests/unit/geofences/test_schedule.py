"""Schedules by cases: far changes, words, and what is none; the laws are in tests/property/geofences."""

from __future__ import annotations

import zoneinfo
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import TYPE_CHECKING

import pytest

from geofences.errors import FenceError
from geofences.schedule import Day, Holiday, Schedule, Window, time_zone

if TYPE_CHECKING:
    from pathlib import Path

MEXICO = "America/Mexico_City"
WEEK = tuple(Day)[:7]
WORKDAYS = WEEK[:5]
FREE = [Holiday(1, 1), Holiday(12, 25, 2026)]


def ms(text: str) -> int:
    """Milliseconds of a time in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


FAR: list[tuple[list[Window], list[Holiday], tuple[bool, str | None]]] = [
    ([], [], (False, None)),
    ([Window(0, 0)], [], (True, None)),
    ([Window(0, 720), Window(720, 0)], [], (True, None)),
    ([Window(0, 0)], FREE, (True, None)),
    ([Window(0, 0, WEEK)], [], (True, None)),
    ([Window(0, 0, WEEK)], [Holiday(12, 31)], (True, "2026-12-31 00:00")),
    ([Window(0, 0, WEEK)], [Holiday(1, 1, 2090)], (True, "2090-01-01 00:00")),
    ([Window(0, 0, WEEK), Window(0, 0, [Day.HOLIDAY])], [Holiday(12, 31)], (True, None)),
    ([Window(0, 60, [Day.HOLIDAY])], [], (False, None)),
    ([Window(0, 60, [Day.HOLIDAY])], [Holiday(12, 25, 2025)], (False, None)),
    ([Window(0, 60, [Day.HOLIDAY])], [Holiday(2, 28)], (False, "2026-02-28 00:00")),
    ([Window(0, 60, [Day.HOLIDAY])], [Holiday(2, 29)], (False, "2028-02-29 00:00")),
    # Sundays last until midnight only, all others until six: a 29th of February lacks its morning when it is a Monday.
    (
        [Window(360, 360, [*WEEK[:6], Day.HOLIDAY]), Window(360, 0, [Day.SUN]), Window(0, 360, [Day.MON])],
        [Holiday(2, 29)],
        (True, "2044-02-29 00:00"),
    ),
]


@pytest.mark.parametrize(("windows", "holidays", "period"), FAR)
def test_the_next_change_is_found_however_far_it_is(
    windows: list[Window], holidays: list[Holiday], period: tuple[bool, str | None]
) -> None:
    """Years away, and none where none comes."""
    awake, until = Schedule("UTC", windows, holidays).period(ms("2026-01-28 12:00"))
    assert (awake, until) == (period[0], None if period[1] is None else ms(period[1]))


def test_a_single_holiday_ends() -> None:
    """What wakes once falls asleep for good."""
    once = Schedule("UTC", [Window(1200, 120, [Day.HOLIDAY])], [Holiday(12, 25, 2026)])
    assert once.period(ms("2026-12-25 23:00")) == (True, ms("2026-12-26 02:00"))
    assert once.period(ms("2026-12-26 02:00")) == (False, None)


def test_a_leap_that_swallows_a_window_hides_none_of_the_next_week() -> None:
    """On Sundays from 02:15 to 02:45, asked a week before the Sunday that has no such minutes."""
    weekly = Schedule("America/Tijuana", [Window(135, 165, [Day.SUN])])
    assert weekly.period(ms("2026-03-02 00:00")) == (False, ms("2026-03-15 09:15"))


def test_clocks_set_back_over_midnight_bring_back_the_day_before() -> None:
    """In Newfoundland, at 00:01 on Sunday it was 23:01 on Saturday: a window from Friday to Saturday, 23:59, was not over."""
    daily = Schedule("America/St_Johns", [Window(1439, 1439, [Day.FRI])])
    assert daily.period(ms("2010-11-07 02:30")) == (True, ms("2010-11-07 03:29"))


@pytest.mark.parametrize("at", [-(10**15), -1, 10**13, 10**17])
def test_beyond_the_calendar_nothing_changes(at: int) -> None:
    """Instants that no clock of a truck means have an answer, too."""
    nightly = Schedule(MEXICO, [Window(1320, 360)], [Holiday(12, 25)])
    awake, until = nightly.period(at)
    assert until is None if at > 0 else nightly.period(until or 0)[0] is not awake


def test_hours_are_those_of_the_pinned_zones(tmp_path: Path) -> None:
    """Not those of the machine, which here has Tokyo's for Guadalajara's coast."""
    folder = tmp_path / "America"
    folder.mkdir()
    tokyo = resources.files("tzdata.zoneinfo.Asia").joinpath("Tokyo").read_bytes()
    (folder / "Bahia_Banderas").write_bytes(tokyo)
    zoneinfo.reset_tzpath(to=[str(tmp_path)])
    try:
        schedule = Schedule("America/Bahia_Banderas", [Window(480, 540)])
        assert schedule.period(ms("2026-01-28 12:00")) == (False, ms("2026-01-28 14:00"))
        machine = zoneinfo.ZoneInfo.no_cache("America/Bahia_Banderas")
        assert datetime(2026, 1, 28, tzinfo=machine).utcoffset() == timedelta(hours=9)
    finally:
        zoneinfo.reset_tzpath()


WORDS: list[tuple[Schedule, str]] = [
    (Schedule(MEXICO, [Window(1320, 360, WORKDAYS)]), "mon-fri 22:00-06:00 (America/Mexico_City)"),
    (Schedule(MEXICO, [Window(0, 0)]), "every day 00:00-24:00 (America/Mexico_City)"),
    (Schedule(MEXICO, []), "never (America/Mexico_City)"),
    (
        Schedule("UTC", [Window(600, 720, [Day.SAT, Day.SUN]), Window(1320, 1440, WORKDAYS)], FREE),
        "mon-fri 22:00-24:00; sat, sun 10:00-12:00; not on 01-01, 2026-12-25 (UTC)",
    ),
    (
        Schedule("UTC", [Window(600, 720, [Day.MON, Day.WED, Day.THU, Day.FRI, Day.HOLIDAY])], FREE),
        "mon, wed-fri, holiday 10:00-12:00; holidays are 01-01, 2026-12-25 (UTC)",
    ),
    (Schedule("UTC", [Window(600, 720, [Day.SAT, Day.SUN, Day.HOLIDAY])]), "sat, sun, holiday 10:00-12:00 (UTC)"),
]


@pytest.mark.parametrize(("schedule", "words"), WORDS)
def test_a_schedule_is_told_in_words(schedule: Schedule, words: str) -> None:
    """As an operator would say it."""
    assert str(schedule) == words


def test_order_and_repetition_say_nothing() -> None:
    """Schedules with the same windows, days and holidays are one; and they survive being copied."""
    one = Schedule("UTC", [Window(600, 720, [Day.SAT, Day.MON]), Window(0, 60)], FREE)
    other = Schedule("UTC", frozenset({Window(0, 60), Window(600, 720, {Day.MON, Day.SAT})}), [*FREE[::-1], *FREE])
    assert (one, hash(one), repr(one)) == (other, hash(other), repr(other))
    assert deepcopy(one) == one


@pytest.mark.parametrize(("start", "end", "days"), [(-1, 60, WEEK), (1440, 60, WEEK), (0, 1441, WEEK), (0, 60, ())])
def test_what_is_no_window_is_refused(start: int, end: int, days: tuple[Day, ...]) -> None:
    """Minutes of a day, on a day."""
    with pytest.raises(FenceError, match=r"give a start from 0 to 1439, an end to 1440, and a day"):
        Window(start, end, days)


def test_every_zone_can_be_had() -> None:
    """Those of the list are files of the database, and of what is none one like it is named."""
    names = resources.files("tzdata").joinpath("zones").read_text(encoding="ascii").split()
    assert all(time_zone(name).key == name for name in names)
    with pytest.raises(FenceError, match="did you mean 'America/Tijuana'"):
        time_zone("America/Tijuna")


def test_what_is_asked_again_is_not_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one stretch of hours the answer is found once, in whatever order its instants come."""
    schedule = Schedule("America/Mexico_City", [Window(8 * 60, 20 * 60)])
    looked = 0
    finding = Schedule._found

    def counted(its: Schedule, at: int) -> tuple[int, bool, int | None]:
        nonlocal looked
        looked += 1
        return finding(its, at)

    monkeypatch.setattr(Schedule, "_found", counted)
    noon = ms("2026-01-28T18:00:00")
    hours = [noon + minutes * 60_000 for minutes in (0, -60, 200, -239, 479)]
    nights = [noon + minutes * 60_000 for minutes in (481, 1190, 600)]
    assert [schedule.active_at(at) for at in hours] == [True] * 5
    assert [schedule.active_at(at) for at in nights] == [False] * 3
    assert looked == 2


def test_hours_that_fill_every_day_never_change() -> None:
    """However many windows they are drawn with, and with whatever holidays: what is always awake is found at once."""
    week = tuple(Day)[:7]
    windows = [Window(start, min(start + 20, 1440), week) for start in range(0, 1440, 15)]
    schedule = Schedule(
        "America/Mexico_City", [*windows, Window(0, 1440, [Day.HOLIDAY])], [Holiday(12, 31, 2099), Holiday(2, 29)]
    )
    assert not schedule._dated
    assert not schedule._yearly
    assert schedule.period(ms("2026-01-28T18:00:00")) == (True, None)
