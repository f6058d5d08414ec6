"""The typed properties of a fence: what each takes, as one table used for reading, writing and suggesting.

A reader returns the value a `Fence` holds or raises ValueError with what would be right.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from geofences.errors import FenceError, Problem
from geofences.faults import MAX_APPROACH_M, MAX_RADIUS_M, MIN_RADIUS_M
from geofences.model import Detect, FenceKind
from geofences.schedule import DAY_MINUTES, Day, Holiday, Schedule, Window, hour, time_zone

LONGEST_ID = 64
LONGEST_TAG = 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})")

_HOUR = re.compile("(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00")
_DATE = re.compile("(?:([0-9]{4})-)?([0-9]{2})-([0-9]{2})")
_WINDOW = '{"days": ["mon", "tue"], "from": "22:00", "to": "06:00"}'
_SCHEDULE = f'{{"zone": "America/Mexico_City", "hours": [{_WINDOW}], "holidays": ["2026-12-25", "01-01"]}}'


def _as_it_is(value: Any) -> Any:
    return value


def _parsed_number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _parsed_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _parsed_list(text: str) -> Any:
    if text.lstrip().startswith("["):
        return _parsed_json(text)
    return [word.strip() for word in text.replace(";", ",").split(",") if word.strip()]


@dataclass(frozen=True, slots=True)
class Property:
    """How one property is read from JSON and written back. `parse` makes JSON of a text, for formats that have no types."""

    read: Callable[[Any], Any]
    write: Callable[[Any], Any] = _as_it_is
    parse: Callable[[str], Any] = _as_it_is


def shown(value: object) -> str:
    """A value of unknown origin, short enough and safe to print."""
    text = ascii(value) if isinstance(value, str | int | float | bool | None) else type(value).__name__
    return text if len(text) <= 60 else f"{text[:57]}..."


def suggestion(word: str, known: list[str]) -> str:
    """`; did you mean 'x'?`, where a known word is close. Of two with three letters nobody can tell: `lun` is no sunday."""
    close = get_close_matches(word[:60].lower(), known, n=1)
    return f"; did you mean {close[0]!r}?" if close and max(len(word), len(close[0])) > 3 else ""


def number(low: float, high: float, unit: str = "", *, above: bool = False) -> Callable[[Any], float]:
    """A reader of finite numbers from `low` (without it, if `above`) to `high`."""
    wanted = (
        f"a number {'above' if above else 'from'} {low:g} {'and up to' if above else 'to'} {high:g} {unit}".rstrip()
    )

    def read(value: Any) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        # NaN fails every comparison; a whole number beyond all doubles compares, but would not convert.
        if not is_number or not low <= value <= high or (above and value == low):
            raise ValueError(f"{shown(value)} is not {wanted}")
        return float(value)

    return read


def approach(value: Any) -> float:
    """Metres, 0 or those a buffer may have at least."""
    if value == 0 and not isinstance(value, bool):
        return 0.0
    try:
        return number(MIN_RADIUS_M, MAX_APPROACH_M, "m")(value)
    except ValueError as error:
        raise ValueError(f"{error}, nor 0 for none") from None


def whole(low: int, high: int) -> Callable[[Any], int]:
    """A reader of whole numbers from `low` to `high`."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"{shown(value)} is not a whole number from {low} to {high}")
        return value

    return read


def text(longest: int) -> Callable[[Any], str]:
    """A reader of printable text of 1 to `longest` characters; spaces at its ends are dropped."""

    def read(value: Any) -> str:
        stripped = value.strip() if isinstance(value, str) else ""
        if not 1 <= len(stripped) <= longest:
            long = f"; it has {len(stripped):,}" if stripped else ""
            raise ValueError(f"{shown(value)} is not a printable text of 1 to {longest} characters{long}")
        if not stripped.isprintable():
            raise ValueError(f"{shown(value)} is not a printable text: {_unprintable(value)}")
        return stripped

    return read


