"""Instants: integer milliseconds since the epoch inside, RFC 3339 in UTC on the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
FIRST_MS = -62_135_596_800_000  # 0001-01-01T00:00:00Z
LAST_MS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z


_WHOLE_SECONDS, _MILLISECONDS = len("2026-01-28T15:22:00Z"), len("2026-01-28T15:22:00.000Z")


def parse_rfc3339(text: Any) -> int:
    """Milliseconds of an RFC 3339 text; sub-millisecond digits are cut. Raises ValueError otherwise."""
    if type(text) is str and text.isascii() and text[-1:] == "Z" and text[17:19].isdigit() and text[17] < "6":
        # The two forms that nearly every device sends, in the minutes that nearly every ping is of.
        if len(text) == _WHOLE_SECONDS:
            return _minute_ms(text[:17]) + int(text[17:19]) * 1000
        if len(text) == _MILLISECONDS and text[19] == "." and text[20:23].isdigit():
            return _minute_ms(text[:17]) + int(text[17:19]) * 1000 + int(text[20:23])
    return _parse(text)


@lru_cache(maxsize=4096)
def _minute_ms(text: str) -> int:
    """Milliseconds of the minute that a text such as `2026-01-28T15:22:` begins."""
    return _parse(text + "00Z")


def _parse(text: Any) -> int:
    if type(text) is not str:
        msg = "expected an RFC 3339 text such as 2026-01-28T15:22:00Z"
        raise ValueError(msg)
    # fromisoformat takes much more of ISO 8601 than RFC 3339 allows: the shape is checked first.
    if len(text) < 19 or text[4:8:3] != "--" or text[10] not in "Tt " or text[13:17:3] != "::":
        msg = f"{text[:40]!r} is not RFC 3339, as 2026-01-28T15:22:00Z is"
        raise ValueError(msg)
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            msg = f"{text[:40]!r} has no zone; end it with Z or an offset such as -06:00"
            raise ValueError(msg)
        ms = (at - _EPOCH) // _MS
    except OverflowError as error:
        msg = f"{text[:40]!r} is outside the calendar"
        raise ValueError(msg) from error
    # An offset can lead out of the years 1 to 9999, and then the instant could be read but never written.
    if not FIRST_MS <= ms <= LAST_MS:
        msg = f"{text[:40]!r} is outside the calendar"
        raise ValueError(msg)
    return ms


def format_rfc3339(ms: int) -> str:
    """RFC 3339 in UTC with three decimals, such as 2026-01-28T15:22:00.000Z."""
    at = _EPOCH + ms * _MS
    # Not strftime: its %Y does not pad years before 1000.
    return at.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


Instant = Annotated[
    int,
    BeforeValidator(parse_rfc3339),
    PlainSerializer(format_rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
