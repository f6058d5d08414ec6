"""Instants: integer milliseconds since the epoch inside, RFC 3339 in UTC on the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from telematics.memo import Memo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
FIRST_MS = -62_135_596_800_000  # 0001-01-01T00:00:00Z
LAST_MS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z


def parse_rfc3339(text: Any) -> int:
    """Milliseconds of an RFC 3339 text; sub-millisecond digits are cut. Raises ValueError otherwise."""
    if type(text) is str:
        # Two look-ups, as nearly every ping is of a second that another is of; what is not found is read in full.
        try:
            return _ENDS[text[19:]] + _SECONDS[text[:19]]
        except KeyError:
            pass
    return _parse(text)


def _parse(text: Any) -> int:
    if type(text) is not str:
        msg = "expected an RFC 3339 text such as 2026-01-28T15:22:00Z"
        raise ValueError(msg)
    # fromisoformat takes much more of ISO 8601 than RFC 3339 allows (some Pythons an hour 24): the shape comes first.
    if len(text) < 19 or text[4:8:3] != "--" or text[10] not in "Tt " or text[11:13] == "24" or text[13:17:3] != "::":
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
    return _SECOND_TEXTS[ms // 1000] + _END_TEXTS[ms % 1000]


# What follows the second as nearly every device sends it, in ms: `Z`, or `.000Z` to `.999Z`.
_END_TEXTS = [f".{ms:03}Z" for ms in range(1000)]
_ENDS = {"Z": 0} | {text: ms for ms, text in enumerate(_END_TEXTS)}
# Milliseconds of the second that a text such as `2026-01-28T15:22:00` begins, and the other way round.
_SECONDS: Memo[str, int] = Memo(lambda text: _parse(text + "Z"), 20_000)
# Not strftime: its %Y does not pad years before 1000.
_SECOND_TEXTS: Memo[int, str] = Memo(
    lambda second: (_EPOCH + timedelta(seconds=second)).isoformat().removesuffix("+00:00"), 20_000
)


Instant = Annotated[
    int,
    BeforeValidator(parse_rfc3339),
    PlainSerializer(format_rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