def identifier(value: Any) -> str:
    """An id: 1 to 64 printable characters, no space at the ends, no `@` (it parts id and version)."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        # Many tools number their features; the number is a good name.
        value = str(value)
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_ID:
        raise ValueError(f"{shown(value)} is not an id; give a text of 1 to {LONGEST_ID} characters")
    if value != value.strip() or "@" in value:
        raise ValueError(f"{shown(value)} is not an id; leave out '@' and spaces at the ends")
    if not value.isprintable():
        raise ValueError(f"{shown(value)} is not an id: {_unprintable(value)}")
    return value


def _unprintable(value: str) -> str:
    """Which character of a text it is that nobody would see, and where."""
    found = next(each for each in value.strip() if not each.isprintable())
    place = value.index(found, len(value) - len(value.lstrip())) + 1
    name = unicodedata.name(found, "")
    return f"its character {place} is U+{ord(found):04X}{f' {name}' if name else ''}; remove it"


def choice(options: type[StrEnum]) -> Callable[[Any], Any]:
    """A reader of one word of a closed list."""
    words = [option.value for option in options]

    def read(value: Any) -> StrEnum:
        if value not in words:
            close = suggestion(value, words) if isinstance(value, str) else ""
            raise ValueError(f"{shown(value)} is not one of {', '.join(words)}{close}")
        return options(value)

    return read


def many(item: Callable[[Any], Any], example: str) -> Callable[[Any], frozenset[Any]]:
    """A reader of a list whose items `item` reads."""

    def read(value: Any) -> frozenset[Any]:
        if not isinstance(value, list) or len(value) > 100:
            raise ValueError(f"{shown(value)} is not a list of at most 100, such as {example}")
        return frozenset(item(one) for one in value)

    return read


def instant(value: Any) -> int:
    """Milliseconds of an RFC 3339 text with its zone."""
    if isinstance(value, str) and _RFC3339.fullmatch(value):
        try:
            return (datetime.fromisoformat(value).astimezone(UTC) - _EPOCH) // _MS
        except OverflowError:
            raise ValueError(f"{shown(value)} lies outside the years 1 to 9999 of UTC; leave it out for ever") from None
        except ValueError:
            pass
    raise ValueError(f"{shown(value)} is not an instant such as 2026-01-28T15:22:00Z")


def _write_instant(ms: int) -> str:
    return (_EPOCH + ms * _MS).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_DAY = choice(Day)


def read_schedule(value: Any) -> Schedule:
    """A schedule as JSON has it. Raises FenceError with every mistake; its place in the schedule is the field."""
    if not isinstance(value, dict) or not value:
        raise ValueError(f"{shown(value)} is not a schedule such as {_SCHEDULE}")
    problems: list[Problem] = []

    def tried(place: str, read: Callable[..., Any], *given: Any) -> Any:
        try:
            return read(*given)
        except ValueError as error:
            problems.append(Problem(str(error), field=place))
            return None

    def members(place: str, given: Any, known: list[str]) -> None:
        for name in given:
            if name not in known:
                text = f"there is no such member{suggestion(name, known)}; a schedule is such as {_SCHEDULE}"
                problems.append(Problem(text, field=place + shown(name)))

    def items(place: str, given: Any, most: int, example: str) -> list[tuple[str, Any]]:
        found = tried(place, _some, given, most, example)
        return [(f"{place}[{number}]", item) for number, item in enumerate(found or ())]

    members("", value, ["zone", "hours", "holidays"])
    zone = tried("zone", _zone, value.get("zone"))
    windows: list[Window] = []
    for place, item in items("hours", value.get("hours"), 100, _WINDOW):
        if not isinstance(item, dict):
            problems.append(Problem(f"{shown(item)} is not a window such as {_WINDOW}", field=place))
            continue
        members(f"{place}.", item, ["days", "from", "to"])
        start = tried(f"{place}.from", _clock, item.get("from"), DAY_MINUTES - 1)
        end = tried(f"{place}.to", _clock, item.get("to"), DAY_MINUTES)
        days: list[Day] = list(Day)
        if item.get("days") is not None:
            days = [tried(at, _DAY, day) for at, day in items(f"{place}.days", item["days"], 8, '["mon", "sat"]')]
        if not problems:
            windows.append(Window(start, end, days))
    holidays: list[Holiday] = []
    if (given := value.get("holidays")) is not None and given != []:
        dates = items("holidays", given, 1_000, '["2026-12-25", "01-01"]')
        holidays = [tried(at, _holiday, date) for at, date in dates]
    if problems:
        raise FenceError(problems)
    return Schedule(zone, windows, holidays)


def _some(value: Any, most: int, example: str) -> list[Any]:
    if not isinstance(value, list) or not 1 <= len(value) <= most:
        found = "an empty list" if value == [] else "nothing" if value is None else shown(value)
        raise ValueError(f"expected a list of 1 to {most:,} such as {example}, found {found}")
    return value


def _zone(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{shown(value)} is no time zone; write one such as America/Mexico_City")
    time_zone(value)
    return value


def _clock(value: Any, latest: int) -> int:
    """Minutes after midnight."""
    if isinstance(value, str) and _HOUR.fullmatch(value):
        minutes = int(value[:2]) * 60 + int(value[3:])
        if minutes <= latest:
            return minutes
    raise ValueError(f"{shown(value)} is no time of the day; write one from 00:00 to {hour(latest)}, such as 08:30")


def _holiday(value: Any) -> Holiday:
    found = _DATE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{shown(value)} is no date; write one such as 2026-12-25, or 12-25 for every year")
    year, month, day = found.groups()
    return Holiday(int(month), int(day), None if year is None else int(year))


def _write_schedule(schedule: Schedule) -> dict[str, Any]:
    hours = [
        ({} if len(window.days) == len(Day) else {"days": list(window.days)})
        | {"from": hour(window.start), "to": hour(window.end)}
        for window in schedule.windows
    ]
    holidays = {"holidays": list(map(str, schedule.holidays))} if schedule.holidays else {}
    return {"zone": schedule.zone, "hours": hours} | holidays


def _count(low: int, high: int) -> Property:
    return Property(whole(low, high), parse=_parsed_number)


def _amount(low: float, high: float, unit: str, *, above: bool = False) -> Property:
    return Property(number(low, high, unit, above=above), parse=_parsed_number)


def _words(item: Callable[[Any], Any], example: str) -> Property:
    return Property(many(item, example), sorted, _parsed_list)


_DAY_S = 86_400.0
PROPERTIES = MappingProxyType(
    {
        "id": Property(identifier),
        "name": Property(text(200)),
        "kind": Property(choice(FenceKind)),
        "version": _count(1, 2**53),
        "risk": _count(1, 5),
        "severity": _count(1, 5),
        "detect": _words(choice(Detect), '["enter", "exit"]'),
        "min_inside_s": _amount(0, _DAY_S, "s"),
        "min_outside_s": _amount(0, _DAY_S, "s"),
        "dwell_s": _amount(0, 30 * _DAY_S, "s", above=True),
        "exit_margin_m": _amount(0, 10_000, "m"),
        "approach_m": Property(approach, parse=_parsed_number),
        "usual_crossing_s": _amount(0, _DAY_S, "s", above=True),
        "speed_limit_kmh": _amount(0, 200, "km/h", above=True),
        "tags": _words(text(LONGEST_TAG), '["north", "night"]'),
        "applies_to": _words(text(LONGEST_TAG), '["reefer"]'),
        "schedule": Property(read_schedule, _write_schedule, _parsed_json),
        "valid_from": Property(instant, _write_instant),
        "valid_to": Property(instant, _write_instant),
        "protocol": Property(text(500)),
    }
)
# The two that are part of the shape; which of them a geometry takes is for the format to say.
RADII = MappingProxyType({name: _amount(MIN_RADIUS_M, MAX_RADIUS_M, "m") for name in ("radius_m", "buffer_m")})
# Properties that one kind alone gives a meaning to: elsewhere they would be silently idle.
ONLY_FOR = MappingProxyType({"risk": FenceKind.HIGH_RISK_CORRIDOR, "usual_crossing_s": FenceKind.KNOWN_DEAD_ZONE})


def parsed(given: Mapping[str, str]) -> dict[str, Any]:
    """Properties as texts, of a format without types, as JSON has them; an empty text stands for none."""
    known = {**PROPERTIES, **RADII}
    return {
        name: known[name].parse(value.strip()) if name in known else value
        for name, value in given.items()
        if value.strip()
    }


def as_text(value: Any) -> str:
    """A property as JSON has it in a text that `parsed` reads back."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and not any(set(",;[") & set(word) for word in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)
